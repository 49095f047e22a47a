"""The simple densities: masses that are masses, on laws that are known."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pofx.data.toy import MarkovImages
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture

ALL = np.array(list(itertools.product(range(3), repeat=4)))


@pytest.fixture(scope="module")
def samples():
    return MarkovImages(2, 2, 3, random_state=0).sample(500, random_state=1).reshape(500, 4)


def test_independent_pixels_sum_to_one(samples):
    baseline = IndependentPixels(3).fit(samples)
    assert np.exp(baseline.score_samples(ALL)).sum() == pytest.approx(1, abs=1e-12)


def test_independent_pixels_are_frequencies(samples):
    baseline = IndependentPixels(3).fit(np.repeat(samples, 100, axis=0))
    expected = np.log([[np.mean(samples[:, i] == k) for k in range(3)] for i in range(4)])
    assert baseline.log_p_ == pytest.approx(expected, abs=1e-3)


def test_the_smoothing_follows_the_data():
    rng = np.random.default_rng(0)
    uniform = rng.integers(0, 50, size=(40, 30))
    concentrated = np.full((40, 30), 7)
    assert IndependentPixels(50).fit(uniform).alpha_ > IndependentPixels(50).fit(concentrated).alpha_


def test_the_mixture_is_a_bound_on_a_mass(samples):
    """exp of a lower bound on log p sums to at most 1, and the bound is a useful one."""
    baseline = PCAGaussianMixture(n_draws=50).fit(samples)
    total = np.exp(baseline.score_samples(ALL)).sum()
    assert 0.2 < total <= 1


def test_the_mixture_integrates_to_one():
    """Its density on the plane, with one component kept and one left out."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, size=(300, 2)) + rng.integers(0, 6, size=(300, 1))
    baseline = PCAGaussianMixture(n_components=1, n_mixture=3).fit(X)
    axis = np.linspace(-15, 30, 451)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert np.exp(baseline._log_density(grid)).sum() * 0.1**2 == pytest.approx(1, abs=1e-3)


def test_digits_are_likelier_than_noise():
    X = load_digits().images.reshape(-1, 64).astype(int)
    noise = np.random.default_rng(0).integers(0, 17, size=(200, 64))
    for baseline in (IndependentPixels(17), PCAGaussianMixture()):
        fitted = baseline.fit(X[:1500])
        assert fitted.score_samples(X[1500:]).mean() > fitted.score_samples(noise).mean() + 20
