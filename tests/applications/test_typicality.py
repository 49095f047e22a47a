"""The law of typical statistics."""

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import LedoitWolf

from pofx.applications import typicality
from pofx.applications.typicality import TypicalLaw


def draw(n, rng, k=3):
    mixing = np.array([[2.0, 0, 0], [1.0, 0.5, 0], [0.3, -0.2, 4.0]])[:k, :k]
    return rng.normal(size=(n, k)) @ mixing.T + np.array([100.0, -5.0, 0.0])[:k]


def test_it_is_the_density_of_a_gaussian_with_shrunk_covariance(monkeypatch):
    monkeypatch.setattr(typicality, "TRIMMED", 0.0)
    rng = np.random.default_rng(0)
    t, new = draw(200, rng), draw(50, rng)
    z = (t - t.mean(axis=0)) / t.std(axis=0)
    shrunk = LedoitWolf().fit(z)
    law = stats.multivariate_normal(shrunk.location_, shrunk.covariance_)
    np.testing.assert_allclose(
        TypicalLaw.fit(t).log_density(new), law.logpdf((new - t.mean(axis=0)) / t.std(axis=0)), atol=1e-9
    )


def test_far_images_are_less_typical_in_every_direction_and_never_infinitely():
    rng = np.random.default_rng(0)
    law = TypicalLaw.fit(draw(500, rng))
    ordinary = law.log_density(draw(500, rng))
    for direction in np.vstack([np.eye(3), -np.eye(3)]):
        for size in (1e3, 1e100, 1e300, np.inf):
            far = law.log_density(np.where(direction == 0, 0.0, np.copysign(size, direction))[None])
            assert np.isfinite(far).all() and far[0] < ordinary.min()
    assert np.isfinite(law.log_density(np.full((1, 3), np.nan))).all()


def test_the_unit_of_a_statistic_does_not_matter():
    rng = np.random.default_rng(0)
    t, new = draw(300, rng), draw(50, rng)
    scales, shift = np.array([1e-6, 1e6, 3.0]), np.array([5.0, -1.0, 0.1])
    a, b = TypicalLaw.fit(t).log_density(new), TypicalLaw.fit(t * scales + shift).log_density(new * scales + shift)
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_statistic_that_never_varies_says_nothing():
    rng = np.random.default_rng(0)
    t, new = draw(300, rng), draw(50, rng)
    law = TypicalLaw.fit(np.column_stack([t, np.full(300, 7.0)]))
    other = law.log_density(np.column_stack([new, np.full(50, 7.0)]))
    np.testing.assert_array_equal(other, law.log_density(np.column_stack([new, np.full(50, 9e9)])))
    # The same but for rounding: 0.3 and 0.1 * 3 are two numbers.
    law = TypicalLaw.fit(np.column_stack([t, np.where(np.arange(300) % 2, 0.3, 0.1 * 3)]))
    nearly = [law.log_density(np.column_stack([new, np.full(50, value)])) for value in (0.3, 0.3 + 1e-12)]
    np.testing.assert_array_equal(*nearly)
    assert np.corrcoef(other, TypicalLaw.fit(t).log_density(new))[0, 1] > 0.99


def test_one_image_in_twenty_that_does_not_belong_does_not_widen_the_law():
    rng = np.random.default_rng(0)
    clean = draw(950, rng)
    strange = draw(50, rng) + np.array([0.0, 40.0, 0.0])
    with_strange = TypicalLaw.fit(np.vstack([clean, strange]))
    assert with_strange.log_density(strange).max() < np.quantile(with_strange.log_density(clean), 0.02)
    deviation = np.sqrt(np.diag(with_strange.covariance)) * with_strange.scale
    assert (deviation < 1.3 * clean.std(axis=0)).all()


def test_it_can_be_fitted_to_fewer_images_than_statistics_but_not_to_one():
    rng = np.random.default_rng(0)
    law = TypicalLaw.fit(rng.normal(size=(5, 40)))
    assert np.isfinite(law.log_density(rng.normal(size=(3, 40)))).all()
    assert np.isfinite(TypicalLaw.fit(np.zeros((4, 2))).log_density(np.zeros((1, 2)))).all()
    with pytest.raises(ValueError, match="at least 2"):
        TypicalLaw.fit(np.zeros((1, 3)))
