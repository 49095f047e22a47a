"""How well a score tells foreign images from ordinary ones."""

import numpy as np
import pytest
from scipy.stats import norm

from pofx.evaluation.detection import auroc, false_positive_rate_at_95


def test_against_pairs_with_ties_as_halves():
    rng = np.random.default_rng(0)
    ordinary, foreign = rng.integers(0, 9, size=40), rng.integers(-3, 6, size=30)
    pairs = ordinary[:, None] - foreign
    assert auroc(ordinary, foreign) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)


def test_against_two_normal_laws():
    rng = np.random.default_rng(0)
    ordinary, foreign = rng.normal(size=200_000) + 2, rng.normal(size=200_000)
    assert auroc(ordinary, foreign) == pytest.approx(norm.cdf(2 / np.sqrt(2)), abs=0.002)
    assert false_positive_rate_at_95(ordinary, foreign) == pytest.approx(norm.sf(2 + norm.ppf(0.05)), abs=0.004)


def test_the_sign_and_the_ends():
    low, high = np.arange(20.0), np.arange(20.0) + 100
    assert auroc(high, low) == 1 and auroc(low, high) == 0 and auroc(low, low) == pytest.approx(0.5)
    assert false_positive_rate_at_95(high, low) == 0 and false_positive_rate_at_95(low, high) == 1
    assert false_positive_rate_at_95(low, low) == 0.95
