"""Two collections of one law are told apart no more often than said; a small part that differs is seen, and shown."""

import numpy as np
import pytest
from scipy.stats import binom

import pofx
from pofx.evaluation import comparison
from pofx.evaluation.comparison import _permutation_p_value, compared


@pytest.fixture(scope="module")
def digits():
    images = pofx.load_source("digits").images
    return images[np.random.default_rng(0).permutation(len(images))]


def test_a_planted_part_is_seen_and_its_images_show_it(digits):
    first, second = digits[:800].copy(), digits[800:1600].copy()
    odd = np.arange(0, 800, 20)  # one in twenty
    second[odd] = 16 - second[odd]
    found = compared(first, second)
    assert found.p_value <= 0.002
    assert set(np.argsort(found.second_log_odds)[:30]) <= set(odd)
    assert found.n == 800 and np.array_equal(found.second_indices, np.arange(800))
    assert compared(first, second).p_value == found.p_value


def test_halves_of_one_collection_are_not_told_apart(digits):
    found = compared(digits[:800], digits[800:1600])
    assert found.p_value > 0.05
    assert abs(found.jsd_bound) < 0.05 and abs(found.accuracy - 0.5) < 0.06


def test_of_collections_that_share_nothing_nearly_all_is_known(digits):
    found = compared(digits[:300], 16 - digits[300:700])
    assert found.accuracy > 0.98 and found.jsd_bound > 0.6 and found.p_value == pytest.approx(2 / 5000)
    assert found.n == 300 and (found.first_log_odds > 0).mean() > 0.95 > 0.05 > (found.second_log_odds > 0).mean()
    assert "JSD >=" in str(found)


def test_the_p_value_is_the_share_of_permutations_that_are_as_high():
    """Of two and two entries six ways, of which one is as high as 5 + 4, and two are as high as 5 + 3."""
    rng = np.random.default_rng(0)
    for odds, share in (
        ([[5.0, 4.0], [3.0, 1.0]], 1 / 6),
        ([[5.0, 3.0], [4.0, 1.0]], 2 / 6),
        ([[1.0, 1.0], [1.0, 1.0]], 1),
    ):
        assert _permutation_p_value(np.array(odds), rng) == pytest.approx(share, abs=0.03)


def test_over_splits_the_p_value_errs_as_often_as_it_says(monkeypatch):
    """With a classifier that is made in no time: the nearest of the two means."""

    class Means:
        def __init__(self, **_):
            pass

        def fit(self, X, y):
            self.direction = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
            self.middle = X.mean(axis=0)
            return self

        def log_proba(self, X):
            odds = ((X - self.middle) * self.direction).sum(axis=1)
            return np.stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)], axis=1)

    monkeypatch.setattr(comparison, "SmallClassifier", Means)
    monkeypatch.setattr(comparison, "PERMUTATIONS", 199)
    rng = np.random.default_rng(0)
    wrong = 0
    for seed in range(400):
        X = rng.normal(size=(80, 3))
        wrong += compared(X[:40], X[40:], random_state=seed).p_value <= 0.1
    assert binom.cdf(wrong, 400, 0.1) < 0.999 and wrong > 10  # no more often, and not never


def test_too_few_images_are_refused(digits):
    with pytest.raises(ValueError, match="at least 16"):
        compared(digits[:10], digits[10:100])
