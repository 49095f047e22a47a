"""Are probabilities what they say? Of answers given with 80 %, four in five should be right.

Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", arXiv 1706.04599, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Bins of equal width, as in the paper.
N_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Images by how sure the likeliest class is, in B bins of equal width over 0 to 1.

    Attributes:
        counts: images in each bin, (B,).
        confidence: their mean probability of the likeliest class, (B,); NaN where there are none.
        accuracy: the share of them of which that class is the true one, (B,); NaN where there are none.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """sum_b n_b / n |accuracy_b - confidence_b|, 0 (right) to 1. It depends on the bins; and of few images it is
        above 0 by chance alone."""
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.counts[filled] / self.counts.sum()) @ gaps)


def reliability(probabilities_NK: ArrayLike, codes: ArrayLike, n_bins: int = N_BINS) -> Reliability:
    """How often the likeliest class is right, by how likely it was said to be.

    Args:
        probabilities_NK: p(y|x) of each image, (n, K), n at least 1; rows that sum to 1.
        codes: the true class numbers, (n,).
        n_bins: B.
    """
    p, truth = np.asarray(probabilities_NK, dtype=np.float64), np.asarray(codes)
    if p.ndim != 2 or not len(p) or truth.shape != p.shape[:1]:
        raise ValueError(f"probabilities must be (n, K) and codes (n,), n > 0, not {p.shape} and {truth.shape}")
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    # A bin holds what is above its lower end, up to its upper end: 1 is in the last, 0 in the first.
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, weights=values, minlength=n_bins) / counts for values in (confidence, right)]
    return Reliability(counts.astype(np.int64), *means)
