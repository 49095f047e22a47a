"""Conformal p-values against their definition, and their rates against the laws that they have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pofx.applications.conformal import (
    NOTHING_FLAGGED,
    benjamini_hochberg,
    conformal_p_values,
    cross_conformal_p_values,
    false_alarm_rate,
    greatest_rank,
    threshold,
)

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)
RATES = st.integers(1, 99).map(lambda percent: percent / 100)


@given(SCORES, SCORES)
def test_p_values_are_one_plus_the_number_of_calibration_scores_not_above_over_n_plus_one(calibration, scores):
    expected = [(1 + sum(c <= s for c in calibration)) / (len(calibration) + 1) for s in scores]
    np.testing.assert_array_equal(conformal_p_values(calibration, scores), expected)


@given(SCORES, SCORES, RATES)
def test_an_image_is_below_the_threshold_exactly_where_its_p_value_is_at_most_the_rate(calibration, scores, rate):
    """Also at ties, and where rounding of rate (n + 1) would lose a rank."""
    found = scores < threshold(calibration, rate)
    np.testing.assert_array_equal(found, conformal_p_values(calibration, scores) <= rate)


@pytest.mark.parametrize(
    ("rate", "n", "rank"), [(0.05, 19, 1), (0.05, 18, 0), (0.29, 99, 29), (0.07, 99, 7), (0.1, 9, 1)]
)
def test_the_greatest_rank_is_not_lost_to_rounding(rate, n, rank):
    """0.29 * 100 is 28.999... in floating point."""
    assert greatest_rank(rate, n) == rank


def test_where_nothing_can_be_flagged_no_score_is_below_the_threshold():
    assert threshold(np.arange(5.0), 0.05) == NOTHING_FLAGGED
    assert not (np.array([-np.finfo(float).max]) < NOTHING_FLAGGED).any()


def test_over_calibration_draws_the_rate_is_exactly_k_over_n_plus_one():
    """10,000 draws of 39 calibration scores and a new one: P(p <= 0.1) = 4 / 40."""
    rng = np.random.default_rng(0)
    calibration, new = rng.normal(size=(10_000, 39)), rng.normal(size=(10_000, 1))
    flagged = [conformal_p_values(c, s)[0] <= 0.1 for c, s in zip(calibration, new, strict=True)]
    assert stats.binomtest(sum(flagged), len(flagged), 0.1).pvalue > 0.001


def test_given_the_calibration_images_the_rate_follows_the_beta_law_of_the_interval():
    rng = np.random.default_rng(1)
    n, alpha, draws = 199, 0.05, 4000
    # Of uniform scores the rate given a threshold is the threshold itself.
    rates = np.array([threshold(rng.random(n), alpha) for _ in range(draws)])
    report = false_alarm_rate(n, alpha)
    assert report.expected == 10 / 200
    assert stats.kstest(rates, stats.beta(10, 190).cdf).pvalue > 0.001
    inside = np.mean((rates >= report.lower) & (rates <= report.upper))
    assert stats.binomtest(round(inside * draws), draws, 0.95).pvalue > 0.001


def test_cross_conformal_counts_each_fold_by_its_own_score():
    by_fold = [np.array([0.0, 1.0]), np.array([10.0, 20.0, 30.0])]
    scores = [np.array([0.5, -1.0]), np.array([25.0, 5.0])]
    np.testing.assert_allclose(cross_conformal_p_values(by_fold, scores), [(1 + 1 + 2) / 6, 1 / 6])


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array), RATES)
def test_benjamini_hochberg_flags_the_lowest_p_values_up_to_the_greatest_k(p, rate):
    order = np.argsort(p, kind="stable")
    fits = [k for k in range(1, len(p) + 1) if p[order][k - 1] * len(p) / k <= rate]
    expected = np.zeros(len(p), dtype=bool)
    expected[order[: max(fits, default=0)]] = True
    # Equal p-values are flagged together.
    expected = expected | np.isin(p, p[expected])
    np.testing.assert_array_equal(benjamini_hochberg(p, rate), expected)


def test_benjamini_hochberg_keeps_the_false_discovery_rate_and_finds():
    rng = np.random.default_rng(2)
    shares, found = [], []
    for _ in range(300):
        calibration = rng.normal(size=500)
        ordinary, foreign = rng.normal(size=180), rng.normal(size=20) - 5
        flagged = benjamini_hochberg(conformal_p_values(calibration, np.concatenate([ordinary, foreign])), 0.2)
        shares.append(flagged[:180].sum() / max(1, flagged.sum()))
        found.append(flagged[180:].mean())
    assert np.mean(shares) < 0.2 * 0.9 + 3 * np.std(shares) / np.sqrt(300)
    assert np.mean(shares) > 0.1 and np.mean(found) > 0.9


def test_benjamini_hochberg_of_nothing_flags_nothing():
    assert benjamini_hochberg([], 0.1).shape == (0,)


def test_the_report_says_the_guarantee_of_folds_and_where_nothing_can_be_flagged():
    assert "10 % is guaranteed" in str(false_alarm_rate(99, 0.05, n_folds=5))
    assert "guaranteed" not in str(false_alarm_rate(99, 0.05))
    assert "no image can be flagged" in str(false_alarm_rate(9, 0.05))
    assert false_alarm_rate(3, 0.999).upper < 1 and false_alarm_rate(1, 0.6).expected == 0.5
