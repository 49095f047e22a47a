"""Stacked images: three gray images as the red, green and blue of one, so that K classes make K^3 modes.

With ten digits these are the thousand modes of "stacked MNIST" (Metz et al. 2016, arXiv 1611.02163, section 3.3.1;
Lin et al. 2018, arXiv 1712.04086). Any labelled set of gray images will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.measures.alike import checked_count
from pofx.measures.mode_coverage import ModeCoverage, mode_coverage


def stacked_images(
    images: ArrayLike, labels: ArrayLike, n: int, *, random_state: int = 0
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """n stacks of three images each, drawn independently and evenly over the classes, and the mode of each.

    The mode of a stack is c_R K^2 + c_G K + c_B, with c the place of a label among the K sorted ones: of digits the
    number that red, green and blue spell.

    Args:
        images: gray, (n_images, H, W).
        labels: (n_images,).
        n: how many stacks.
        random_state: seed.

    Returns:
        Stacks (n, H, W, 3) of the images' type, and their modes (n,).

    Raises:
        ValueError: images of another shape or none, not as many labels as images, or an n that is no whole number or
            below 1.
    """
    gray, y = np.asarray(images), np.asarray(labels)
    if gray.ndim != 3 or y.shape != (len(gray),) or len(gray) == 0:
        raise ValueError(f"images must be (n, H, W) and labels (n,), not {gray.shape} and {y.shape}")
    n = checked_count(n, "n", 1)
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(random_state)
    drawn = rng.integers(len(classes), size=(n, 3))
    # Any image of the class: its place among the members, who stand one after the other once sorted.
    members = np.argsort(codes, kind="stable")
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    chosen = members[firsts[drawn] + rng.integers(counts[drawn])]
    return np.moveaxis(gray[chosen], 1, -1), _mode_of(drawn, len(classes))


def stacked_modes(stacks: ArrayLike, classifier: Any) -> NDArray[np.int64]:
    """The mode of each stack (n, H, W, 3), every colour named by a classifier of the gray images; (n,).

    Args:
        classifier: fitted, with ``predict`` of images (n, H, W) and ``classes_``, such as `SmallClassifier`.

    Raises:
        ValueError: stacks of another shape.
    """
    colours = np.asarray(stacks)
    if colours.ndim != 4 or colours.shape[3] != 3:
        raise ValueError(f"stacks must be (n, H, W, 3), not {colours.shape}")
    classes = np.asarray(classifier.classes_)
    named = [np.searchsorted(classes, classifier.predict(colours[..., channel])) for channel in range(3)]
    return _mode_of(np.stack(named, axis=1), len(classes))


def stacked_coverage(stacks: ArrayLike, classifier: Any) -> ModeCoverage:
    """`mode_coverage` of generated stacks against the uniform law over the K^3 modes; arguments as `stacked_modes`."""
    return mode_coverage(stacked_modes(stacks, classifier), len(classifier.classes_) ** 3)


def _mode_of(codes_N3: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    return np.asarray(codes_N3 @ np.array([n_classes**2, n_classes, 1]), dtype=np.int64)
