"""Which of the ordinary images train the model, which are its reference, and which calibrate its scores.

The three are disjoint: a model knows its training images too well, what is learned from the reference images fits them
best, and only ranks among images that nothing was learned from are honest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Indices of images, ascending: disjoint, and together all of them. ``training`` is empty if there is nothing to
    train, ``reference`` if nothing is learned from it."""

    training: Indices
    reference: Indices
    calibration: Indices


@dataclass(frozen=True)
class Sizes:
    """How large a share of the images each part is; the rest trains.

    Attributes:
        reference, calibration: shares of all images.
        trains: whether there is a training part; without one the other two share all images in their proportion.
        refers: whether there is a reference part; without one its images train, or calibrate.
    """

    reference: float
    calibration: float
    trains: bool
    refers: bool

    def counts(self, n: int) -> tuple[int, int, int]:
        """Images of the three parts, of n.

        Raises:
            ValueError: a part that is needed would have no image (two, to refer to).
        """
        reference, calibration = (self.reference if self.refers else 0.0), self.calibration
        if not self.trains:
            reference, calibration = (share / (reference + calibration) for share in (reference, calibration))
        n_calibration = round(calibration * n)
        n_reference = (round(reference * n) if self.trains else n - n_calibration) if self.refers else 0
        n_training = n - n_reference - n_calibration
        if n_calibration < 1 or (self.refers and n_reference < 2) or (self.trains and n_training < 1):
            raise ValueError(
                f"Found array with {n} sample(s), too few to be divided: {n_training} would train, {n_reference} be "
                f"the reference and {n_calibration} calibrate. Give more images, or set reference_fraction and "
                "calibration_fraction (n_folds, for small collections)."
            )
        return n_training, n_reference, n_calibration


def divided(n: int, sizes: Sizes, rng: np.random.Generator, codes: Indices | None = None) -> Parts:
    """The parts of n images, at random.

    Args:
        codes: classes of the images (n,); the calibration images are then of the classes in their proportion, so that
            each class can be calibrated by itself.
    """
    n_training, n_reference, _ = sizes.counts(n)
    order = _spread_over_classes(rng.permutation(n), codes)
    ends = [n_training, n_training + n_reference]
    return Parts(*(np.sort(part) for part in np.split(order, ends)))


def set_aside(codes: Indices, share: float, rng: np.random.Generator) -> Indices:
    """So many of the images, ascending, that a model of p(x|y) is not fitted to.

    At random, whatever the class: were the classes kept in proportion, no image of a rare one would ever calibrate, and
    new images of rare classes would be flagged more often than ordinary images should. Only of a class all of whose
    images were drawn one is put back, for there must be a p(x|y) of each: a class of a single image always trains.

    Args:
        codes: class numbers of all images, (n,).

    Raises:
        ValueError: too few images.
    """
    n = len(codes)
    n_aside = round(share * n)
    if not 0 < n_aside < n:
        raise ValueError(
            f"Found array with {n} sample(s), too few: {n_aside} would be held out, and {n - n_aside} train. Give more "
            f"images, or {'raise' if n_aside == 0 else 'lower'} holdout_fraction"
        )
    aside = rng.permutation(len(codes))[:n_aside]
    trained = np.unique(np.delete(codes, aside))
    _, first = np.unique(codes[aside], return_index=True)
    put_back = first[~np.isin(codes[aside[first]], trained)]
    return np.sort(np.delete(aside, put_back))


def in_folds(
    n: int, n_folds: int, sizes: Sizes, rng: np.random.Generator, codes: Indices | None = None
) -> Iterator[Parts]:
    """Parts of which the calibration images are the folds, one after the other: each image is in one of them.

    Of the others the share ``sizes.reference`` refers and the rest trains; ``sizes.calibration`` plays no part.

    Raises:
        ValueError: more folds than images, or too few in a part.
    """
    if n_folds > n:
        raise ValueError(f"Found array with {n} sample(s), fewer than n_folds={n_folds}")
    order = _spread_over_classes(rng.permutation(n), codes)
    for fold in range(n_folds):
        calibration = order[fold::n_folds]
        others = rng.permutation(np.setdiff1d(order, calibration))
        n_reference = len(others) if not sizes.trains else round(sizes.reference * len(others))
        n_reference = n_reference if sizes.refers else 0
        n_training = len(others) - n_reference if sizes.trains else 0
        if (sizes.refers and n_reference < 2) or (sizes.trains and n_training < 1):
            raise ValueError(
                f"Found array with {n} sample(s), too few for {n_folds} folds: {n_training} would train and "
                f"{n_reference} be the reference"
            )
        yield Parts(np.sort(others[n_reference:][:n_training]), np.sort(others[:n_reference]), np.sort(calibration))


def _spread_over_classes(order: Indices, codes: Indices | None) -> Indices:
    """The same indices in an order in which every stretch has the classes in about their proportion."""
    if codes is None:
        return order
    # Where in its class each image comes, as a share: images of the same share stand together.
    place = np.empty(len(order))
    for code in np.unique(codes):
        own = order[codes[order] == code]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return order[np.argsort(place[order], kind="stable")]
