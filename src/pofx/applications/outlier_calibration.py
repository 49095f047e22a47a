"""From scores to p-values, by the ranks of calibration images: one set of them, one of each class, or folds.

Scores of K folds are rows of (K, n); without folds K is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.applications.conformal import (
    NOTHING_FLAGGED,
    FalseAlarmRate,
    cross_conformal_p_values,
    false_alarm_rate,
    greatest_rank,
    lower_or_equal,
    threshold,
)

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
#: Just below 1: a share of a rank must never be a whole one.
ALMOST_ONE = 1.0 - 1e-9
#: Scores beyond this, on either side, are as far away as can be told.
LARGEST_SQUARED = 1e140


@dataclass(frozen=True)
class Calibration:
    """Scores of ordinary images that nothing was learned from.

    Attributes:
        scores: (n_cal,), each by the score of its own fold.
        folds: number of the fold of each, 0..K-1, (n_cal,).
        codes: class of each, 0..C-1, (n_cal,); all 0 if classes are not told apart.
        rate: the false-alarm rate asked for, alpha.
        n_folds: K, or None where there are no folds.
        n_classes: C; a rare class may have no calibration image, and then none of it can be flagged.
    """

    scores: Floats
    folds: Codes
    codes: Codes
    rate: float
    n_folds: int | None
    n_classes: int = 1

    def counts(self) -> Codes:
        """Calibration images of each class, (C,)."""
        return np.bincount(self.codes, minlength=self.n_classes).astype(np.int64)

    def p_values(self, scores_KN: Floats, codes: Codes | None) -> Floats:
        """(n,): of each image in its own class, or in the one in which it is most ordinary.

        Args:
            scores_KN: scores by every fold.
            codes: class of each image, (n,); None: unknown. The greatest p-value over classes is one too: whatever the
                class is, it is at most alpha no more often than that of the class.
        """
        return _of_class(self._p_values_CN(scores_KN), codes)

    def _p_values_CN(self, scores_KN: Floats) -> Floats:
        return np.stack([cross_conformal_p_values(self._by_fold(c), list(scores_KN)) for c in range(self.n_classes)])

    def normality(self, scores_KN: Floats, codes: Codes | None) -> Floats:
        """One number an image that is below `offset` where p <= alpha and only there, (n,).

        Without folds that is the score itself, less by how much the threshold of its class is above the lowest. Scores
        of different folds cannot be compared, but ranks can: with folds it is the p-value, of which the +1 of the new
        image's own rank gives way to a share of it that says where between two ranks the image is.
        """
        return _of_class(self._normality_CN(scores_KN), codes)

    def _normality_CN(self, scores_KN: Floats) -> Floats:
        if self.n_folds is None:
            return np.stack([self._shifted(scores_KN[0], t) for t in self._thresholds()])
        rows = []
        for code, own_threshold in enumerate(self._thresholds()):
            by_fold = self._by_fold(code)
            total = sum(len(own) for own in by_fold)
            rank = np.sum([lower_or_equal(own, new) for own, new in zip(by_fold, scores_KN, strict=True)], axis=0)
            # Where it lies among the scores of every fold, in units of their spread; any increasing map will do.
            z = np.mean([_standardised(own, new) for own, new in zip(by_fold, scores_KN, strict=True)], axis=0)
            share = np.clip(0.5 * (1 + z / (1 + np.abs(z))), 0.0, ALMOST_ONE)
            rows.append(self._shifted((rank + share) / (total + 1), own_threshold))
        return np.stack(rows)

    def _shifted(self, scores_N: Floats, own_threshold: float) -> Floats:
        if own_threshold == NOTHING_FLAGGED:  # no image of this class can be flagged
            return np.maximum(scores_N, self.offset)
        offset, largest = self.offset, float(np.finfo(np.float64).max)
        with np.errstate(over="ignore"):
            shifted = np.clip(scores_N - (own_threshold - offset), -largest, largest)
        # Rounding must not carry a score across the offset, nor onto it.
        below = np.nextafter(offset, -np.inf)
        return np.where(scores_N < own_threshold, np.minimum(shifted, below), np.maximum(shifted, offset))

    @property
    def offset(self) -> float:
        """What `normality` is compared with: the lowest threshold of a class in which anything can be flagged."""
        thresholds = [t for t in self._thresholds() if t != NOTHING_FLAGGED]
        return float(min(thresholds, default=NOTHING_FLAGGED))

    def _thresholds(self) -> list[float]:
        if self.n_folds is None:
            return [threshold(self.scores[self.codes == code], self.rate) for code in range(self.n_classes)]
        return [greatest_rank(self.rate, int(n)) / (int(n) + 1) for n in self.counts()]

    def report(self) -> FalseAlarmRate:
        """The rate that is kept; of several classes that of the smallest, with the widest interval."""
        return false_alarm_rate(int(self.counts().min()), self.rate, n_folds=self.n_folds)

    def _by_fold(self, code: int) -> list[Floats]:
        own = self.codes == code
        return [self.scores[own & (self.folds == fold)] for fold in range(self.n_folds or 1)]


def _of_class(values_CN: Floats, codes: Codes | None) -> Floats:
    return values_CN.max(axis=0) if codes is None else values_CN[codes, np.arange(values_CN.shape[1])]


def _standardised(calibration_scores: Floats, scores: Floats) -> Floats:
    if not len(calibration_scores):
        return np.zeros(len(scores))
    # Infinite scores became the largest numbers that there are, and the squares of those are none.
    own, new = (values.clip(-LARGEST_SQUARED, LARGEST_SQUARED) for values in (calibration_scores, scores))
    deviation = float(own.std())
    return np.asarray((new - own.mean()) / (deviation if deviation > 0 else 1.0))
