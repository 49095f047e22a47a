"""Bins of confidence against numbers worked out by hand, and against laws that are calibrated."""

import numpy as np
import pytest

from pofx.measures.reliability import reliability


def test_the_error_is_the_weighted_gap_between_accuracy_and_confidence():
    p = np.array([[0.9, 0.1], [0.95, 0.05], [0.3, 0.7], [0.4, 0.6], [1.0, 0.0]])
    found = reliability(p, [0, 1, 1, 0, 0], n_bins=5)
    assert found.counts.tolist() == [0, 0, 1, 1, 3]  # (0.4, 0.6], (0.6, 0.8], (0.8, 1]
    np.testing.assert_allclose(found.confidence[2:], [0.6, 0.7, 2.85 / 3])
    np.testing.assert_allclose(found.accuracy[2:], [0.0, 1.0, 2 / 3])
    assert np.isnan(found.accuracy[:2]).all() and np.isnan(found.confidence[:2]).all()
    expected = (1 * 0.6 + 1 * 0.3 + 3 * (2.85 / 3 - 2 / 3)) / 5
    assert found.expected_calibration_error == pytest.approx(expected)


@pytest.mark.parametrize("sharpness", [1.0, 3.0])
def test_only_probabilities_that_are_right_have_no_error(sharpness):
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.5, 0.5, 0.5], size=40_000)
    codes = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
    said = p**sharpness / (p**sharpness).sum(axis=1, keepdims=True)
    error = reliability(said, codes).expected_calibration_error
    assert error < 0.01 if sharpness == 1.0 else error > 0.05


@pytest.mark.parametrize(("p", "codes"), [(np.ones((0, 2)), []), (np.ones(3), [0, 0, 0]), (np.ones((3, 1)), [0, 0])])
def test_what_are_no_probabilities_and_classes_is_refused(p, codes):
    with pytest.raises(ValueError, match="must be"):
        reliability(p, codes)
