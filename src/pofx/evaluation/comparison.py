"""Do two collections differ, and which images show it? Two classifiers tell, each of what the other learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.evaluation.samples import as_images
from pofx.measures.alike import alike
from pofx.measures.classifier import SmallClassifier
from pofx.measures.two_sample import LEAST, tempered

#: Permutations of the labels that a p-value rests on: it is at least 1 / (n + 1).
PERMUTATIONS = 4_999


@dataclass(frozen=True)
class Comparison:
    """What `compared` found.

    Attributes:
        p_value: probability of a difference as large if both collections are of one law, at most.
        jsd_bound, jsd_standard_error: lower bound on the Jensen-Shannon divergence between their laws in nats (at most
            log 2; not clipped at zero), the mean of both classifiers', and its standard error over the images.
        accuracy: share of the images that the classifier which had not seen them assigns to the right collection.
        first_log_odds (n,), second_log_odds (n,): log D(x) / (1 - D(x)) of each compared image, D the probability that
            it is of the first collection, by the classifier that had not seen it.
        first_indices, second_indices (n,): which images of either collection were compared, ascending.
        classifier: what they were.
    """

    p_value: float
    jsd_bound: float
    jsd_standard_error: float
    accuracy: float
    first_log_odds: NDArray[np.float64]
    second_log_odds: NDArray[np.float64]
    first_indices: NDArray[np.int64]
    second_indices: NDArray[np.int64]
    classifier: str

    @property
    def n(self) -> int:
        """Images of each collection."""
        return len(self.first_indices)

    def __str__(self) -> str:
        return (
            f"JSD >= {self.jsd_bound:.4f} ± {self.jsd_standard_error:.4f} nats (log 2 = {math.log(2):.4f}), accuracy "
            f"{self.accuracy:.3f}, p = {self.p_value:.3g}; {self.n:,} images of each, {self.classifier}"
        )


def compared(
    first: ArrayLike,
    second: ArrayLike,
    *,
    random_state: int = 0,
    device: str = "cpu",
    shape: tuple[int, int, int] | None = None,
) -> Comparison:
    """Tell whether two collections of images are of one law.

    Both are cut in halves at random. A classifier D that learns from one half of both judges the other half, where

        JSD(p || q) >= log 2 + E_p[log D(x)] / 2 + E_q[log(1 - D(x))] / 2,

    and the other way round (Goodfellow et al. 2014, arXiv 1406.2661, section 4.1; the test: Lopez-Paz & Oquab 2017,
    arXiv 1610.06545). Given a classifier that never saw them, images of one law can change places: among all ways to
    call as many of them the first collection's, the bound is as high as it is or higher in a share of cases that is the
    p-value (Fisher's permutation test, which assumes nothing but that images are drawn
    independently of one another: near-duplicates are not). That sees few odd images, of which the classifier is
    sure, where the accuracy hardly moves. Of the two p-values, which depend on one another, twice the smaller one is
    told, at most 1: so it errs with no more than its nominal probability.

    Of the larger collection as many images are taken, at random, as the smaller one has.

    Args:
        first, second: (n, d), (n, H, W) or (n, H, W, C), of one shape and scale. shape: height, width and channels, if
            images come as rows.
        random_state: seed of everything random.
        device: of the classifiers.

    Raises:
        ValueError: see `pofx.measures.alike.alike`; fewer than 16 images in a collection.
    """
    a, b = np.asanyarray(first), np.asanyarray(second)
    n = min(len(a), len(b))
    if n < LEAST:
        raise ValueError(f"at least {LEAST} images of each collection are needed, not {n}")
    rng = np.random.default_rng([random_state, 6])
    chosen = [np.sort(rng.permutation(len(part))[:n]) for part in (a, b)]
    a, b = alike(*(as_images(np.asarray(part[some]), shape) for part, some in zip((a, b), chosen, strict=True)))
    order = rng.permutation(n)
    halves = order[: n // 2], order[n // 2 :]
    log_p = np.empty((2, n, 2))  # of which collection, of which image; that it is of the second, of the first
    p_values, name = [], ""
    for turn, (learned, judged) in enumerate((halves, halves[::-1])):
        fresh: Any = SmallClassifier(random_state=random_state + turn, device=device)
        name = str(fresh.fit(np.concatenate([a[learned], b[learned]]), np.repeat([1, 0], len(learned))))
        for which, images in enumerate((a, b)):
            log_p[which, judged] = tempered(fresh.log_proba(images[judged]), len(learned))
        odds = log_p[:, judged, 1] - log_p[:, judged, 0]
        p_values.append(_permutation_p_value(odds, rng))
    log_d, log_not_d = log_p[0, :, 1], log_p[1, :, 0]
    odds = log_p[..., 1] - log_p[..., 0]
    return Comparison(
        min(1.0, 2 * min(p_values)),
        float(math.log(2) + 0.5 * (log_d.mean() + log_not_d.mean())),
        0.5 * math.sqrt((log_d.var(ddof=1) + log_not_d.var(ddof=1)) / n),
        float(((odds[0] > 0).mean() + (odds[1] <= 0).mean()) / 2),
        odds[0],
        odds[1],
        chosen[0],
        chosen[1],
        name,
    )


def _permutation_p_value(odds: NDArray[np.float64], rng: np.random.Generator) -> float:
    """P(bound as high or higher) over ways to call half of the images the first collection's; (1 + #) / (1 + n).

    The bound is half the mean of log D over the first and of log(1 - D) over the second ones: but for what no
    permutation changes, the sum of the log-odds over those that are called the first.

    Args:
        odds: log-odds (2, m), of the first collection's and the second's.
    """
    m = odds.shape[1]
    pooled, found = odds.ravel(), odds[0].sum()
    sums = np.array([pooled[rng.permutation(2 * m)[:m]].sum() for _ in range(PERMUTATIONS)])
    # Sums of the same numbers in another order differ in their last digits.
    as_high = sums >= found - 1e-9 * (1 + np.abs(pooled).sum())
    return float((1 + as_high.sum()) / (1 + PERMUTATIONS))
