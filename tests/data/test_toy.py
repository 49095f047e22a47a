import math

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, multivariate_normal

from pofx.data.toy import (
    FiniteLaw,
    LinearGaussian,
    MarkovImages,
    NormalMixture,
    bimodal,
    gaussian_grid,
    gaussian_ring,
)

N_DRAWS = 100_000


def chi_square_p_value(counts, probabilities):
    common = probabilities * counts.sum() >= 10
    observed, expected = counts[common], probabilities[common] * counts.sum()
    if not common.all():
        observed = np.append(observed, counts[~common].sum())
        expected = np.append(expected, probabilities[~common].sum() * counts.sum())
    return chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


def test_finite_law():
    law = FiniteLaw.random(12, random_state=3)
    assert np.exp(law.log_prob(law.points)).sum() == pytest.approx(1.0, abs=1e-12)
    assert np.array_equal(FiniteLaw.random(12, random_state=3).probabilities, law.probabilities)
    draws = law.sample(N_DRAWS, random_state=0)
    assert draws.shape == (N_DRAWS, 1)
    counts = np.bincount(draws[:, 0].astype(int), minlength=12)
    assert chi_square_p_value(counts, law.probabilities) > 1e-3
    assert law.log_prob([[0.5], [2.0]]).tolist() == [-np.inf, math.log(law.probabilities[2])]


def test_finite_law_of_vectors():
    law = FiniteLaw(np.array([[0, 1], [1, 0], [1, 1]]), np.array([0.25, 0.75, 0.0]))
    assert law.log_prob([[1, 0], [0, 1], [0, 0], [1, 1]]).tolist() == [
        math.log(0.75),
        math.log(0.25),
        -np.inf,
        -np.inf,
    ]
    assert set(map(tuple, law.sample(100, 0).tolist())) == {(0, 1), (1, 0)}
    with pytest.raises(ValueError, match="different"):
        FiniteLaw(np.array([[1.0], [1.0]]), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="probabilities"):
        FiniteLaw(np.array([[1.0], [2.0]]), np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="shape"):
        law.log_prob([1, 0])


@pytest.mark.parametrize(("height", "width", "levels"), [(3, 3, 2), (2, 2, 4), (1, 5, 3), (3, 2, 3), (2, 2, 1)])
def test_markov_images(height, width, levels):
    law = MarkovImages(height, width, levels, random_state=5)
    images = law.all_images()
    assert images.dtype == np.uint8 and images.shape == (levels ** (height * width), height, width)
    assert len(np.unique(images, axis=0)) == len(images)
    probabilities = np.exp(law.log_prob(images))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    draws = law.sample(N_DRAWS, random_state=1)
    assert draws.dtype == np.uint8 and draws.shape == (N_DRAWS, height, width)
    place = draws.reshape(N_DRAWS, -1).astype(int) @ (levels ** np.arange(height * width)[::-1])
    counts = np.bincount(place, minlength=len(images))
    if len(images) > 1:
        assert chi_square_p_value(counts, probabilities) > 1e-3


def test_markov_images_depend_on_both_neighbours():
    law = MarkovImages(2, 2, 2)
    last = np.array([[[0, left_up], [left, 0]] for left_up in (0, 1) for left in (0, 1)])
    terms = law.log_prob_map(last)[:, 1, 1]
    assert terms == pytest.approx([math.log(law.table[left, up, 0]) for up in (0, 1) for left in (0, 1)])
    assert len(np.unique(terms)) == 4
    assert law.log_prob_map(last)[0, 0, 0] == pytest.approx(math.log(law.table[2, 2, 0]))


def test_markov_images_errors_and_impossible_images():
    law = MarkovImages(2, 2, 3)
    assert law.log_prob([[[0, 1], [2, 3]], [[0, 1], [2, -1]], [[0, 1], [0.5, 1]]]).tolist() == [-np.inf] * 3
    with pytest.raises(ValueError, match="shape"):
        law.log_prob(np.zeros((2, 3, 2)))
    with pytest.raises(ValueError, match="too many"):
        MarkovImages(8, 8, 2).all_images()
    with pytest.raises(ValueError, match="levels"):
        MarkovImages(8, 8, 257)


def test_bimodal_integrates_to_one_and_is_sampled():
    law = bimodal()
    x, step = np.linspace(-8, 8, 20001, retstep=True)
    density = np.exp(law.log_prob(x[:, None]))
    assert density.sum() * step == pytest.approx(1.0, abs=1e-9)
    cumulative = density.cumsum() * step
    draws = law.sample(20_000, random_state=0)[:, 0]
    assert kstest(draws, lambda value: np.interp(value, x, cumulative)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("law", "n_modes"), [(gaussian_ring(scale=0.2), 8), (gaussian_grid(side=3, spacing=1.0, scale=0.15), 9)]
)
def test_plane_mixtures(law, n_modes):
    assert law.means.shape == (n_modes, 2)
    line, step = np.linspace(-4, 4, 401, retstep=True)
    x = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    density = np.exp(law.log_prob(x))
    assert density.sum() * step**2 == pytest.approx(1.0, abs=1e-8)
    bins = np.linspace(-4, 4, 21)
    draws = law.sample(N_DRAWS, random_state=0)
    counts = np.histogram2d(draws[:, 1], draws[:, 0], bins)[0].ravel()
    fine = (density * step**2).reshape(401, 401)
    # each of the 20 x 20 cells holds 20 x 20 steps of the fine grid, whose points on a border belong to both sides
    weights = np.zeros((20, 401))
    for cell in range(20):
        weights[cell, cell * 20 : cell * 20 + 21] = [0.5, *[1.0] * 19, 0.5]
    expected = (weights @ fine @ weights.T).ravel()
    assert chi_square_p_value(counts, expected / expected.sum()) > 1e-3


