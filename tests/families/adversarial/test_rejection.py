"""Calibrated rejection on laws whose ratio is known."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from pofx.families.adversarial.rejection import Rejection, calibrated

#: p_data = N(1/2, 1) and p_G = N(0, 1): log p_data - log p_G = x / 2 - 1/8.
SLOPE, INTERCEPT = 0.5, -0.125


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 1.0, size=n), rng.normal(0.0, 1.0, size=n)


def jensen_shannon():
    x = np.linspace(-10, 10, 20001)
    p, q = norm.pdf(x, 0.5), norm.pdf(x)
    m = (p + q) / 2
    return float((0.5 * p * np.log(p / m) + 0.5 * q * np.log(q / m)).sum() * (x[1] - x[0]))


def test_the_log_ratio_is_found_whatever_the_scale_of_the_logits():
    """The discriminator's logit is 3 x + 7, far from the log ratio, which is affine in it."""
    real, made = (3 * x + 7 for x in samples(40_000))
    found = calibrated(real, made, np.random.default_rng(0))
    assert found.slope * 3 == pytest.approx(SLOPE, abs=0.02)
    assert found.intercept + 7 * found.slope == pytest.approx(INTERCEPT, abs=0.02)


def test_what_passes_has_the_law_of_the_data():
    found = calibrated(*samples(40_000), np.random.default_rng(0))
    made = samples(60_000, seed=1)[1]
    passed = made[found.accepts(made, np.random.default_rng(2).random(len(made)))]
    assert len(passed) / len(made) == pytest.approx(found.acceptance, abs=0.01)
    # All but the hundredth with the largest ratios is drawn from the law itself.
    assert kstest(passed, norm(0.5).cdf).statistic < 0.03 < kstest(made, norm(0.5).cdf).statistic


def test_the_bounds_are_below_the_divergence_and_rejection_lowers_it():
    truth, found = jensen_shannon(), calibrated(*samples(40_000), np.random.default_rng(0))
    assert truth - 0.003 < found.jsd_before < truth + 3 * found.std_error_before
    assert abs(found.jsd_after) < 3 * found.std_error_after + 0.001
    assert 0 < found.std_error_before < 0.01


def test_on_the_same_law_all_but_nothing_changes_and_bounds_are_not_clipped():
    bounds = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = calibrated(rng.normal(size=400), rng.normal(size=400), rng)
        bounds.append(found.jsd_before)
    assert min(bounds) < 0 and np.mean(bounds) < 0.001


@pytest.mark.parametrize("n", [4, 20])
def test_few_images_and_equal_logits_are_no_error(n):
    for logits in (np.zeros(n), np.arange(n, dtype=float)):
        found = calibrated(logits, logits.copy(), np.random.default_rng(0))
        assert np.isfinite(found.to_array()).all()


def test_as_numbers_and_back():
    found = calibrated(*samples(200), np.random.default_rng(0))
    assert Rejection.from_array(found.to_array()) == found
    for bad in (np.zeros(3), np.full(8, np.nan)):
        with pytest.raises(ValueError, match="damaged"):
            Rejection.from_array(bad)
    assert "accepted" in str(found)


@pytest.mark.parametrize(("index", "number"), [(3, 0.0), (3, 1.5), (3, -0.1), (5, -1.0), (7, -1.0), (0, np.nan)])
def test_numbers_that_no_calibration_has_are_refused(index, number):
    good = calibrated(np.arange(40.0), np.arange(40.0) - 5, np.random.default_rng(0)).to_array()
    assert Rejection.from_array(good).to_array() == pytest.approx(good)
    good[index] = number
    with pytest.raises(ValueError, match="calibration of the discriminator"):
        Rejection.from_array(good)
