"""Hamiltonian transitions on a Gaussian, whose every number is known."""

import numpy as np
import pytest
import torch

from pofx.families.variational.hamiltonian import LogRatio, leapfrog, place_at, transition
from pofx.families.variational.noise_streams import NoiseStreams

PRECISION = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
SHIFT = torch.tensor([1.0, -0.5], dtype=torch.float64)


def gaussian(e_SNL):
    """r(e) such that exp(r) N(e; 0, I) has the precision I + PRECISION and the mean of `moments`."""
    return -0.5 * ((e_SNL @ PRECISION) * e_SNL).sum(-1) + e_SNL @ SHIFT


def moments(beta):
    covariance = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + beta * PRECISION)
    return beta * covariance @ SHIFT, covariance


def streams(n, seed=0):
    like = torch.empty(0, dtype=torch.float64)
    return NoiseStreams([np.random.default_rng([seed, i]) for i in range(n)], 2, like)


def exact_draws(beta, n_chains, n, seed):
    mean, covariance = moments(beta)
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(n_chains, n, 2)))
    return mean + noise @ torch.linalg.cholesky(covariance).T


def test_leapfrog_goes_back_when_the_momentum_is_turned_round():
    ratio = LogRatio(gaussian, 3)
    start = place_at(ratio, exact_draws(0.7, 5, 4, 0))
    momentum = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 4, 2)))
    step = torch.full((5, 4), 0.3, dtype=torch.float64)
    there, end = leapfrog(ratio, start, momentum, 0.7, step, 7)
    back, turned = leapfrog(ratio, there, -end, 0.7, step, 7)
    assert not torch.allclose(there.e_SNL, start.e_SNL, atol=0.1)
    assert torch.allclose(back.e_SNL, start.e_SNL, rtol=0, atol=1e-12)
    assert torch.allclose(-turned, momentum, rtol=0, atol=1e-12)


def test_leapfrog_preserves_volume():
    ratio = LogRatio(gaussian, 64)

    def move(both):
        e, p = both.reshape(1, 1, 4).chunk(2, dim=-1)
        # The gradient of a quadratic, written out so that autograd can differentiate through the path.
        for _ in range(3):
            p = p + 0.1 * (0.7 * (SHIFT - e @ PRECISION) - e)
            e = e + 0.2 * p
            p = p + 0.1 * (0.7 * (SHIFT - e @ PRECISION) - e)
        return torch.cat([e, p], dim=-1).flatten()

    start = torch.tensor([0.3, -0.2, 1.0, 0.4], dtype=torch.float64)
    e, p = start.reshape(1, 1, 4).chunk(2, dim=-1)
    there, end = leapfrog(ratio, place_at(ratio, e), p, 0.7, torch.full((1, 1), 0.2, dtype=torch.float64), 3)
    assert torch.allclose(torch.cat([there.e_SNL, end], dim=-1).flatten(), move(start), rtol=0, atol=1e-12)
    jacobian = torch.autograd.functional.jacobian(move, start)
    assert float(torch.linalg.det(jacobian)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_a_transition_leaves_its_law_as_it_is(beta):
    """With steps so large that a third of the paths is refused: without the test of Metropolis this would fail."""
    ratio = LogRatio(gaussian, 10_000)
    place = place_at(ratio, exact_draws(beta, 10_000, 2, 3))
    noise = streams(2)
    for _ in range(3):
        place, acceptance = transition(ratio, place, beta, torch.tensor([0.9, 0.75]).double(), 2, noise)
    assert 0.4 < float(acceptance.mean()) < 0.95
    draws = place.e_SNL.flatten(0, 1)
    mean, covariance = moments(beta)
    error = covariance.diagonal().sqrt() / len(draws) ** 0.5
    assert ((draws.mean(0) - mean).abs() < 4 * error).all()
    spread = torch.outer(covariance.diagonal(), covariance.diagonal()) + covariance**2
    assert ((draws.T.cov() - covariance).abs() < 4 * (spread / len(draws)).sqrt()).all()


def test_paths_are_accepted_with_the_probability_of_metropolis():
    """min(1, exp(H - H')), recomputed in NumPy from the same noise; what is accepted moves and the rest stays."""
    beta, step, n_chains = 0.6, 0.9, 50
    ratio = LogRatio(gaussian, 64)
    start = exact_draws(beta, n_chains, 1, 5)
    place, acceptance = transition(
        ratio, place_at(ratio, start), beta, torch.tensor([step], dtype=torch.float64), 2, streams(1)
    )
    noise = streams(1)
    p = noise.normal(n_chains).numpy()[:, 0]
    steps = step * (0.8 + 0.4 * noise.uniform(n_chains).numpy())
    matrix, shift = np.eye(2) + beta * PRECISION.numpy(), beta * SHIFT.numpy()

    def energy(e, p):
        return 0.5 * np.einsum("si,ij,sj->s", e, matrix, e) - e @ shift + 0.5 * (p**2).sum(1)

    e = start.numpy()[:, 0]
    before = energy(e, p)
    for _ in range(2):
        p = p + 0.5 * steps * (shift - e @ matrix)
        e = e + steps * p
        p = p + 0.5 * steps * (shift - e @ matrix)
    expected = np.minimum(1, np.exp(before - energy(e, p)))
    assert acceptance.numpy()[:, 0] == pytest.approx(expected, abs=1e-10)
    accepted = -noise.exponential(n_chains).numpy()[:, 0] < before - energy(e, p)
    assert 0.2 < accepted.mean() < 0.98
    reached = np.where(accepted[:, None], e, start.numpy()[:, 0])
    assert place.e_SNL.numpy()[:, 0] == pytest.approx(reached, abs=1e-10)
    assert place.ratio_SN.numpy()[:, 0] == pytest.approx(gaussian(torch.from_numpy(reached)).numpy(), abs=1e-9)
    assert place.gradient_SNL.numpy()[:, 0] == pytest.approx(SHIFT.numpy() - reached @ PRECISION.numpy(), abs=1e-9)


def test_a_path_that_overflows_is_refused():
    ratio = LogRatio(lambda e: -torch.exp(60 * (e**2).sum(-1)), 64)
    start = place_at(ratio, torch.full((4, 1, 2), 0.1, dtype=torch.float64))
    place, acceptance = transition(ratio, start, 1.0, torch.tensor([1e3], dtype=torch.float64), 3, streams(1))
    assert torch.equal(place.e_SNL, start.e_SNL) and torch.equal(acceptance, torch.zeros(4, 1, dtype=torch.float64))


def test_noise_belongs_to_an_image_and_does_not_depend_on_how_it_is_asked_for():
    together, alone, cut = streams(3), streams(1), streams(3)
    drawn = together.normal(6)
    assert torch.equal(drawn[:, :1], alone.normal(6))
    assert torch.equal(drawn, torch.cat([cut.normal(4), cut.normal(2)]))
    assert drawn.shape == (6, 3, 2) and together.uniform(5).shape == together.exponential(5).shape == (5, 3)
