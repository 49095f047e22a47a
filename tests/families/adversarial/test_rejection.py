"""Calibrated rejection on laws whose ratio is known."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

import pofx
from pofx.distributions.divergences import jensen_shannon as divergence
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
        bounds.append((found.jsd_before, found.jsd_after))
    assert (np.min(bounds, axis=0) < 0).all() and (np.mean(bounds, axis=0) < 0.001).all()


@pytest.mark.parametrize("n", [4, 20])
def test_few_images_and_equal_logits_are_no_error(n):
    for logits in (np.zeros(n), np.arange(n, dtype=float)):
        found = calibrated(logits, logits.copy(), np.random.default_rng(0))
        assert np.isfinite(found.to_array()[:-2]).all()
        assert np.isfinite(found.acceptance) and (n > 4 or found.jsd_after is None)


def test_where_too_few_pass_there_is_no_bound_after():
    """And not the one before, which is far above what passes has: of 20 images of either law about three pass."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = calibrated(rng.normal(2, 1, size=20), rng.normal(0, 1, size=20), rng)
        assert found.jsd_after is None and found.std_error_after is None
        assert "too few passed to tell after" in str(found)
        assert Rejection.from_array(found.to_array()) == found


def law_of_what_passes(found, x):
    """Of N(0, 1), on a grid: rejection is known."""
    q = norm.pdf(x) * np.exp(np.minimum(found.slope * x + found.intercept - found.log_bound, 0.0))
    return q / (q.sum() * (x[1] - x[0]))


def test_the_bounds_hold_in_expectation_and_spread_as_is_told():
    """p_data = N(1.5, 1), p_G = N(0, 1), few images: before and after."""
    x = np.linspace(-9, 10, 2001)
    step, p = x[1] - x[0], norm.pdf(x, 1.5)
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found.append(calibrated(rng.normal(1.5, 1, size=300), rng.normal(size=500), rng))
    told = [one for one in found if one.jsd_after is not None]
    before, before_error = (
        np.array(v) for v in zip(*((one.jsd_before, one.std_error_before) for one in found), strict=True)
    )
    after, after_error = (
        np.array(v) for v in zip(*((one.jsd_after, one.std_error_after) for one in told), strict=True)
    )
    truth = float(divergence(p, norm.pdf(x), cell_volume=step))
    truth_after = np.mean([divergence(p, law_of_what_passes(one, x), cell_volume=step) for one in told])
    assert truth - 0.02 < before.mean() < truth + 2 * before.std() / np.sqrt(300)
    assert len(told) > 200 and after.mean() < truth_after + 2 * after.std() / np.sqrt(len(told))
    assert np.sqrt(np.mean(before_error**2)) == pytest.approx(before.std(), rel=0.2)
    # Given the calibration: that of the few that pass varies from fit to fit, and their spread is greater.
    assert 0.4 * after.std() < np.sqrt(np.mean(after_error**2)) < after.std()


def test_as_numbers_and_back():
    found = calibrated(*samples(200), np.random.default_rng(0))
    assert found.jsd_after is not None and Rejection.from_array(found.to_array()) == found
    one_missing = np.where(np.arange(8) == 7, np.nan, found.to_array())
    for bad in (np.zeros(3), np.zeros((8, 1)), np.full(8, np.nan), np.full(8, np.inf), one_missing):
        with pytest.raises(ValueError, match="damaged"):
            Rejection.from_array(bad)
    assert "accepted" in str(found)


@pytest.mark.parametrize(("index", "number"), [(3, 0.0), (3, 1.5), (3, -0.1), (5, -1.0), (7, -1.0), (0, np.nan)])
def test_numbers_that_no_calibration_has_are_refused(index, number):
    good = calibrated(*samples(400), np.random.default_rng(0)).to_array()
    assert Rejection.from_array(good).to_array() == pytest.approx(good)
    good[index] = number
    with pytest.raises(ValueError, match="calibration of the discriminator"):
        Rejection.from_array(good)


def test_numbers_of_a_file_that_overflow_decide_all_the_same():
    numbers = [1e308, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0]
    found = Rejection.from_array(np.array(numbers))
    assert found.accepts(np.array([-1e30, 1e30]), np.array([0.0, 0.9])).tolist() == [False, True]


@pytest.mark.parametrize("size", [np.nan, np.inf, 1e300])
def test_logits_that_tell_nothing_cost_the_rejection_and_not_the_fit(size, monkeypatch):
    monkeypatch.setattr(pofx.GAN, "_logits", lambda self, x_NCHW, codes: np.full(len(x_NCHW), size))
    model = pofx.GAN(width=4, depth=1, latent_dim=2, max_epochs=1, validation_fraction=0.2, random_state=0)
    with pytest.warns(UserWarning, match="there is no rejection"):
        model.fit(np.random.default_rng(0).integers(0, 4, (120, 4, 4)).astype(np.uint8))
    assert model.rejection_ is None and model.sample(2).shape == (2, 4, 4)
    with pytest.raises(ValueError, match="numbers of a usable size"):
        model.sample(2, reject=True)
