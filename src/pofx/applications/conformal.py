"""Conformal p-values: how often an ordinary image would have a score as low as this one's.

Nothing is assumed of the scores. If the calibration images and a new one are exchangeable, its rank among them is
uniform, so a p-value of at most alpha comes with probability of at most alpha; over draws of the calibration images and
of the new one together. Given one set of calibration images the rate is a draw from a Beta law. Sources: Vovk,
Gammerman, Shafer 2005, "Algorithmic learning in a random world", chapter 2; Vovk 2012, arXiv 1209.2673 (the Beta law);
Vovk 2015, arXiv 1208.0806 (cross-conformal); Bates et al. 2023, arXiv 2104.08279 (false discovery rate).

Scores: higher is more ordinary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

#: The threshold where no image can be flagged: no score is below it.
NOTHING_FLAGGED = -float(np.finfo(np.float64).max)
#: Of the intervals that are told.
CONFIDENCE = 0.95


def conformal_p_values(calibration_scores: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """p(x) = (1 + #{calibration scores <= s(x)}) / (n_cal + 1).

    Args:
        calibration_scores: (n_cal,), of ordinary images that nothing was learned from.
        scores: (n,).
    """
    return cross_conformal_p_values([np.asarray(calibration_scores)], [np.asarray(scores)])


def cross_conformal_p_values(
    calibration_scores: Sequence[NDArray[np.float64]], scores: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """p(x) = (1 + sum_k #{i in fold k: s_k(x_i) <= s_k(x)}) / (n + 1), s_k learned without fold k.

    With several folds P(p <= alpha) is at most 2 alpha, but for a term that vanishes with the size of the folds; in
    practice it is near alpha (Vovk 2015, section 3).

    Args:
        calibration_scores: of each fold, (n_k,).
        scores: of the same new images by the scores of each fold, (n,).
    """
    counts = [lower_or_equal(own, new) for own, new in zip(calibration_scores, scores, strict=True)]
    total = sum(len(own) for own in calibration_scores)
    return (1.0 + np.sum(counts, axis=0)) / (total + 1)


def lower_or_equal(calibration_scores: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the calibration scores are not above each score, (n,)."""
    return np.searchsorted(np.sort(calibration_scores), scores, side="right").astype(np.int64)


def greatest_rank(rate: float, n_calibration: int) -> int:
    """The greatest k with k / (n_cal + 1) <= rate: p-values of so many ranks are small enough to be flagged.

    Found by comparing the p-values themselves: of the product ``rate * (n_cal + 1)`` rounding may lose one.
    """
    k = min(n_calibration + 1, math.floor(rate * (n_calibration + 1)) + 1)
    while k and k / (n_calibration + 1) > rate:
        k -= 1
    return k


def threshold(calibration_scores: NDArray[np.float64], rate: float) -> float:
    """The score below which p <= rate: the k-th lowest calibration score, k = `greatest_rank`.

    `NOTHING_FLAGGED` where k = 0.
    """
    k = greatest_rank(rate, len(calibration_scores))
    if k > len(calibration_scores):
        return float(np.finfo(np.float64).max)  # a rate of 1: everything is flagged
    return float(np.sort(calibration_scores)[k - 1]) if k else NOTHING_FLAGGED


def benjamini_hochberg(p_values: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Which images to flag so that of those flagged at most the share ``rate`` is ordinary, on average.

    Flags the k images of the lowest p-values, k the greatest with p_(k) <= rate k / n (Benjamini and Hochberg 1995).
    Conformal p-values from the same calibration images depend on one another, but positively (in the sense of PRDS), so
    it holds for them (Bates et al. 2023, theorem 2).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not p.size:
        return np.zeros(0, dtype=bool)
    return np.asarray(stats.false_discovery_control(p) <= rate)


@dataclass(frozen=True)
class FalseAlarmRate:
    """How often ordinary images are flagged.

    Attributes:
        nominal: the rate asked for, alpha.
        n_calibration: number of calibration images.
        expected: k / (n_cal + 1), the rate that it comes to on average, k the greatest number with which that is at
            most alpha.
        lower, upper: the 95 % interval of the rate given one set of calibration images, of the law Beta(k, n_cal + 1 -
            k); it is exact where scores do not tie.
        guarantee: what the rate cannot exceed on average: alpha, or 2 alpha with folds.
    """

    nominal: float
    n_calibration: int
    expected: float
    lower: float
    upper: float
    guarantee: float

    def __str__(self) -> str:
        if not self.expected:
            return (
                f"at {self.n_calibration} calibration images no image can be flagged at a false-alarm rate of "
                f"{_percent(self.nominal)}"
            )
        text = (
            f"of ordinary images {_percent(self.expected)} are flagged on average; with these "
            f"{self.n_calibration:,} calibration images the rate lies between {_percent(self.lower)} and "
            f"{_percent(self.upper)} (95 %)"
        )
        if self.guarantee != self.nominal:
            text += f"; over several folds only {_percent(self.guarantee)} is guaranteed"
        return text


def false_alarm_rate(n_calibration: int, rate: float, *, n_folds: int | None = None) -> FalseAlarmRate:
    """The rate of ordinary images that are flagged at ``rate``, with so many calibration images.

    With folds the interval is that of as many independent ranks: the scores of different folds are not, and it is an
    approximation then.
    """
    k = greatest_rank(rate, n_calibration)
    if k == 0:
        lower = upper = 0.0
    elif k == n_calibration + 1:
        lower = upper = 1.0
    else:
        outside = (1 - CONFIDENCE) / 2
        lower, upper = (float(q) for q in stats.beta(k, n_calibration + 1 - k).ppf([outside, 1 - outside]))
    return FalseAlarmRate(
        nominal=rate,
        n_calibration=n_calibration,
        expected=k / (n_calibration + 1),
        lower=lower,
        upper=upper,
        guarantee=rate if n_folds is None else min(1.0, 2 * rate),
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"