def test_named_mixtures_are_where_they_should_be():
    assert np.linalg.norm(gaussian_ring().means, axis=1) == pytest.approx(np.full(8, 2.0))
    assert gaussian_ring().covariances[0] == pytest.approx(0.02**2 * np.eye(2))
    grid = gaussian_grid()
    assert sorted({*grid.means.ravel().tolist()}) == [-4, -2, 0, 2, 4] and len(np.unique(grid.means, axis=0)) == 25


def test_general_mixture_against_scipy():
    generator = np.random.default_rng(0)
    factors = generator.standard_normal((3, 2, 2))
    covariances = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(2)
    law = NormalMixture(generator.standard_normal((3, 2)), covariances, np.array([0.2, 0.8, 0.0]))
    x = generator.standard_normal((50, 2))
    parts = [multivariate_normal(m, c).pdf(x) for m, c in zip(law.means, covariances, strict=True)]
    assert np.exp(law.log_prob(x)) == pytest.approx(law.weights @ parts, rel=1e-10)
    draws = law.sample(N_DRAWS, random_state=1)
    mean = law.weights @ law.means
    second = np.einsum("k,kij->ij", law.weights, covariances + law.means[:, :, None] * law.means[:, None])
    assert draws.mean(0) == pytest.approx(mean, abs=0.03)
    assert draws.T @ draws / N_DRAWS == pytest.approx(second, rel=0.05, abs=0.05)
    with pytest.raises(ValueError, match="covariances"):
        NormalMixture(np.zeros((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="weights"):
        NormalMixture(np.zeros((3, 2)), np.ones(3), np.array([0.5, 0.5]))


@pytest.mark.parametrize("noise_variance", [0.3, np.array([0.1, 0.5, 1.0])])
def test_linear_gaussian(noise_variance):
    generator = np.random.default_rng(2)
    law = LinearGaussian(generator.standard_normal((3, 2)), np.array([1.0, -2.0, 0.5]), noise_variance)
    x = law.sample(N_DRAWS, random_state=0)
    assert np.cov(x.T) == pytest.approx(law.covariance, rel=0.05, abs=0.05)
    assert x.mean(0) == pytest.approx(law.offset, abs=0.03)
    noise = np.broadcast_to(noise_variance, 3)
    expected = multivariate_normal(law.offset, law.weights @ law.weights.T + np.diag(noise)).logpdf(x[:20])
    assert law.log_prob(x[:20]) == pytest.approx(expected, abs=1e-10)

    # Bayes' rule on a grid of z: p(z | x) = p(x | z) p(z) / p(x)
    line, step = np.linspace(-7, 7, 561, retstep=True)
    z = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    means, covariance = law.posterior(x[:3])
    for one, mean in zip(x[:3], means, strict=True):
        likelihood = multivariate_normal(np.zeros(3), np.diag(noise)).pdf(one - law.offset - z @ law.weights.T)
        joint = likelihood * multivariate_normal(np.zeros(2)).pdf(z) * step**2
        assert math.log(joint.sum()) == pytest.approx(law.log_prob(one[None])[0], abs=1e-8)
        weights = joint / joint.sum()
        assert weights @ z == pytest.approx(mean, abs=1e-8)
        centred = z - mean
        assert (weights[:, None] * centred).T @ centred == pytest.approx(covariance, abs=1e-8)


def test_linear_gaussian_errors():
    with pytest.raises(ValueError, match="noise_variance"):
        LinearGaussian(np.ones((2, 1)), np.zeros(2), 0.0)
    with pytest.raises(ValueError, match="weights and offset"):
        LinearGaussian(np.ones((2, 1)), np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="shape"):
        LinearGaussian(np.ones((2, 1)), np.zeros(2), 1.0).log_prob(np.zeros(2))


def test_a_seed_repeats_and_a_generator_goes_on():
    for law in (
        FiniteLaw.random(5, 0),
        MarkovImages(2, 3, 4),
        gaussian_ring(),
        LinearGaussian(np.ones((2, 1)), [0, 0], 1),
    ):
        assert np.array_equal(law.sample(50, 1), law.sample(50, 1))
        generator = np.random.default_rng(1)
        assert np.array_equal(law.sample(50, generator), law.sample(50, 1))
        assert not np.array_equal(law.sample(50, generator), law.sample(50, 1))
