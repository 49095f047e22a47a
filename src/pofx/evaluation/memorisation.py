"""Whether a model made something new: the training image nearest to each sample, and distances beside those of real
images that the model never saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import mannwhitneyu

from pofx.base import GenerativeModel
from pofx.data.collection import Progress
from pofx.evaluation.samples import as_images
from pofx.measures.alike import alike, checked_count
from pofx.measures.distances import nearest
from pofx.measures.extractors import Extractor

#: Training images that are compared with at a time, and images that log p is asked of unless told otherwise.
PART, SCORED_IMAGES = 4_096, 2_000


@dataclass(frozen=True)
class CopyTest:
    """Distances to the nearest training image, of samples beside those of held-out real images.

    Attributes:
        features: what the distances are between.
        sample_distances: (n,). nearest: which training image is nearest to each sample, (n,).
        held_out_distances: (m,).
        share_nearer: probability that a sample is nearer to the training images than a held-out image is (ties count
            half): 1/2 if they are of one law, towards 1 for copies, below 1/2 for samples far from all images.
        null_standard_error: of that share if both are of one law.
        p_value: probability of such a share or a higher one then (Mann & Whitney 1947).
        n_copies, n_real_copies: samples, and held-out images, at distance zero.
    """

    features: str
    sample_distances: NDArray[np.float64]
    nearest: NDArray[np.int64]
    held_out_distances: NDArray[np.float64]
    share_nearer: float
    null_standard_error: float
    p_value: float
    n_copies: int
    n_real_copies: int

    def __str__(self) -> str:
        n, m = len(self.sample_distances), len(self.held_out_distances)
        return (
            f"on {self.features}: a sample is nearer to its training image than a held-out image with probability "
            f"{self.share_nearer:.3f} (0.5 ± {self.null_standard_error:.3f} if of one law, p = {self.p_value:.2g}), "
            f"median distance "
            f"{np.median(self.sample_distances):.4g} beside {np.median(self.held_out_distances):.4g}; copies: "
            f"{self.n_copies} of {n:,} samples, {self.n_real_copies} of {m:,} held-out images"
        )


@dataclass(frozen=True)
class LikelihoodGap:
    """Mean log p of training images less that of held-out ones, nats an image.

    Attributes:
        gap, standard_error: its value and error over the images. kind: "exact" or "lower bound".
        train, held_out: the two means.
    """

    gap: float
    standard_error: float
    train: float
    held_out: float
    kind: str

    def __str__(self) -> str:
        return (
            f"log p(x) ({self.kind}): training images {self.train:.2f}, held-out images {self.held_out:.2f}, gap "
            f"{self.gap:.2f} ± {self.standard_error:.2f} nats an image"
        )


@dataclass(frozen=True)
class Memorisation:
    """`memorisation`: in pixels, on features if there are some, and log p if the model has one."""

    in_pixels: CopyTest
    on_features: CopyTest | None
    likelihood_gap: LikelihoodGap | None

    def __str__(self) -> str:
        parts = (self.in_pixels, self.on_features, self.likelihood_gap)
        return "\n".join(str(part) for part in parts if part is not None)


def memorisation(
    samples: ArrayLike,
    train_images: ArrayLike,
    held_out_images: ArrayLike,
    *,
    model: Any = None,
    extractor: Extractor | None = None,
    n_scored: int = SCORED_IMAGES,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Memorisation:
    """Tell samples that copy training images from samples that are as far from them as new images are.

    The distance from each sample to its nearest training image is compared, by rank, with that from held-out real
    images to theirs (the test of Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675, over all of the space at once).
    A test in pixels alone also finds blurred images near: they are near to everything. Look at the pairs.

    Args:
        samples: (n, ...) drawn images. train_images: all that the model was fitted to (a memory map is read in parts).
        held_out_images: (m, ...) real images that it was not fitted to.
        model: what drew the samples. If it has ``score_samples`` (and ``density``, its kind), the gap between training
            and held-out log p is measured.
        extractor: features to test on besides pixels.
        n_scored: images of either kind that log p is asked of, at most; two at least.
        random_state: seed of the choice of images for the gap.
        progress: called with the training images that were compared with, on all features, and their number.

    Raises:
        ValueError: images that are not of one shape and scale, fewer than two in a set, or n_scored below two.
    """
    n_scored = checked_count(n_scored, "n_scored", 2)
    drawn, train, held_out = (np.asanyarray(part) for part in (samples, train_images, held_out_images))
    shape = model.spec_.shape_HWC if isinstance(model, GenerativeModel) else None
    in_pixels = Extractor("pixels", lambda images: images)
    n, n_tests = len(train), 1 if extractor is None else 2

    def counted(before: int) -> Callable[[int], None]:
        return lambda done: None if progress is None else progress(before + done, n_tests * n)

    return Memorisation(
        _copy_test(drawn, train, held_out, in_pixels, shape, counted(0)),
        None if extractor is None else _copy_test(drawn, train, held_out, extractor, shape, counted(n)),
        _gap(model, train, held_out, n_scored, random_state) if hasattr(model, "score_samples") else None,
    )


def _copy_test(
    samples: NDArray[Any],
    train: NDArray[Any],
    held_out: NDArray[Any],
    extractor: Extractor,
    shape: tuple[int, int, int] | None,
    progress: Callable[[int], None],
) -> CopyTest:
    if len(train) < 2:
        raise ValueError("at least two training images are needed")
    held_out = as_images(held_out, shape)

    def features(images: NDArray[Any]) -> NDArray[np.float64]:
        return extractor(alike(held_out, as_images(images, shape))[1])

    queries = np.concatenate([features(samples), extractor(alike(held_out, held_out)[0])])
    distances, indices = np.full(len(queries), np.inf), np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(train), PART):
        start = min(start, len(train) - 2)  # no part of a single image: sets that are compared have two at least
        found, which = nearest(queries, features(np.asarray(train[start : start + PART])))
        nearer = found < distances
        distances[nearer], indices[nearer] = found[nearer], which[nearer] + start
        progress(min(start + PART, len(train)))
    n, m = len(samples), len(held_out)
    test = mannwhitneyu(distances[:n], distances[n:], alternative="less", method="asymptotic")
    return CopyTest(
        extractor.name,
        distances[:n],
        indices[:n],
        distances[n:],
        float(1 - test.statistic / (n * m)),
        math.sqrt((n + m + 1) / (12 * n * m)),
        float(test.pvalue),
        int(np.sum(distances[:n] == 0)),
        int(np.sum(distances[n:] == 0)),
    )


def _gap(model: Any, train: NDArray[Any], held_out: NDArray[Any], n_scored: int, random_state: int) -> LikelihoodGap:
    rng = np.random.default_rng([random_state, 5])
    seen, unseen = (
        model.score_samples(np.asarray(part[np.sort(rng.permutation(len(part))[:n_scored])]))
        for part in (train, held_out)
    )
    error = math.sqrt(sum(float(score.var(ddof=1)) / len(score) for score in (seen, unseen)))
    means = float(seen.mean()), float(unseen.mean())
    return LikelihoodGap(means[0] - means[1], error, means[0], means[1], model.density)
