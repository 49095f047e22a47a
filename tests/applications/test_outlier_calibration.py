"""Calibration of several classes: what is flagged is what is below the offset, whatever rounding does."""

import numpy as np
import pytest

from pofx.applications.outlier_calibration import Calibration


@pytest.mark.parametrize("size", [1.0, 1e16, 1e308])
@pytest.mark.parametrize("n_folds", [None, 2])
def test_no_rounding_carries_a_score_across_the_offset(size, n_folds):
    rng = np.random.default_rng(0)
    scores, codes = rng.normal(size=300), np.repeat([0, 1, 2], 100)
    scores[codes == 0] *= 0.1
    scores[codes == 1] = scores[codes == 1] + 7 / 3
    scores = np.clip(scores, -1.7, 1.7) * size
    calibration = Calibration(scores, np.arange(300) % (n_folds or 1), codes, 0.1, n_folds, 3)
    thresholds = [np.sort(scores[codes == code])[9] for code in range(3)]
    new = np.concatenate([scores, *(np.nextafter(scores, to) for to in (-np.inf, np.inf)), thresholds])
    scores_KN = np.tile(new, (n_folds or 1, 1))
    if n_folds:  # far below the scores of one fold, above many of the other: the share of a rank is none
        scores_KN[1, ::2] = -np.finfo(np.float64).max
    for own in (*(np.full(len(new), code) for code in range(3)), None):
        normality = calibration.normality(scores_KN, own)
        assert np.isfinite(normality).all()
        flagged = calibration.p_values(scores_KN, own) <= 0.1
        np.testing.assert_array_equal(normality < calibration.offset, flagged)


def test_a_class_without_calibration_images_has_a_p_value_of_one():
    calibration = Calibration(np.arange(99.0), np.zeros(99, np.int64), np.zeros(99, np.int64), 0.05, None, 2)
    assert calibration.counts().tolist() == [99, 0]
    low = np.full((1, 2), -5.0)
    assert calibration.p_values(low, np.array([0, 1])).tolist() == [0.01, 1.0]
    assert (calibration.normality(low, np.array([0, 1])) < calibration.offset).tolist() == [True, False]
