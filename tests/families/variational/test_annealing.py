"""Annealed importance sampling towards a Gaussian whose normaliser is known."""

import math

import numpy as np
import pytest
import torch

from pofx.distributions import normal
from pofx.families.variational import annealing, certification, hamiltonian
from pofx.families.variational.noise_streams import NoiseStreams

#: p(z) = N(0, I), q = N(MEAN, exp(LOG_VARIANCE)), p(x|z) = N(x; z, 0.25), two images.
X = torch.tensor([[1.5, -0.5], [0.2, 2.0]], dtype=torch.float64)
MEAN = torch.tensor([[0.4, 0.2], [-0.3, 0.9]], dtype=torch.float64)
LOG_VARIANCE = torch.full((2, 2), -1.5, dtype=torch.float64)
ZERO = torch.zeros((), dtype=torch.float64)


def log_joint(z_SNL):
    return normal.log_density(X, z_SNL, ZERO + math.log(0.25)) + normal.log_density(z_SNL, ZERO, ZERO)


LOG_P = normal.log_density(X, ZERO, ZERO + math.log(1.25))


def streams(seed, n=2):
    return NoiseStreams([np.random.default_rng([seed, i]) for i in range(n)], 2, ZERO)


def ais(n_samples=16, n_temperatures=40, n_leapfrog=3, seed=0, pilot_seed=1, **others):
    return annealing.annealed_importance_sampling(
        log_joint, MEAN, LOG_VARIANCE, n_samples=n_samples, n_temperatures=n_temperatures, n_leapfrog=n_leapfrog,
        noise=streams(seed), pilot_noise=streams(pilot_seed), **others,
    )  # fmt: skip


def test_the_schedule_rises_from_0_to_1():
    for n in (1, 2, 7, 500):
        betas = annealing.temperatures(n)
        assert len(betas) == n + 1 and (betas[0], betas[-1]) == (0.0, 1.0)
        assert (np.diff(betas) > 0).all()
        assert betas[::-1] == pytest.approx([1 - b for b in betas])


@pytest.mark.parametrize("n_temperatures", [1, 3, 10])
def test_the_mean_weight_is_p_of_x(n_temperatures):
    """Whatever the number of temperatures: E[w] = p(x), and therefore E[log w] <= log p(x)."""
    log_w = ais(n_samples=4000, n_temperatures=n_temperatures, n_leapfrog=2, chunk=4000).log_w_SN - LOG_P
    w = log_w.exp()
    assert ((w.mean(0) - 1).abs() < 4 * w.std(0) / len(w) ** 0.5).all()
    assert (log_w.mean(0) < 0).all()


def test_more_temperatures_close_the_gap():
    gaps = [float((LOG_P - ais(200, n).log_w_SN.mean(0)).mean()) for n in (1, 5, 60)]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    assert gaps[2] < 0.08


def test_backwards_from_exact_draws_the_mean_weight_is_one_over_p():
    ratio = annealing.log_ratio_of(log_joint, MEAN, LOG_VARIANCE, 8000)
    schedule = annealing.pilot_schedule(ratio, 50, 6, 2, streams(1))
    noise = torch.from_numpy(np.random.default_rng(2).normal(size=(8000, 2, 2)))
    exact_SNL = X / 1.25 + math.sqrt(0.2) * noise
    start = hamiltonian.place_at(ratio, (exact_SNL - MEAN) * torch.exp(-0.5 * LOG_VARIANCE))
    log_w = annealing.anneal(ratio, start, schedule.reversed(), streams(3)).log_w_SN + LOG_P
    w = log_w.exp()
    assert ((w.mean(0) - 1).abs() < 4 * w.std(0) / len(w) ** 0.5).all()


def steps_used(monkeypatch, **arguments):
    """The step sizes of every transition of a run, the pilot's and then the run's own."""
    used = []

    def recorded(log_ratio, place, beta, step_N, n_leapfrog, noise):
        used.append(step_N.clone())
        return hamiltonian.transition(log_ratio, place, beta, step_N, n_leapfrog, noise)

    with monkeypatch.context() as patch:
        patch.setattr(annealing, "transition", recorded)
        ais(**arguments)
    n_pilot = annealing.pilot_temperatures(arguments["n_temperatures"]) - 1
    assert len(used) == annealing.n_transitions(arguments["n_temperatures"])
    return torch.stack(used[:n_pilot]), torch.stack(used[n_pilot:])


def test_backwards_each_temperature_has_its_own_step(monkeypatch):
    """The chains that start from exact draws use at b_t the step sizes that the others use there."""
    used = []

    def recorded(log_ratio, place, beta, step_N, n_leapfrog, noise):
        used.append((beta, step_N.tolist()))
        return hamiltonian.transition(log_ratio, place, beta, step_N, n_leapfrog, noise)

    n = 60
    exact_NL = X / 1.25 + math.sqrt(0.2) * torch.from_numpy(np.random.default_rng(2).normal(size=(2, 2)))
    monkeypatch.setattr(annealing, "transition", recorded)
    certification.bidirectional_monte_carlo(
        log_joint, MEAN, LOG_VARIANCE, exact_NL, n_samples=4, n_temperatures=n, n_leapfrog=2,
        noise=streams(0), pilot_noise=streams(1),
    )  # fmt: skip
    forwards, backwards = used[-2 * (n - 1) : -(n - 1)], used[-(n - 1) :]
    assert [beta for beta, _ in forwards] == list(annealing.temperatures(n)[1:-1])
    assert backwards == forwards[::-1]
    assert forwards[0][1] != forwards[-1][1]


def test_the_weighted_run_adapts_nothing(monkeypatch):
    """Its step sizes are those of the pilot: another noise of the run changes none of them, another pilot does."""
    pilot, run = steps_used(monkeypatch, n_temperatures=60)
    assert len(pilot) == 49 and len(run) == 59
    assert all((step == pilot).all(dim=1).any() for step in run)
    assert torch.equal(run, steps_used(monkeypatch, n_temperatures=60, seed=5)[1])
    assert not torch.equal(run, steps_used(monkeypatch, n_temperatures=60, pilot_seed=6)[1])
    assert float(pilot.std()) > 0


def test_the_pilot_finds_steps_that_are_accepted():
    result = ais(n_temperatures=400, n_leapfrog=4)
    assert ((result.acceptance_N - annealing.TARGET_ACCEPTANCE).abs() < 0.15).all()


def test_the_transitions_are_counted():
    calls = []
    ais(n_temperatures=30, advance=lambda: calls.append(1))
    assert len(calls) == annealing.n_transitions(30) == 2 * 29
    assert annealing.n_transitions(1) == 0
    assert annealing.n_transitions(400, directions=2) == 99 + 2 * 399


def test_chunks_change_nothing_but_rounding():
    assert torch.allclose(ais(chunk=3).log_w_SN, ais(chunk=64).log_w_SN, rtol=0, atol=1e-9)
