"""Annealed importance sampling: a lower bound on log p(x), in expectation, that a long run closes.

Neal 2001 (arXiv physics/9803008); for decoders Wu, Burda, Salakhutdinov & Grosse 2016 (arXiv 1611.04273). The chains go
from q(z|x) to p(z|x) along

    f_b(z) = q(z|x)^(1-b) p(x, z)^b,    0 = b_0 < b_1 < ... < b_T = 1,
    log w = sum_{t=1}^{T} (b_t - b_{t-1}) [log p(x, z_{t-1}) - log q(z_{t-1}|x)],    z_0 ~ q,

with a Hamiltonian transition z_{t-1} -> z_t that leaves f_{b_t} as it is. E[w] = p(x), whatever the transitions are, if
they were fixed beforehand; E[log w] <= log p(x) by Jensen. Everything happens in e, z = mu + sigma e, where q is
N(0, I): there one step size does for all dimensions as far as q has the widths of the posterior.

Shapes: S chains an image, N images, L latent dimensions, T temperatures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pofx.families.variational.bounds import LogJoint, log_importance_weights
from pofx.families.variational.hamiltonian import LogRatio, Place, adapted, place_at, transition
from pofx.families.variational.noise_streams import NoiseStreams

#: Acceptance that the pilot run aims at: the most efficient one is 0.65 (Neal 2011, section 5.4.4); a little more,
#: since a chain that is stuck for a while costs more than one that is slow.
TARGET_ACCEPTANCE = 0.75
#: The first step size, for one dimension; it falls with L^(1/4) at equal acceptance (Neal 2011, section 5.4.4).
FIRST_STEP = 0.7
#: How far a pilot's transition moves the logarithm of the step size for each unit of acceptance too much or too little.
PILOT_RATE = 0.3
#: Temperatures of a pilot run: a quarter of those of the run that it is for, but not fewer than this if it has them.
PILOT_TEMPERATURES = 50
#: Steepness of the sigmoidal schedule (Wu et al. 2016, section 4).
STEEPNESS = 4.0

Advance = Callable[[], object]
"""Called after every transition of all chains."""


class Schedule(NamedTuple):
    """What is fixed before chains are run, forwards or backwards."""

    betas: tuple[float, ...]
    """b_0 = 0 ... b_T = 1."""
    steps_TN: Tensor
    """The step size of each image at b_1 .. b_{T-1}, (T-1, n)."""
    n_leapfrog: int

    def reversed(self) -> Schedule:
        """From 1 to 0, with the same transitions."""
        return Schedule(self.betas[::-1], self.steps_TN.flip(0), self.n_leapfrog)


class Annealed(NamedTuple):
    """What a run of chains gave."""

    log_w_SN: Tensor
    """log w of each chain, float64."""
    acceptance_N: Tensor
    """Mean acceptance of an image's proposals, float64."""


def temperatures(n_temperatures: int) -> tuple[float, ...]:
    """b_0 = 0 .. b_T = 1, sigmoidal: b_t = (s_t - s_0) / (s_T - s_0), s_t = sigmoid(4 (2 t / T - 1))."""
    values = [1 / (1 + math.exp(-STEEPNESS * (2 * t / n_temperatures - 1))) for t in range(n_temperatures + 1)]
    first, last = values[0], values[-1]
    return (0.0, *((value - first) / (last - first) for value in values[1:-1]), 1.0)


def log_ratio_of(log_joint: LogJoint, mean_NL: Tensor, log_variance_NL: Tensor, chunk: int) -> LogRatio:
    """r(e) = log p(x, z) - log q(z|x) at z = mu + sigma e: with it N(0, I) turns into the law of e given x."""
    return LogRatio(lambda e_SNL: log_importance_weights(log_joint, mean_NL, log_variance_NL, e_SNL), chunk)


def pilot_schedule(
    log_ratio: LogRatio,
    n_chains: int,
    n_temperatures: int,
    n_leapfrog: int,
    noise: NoiseStreams,
    advance: Advance = lambda: None,
) -> Schedule:
    """Find step sizes for each image and temperature by a run of which nothing else is kept.

    Args:
        noise: of the pilot alone. The run that the schedule is for must have other noise: step sizes that follow the
            chains that are weighted would break the bound.
    """
    n_pilot = pilot_temperatures(n_temperatures)
    betas = temperatures(n_pilot)
    place = place_at(log_ratio, noise.normal(n_chains))
    n, latent_dim = place.e_SNL.shape[1:]
    log_step_N = torch.full_like(place.e_SNL[0, :, 0], math.log(FIRST_STEP * latent_dim**-0.25))
    log_steps = []
    for beta in betas[1:-1]:
        log_steps.append(log_step_N)
        place, acceptance_SN = transition(log_ratio, place, beta, log_step_N.exp(), n_leapfrog, noise)
        log_step_N = adapted(log_step_N, acceptance_SN, PILOT_RATE, TARGET_ACCEPTANCE)
        advance()
    # Each temperature of the run gets what was found at the nearest one of the pilot.
    steps_PN = torch.stack(log_steps).exp() if log_steps else log_step_N.new_empty(0, n)
    n_steps = n_temperatures - 1
    nearest = (torch.arange(n_steps) * len(steps_PN)) // max(n_steps, 1)
    return Schedule(temperatures(n_temperatures), steps_PN[nearest.to(steps_PN.device)], n_leapfrog)


def n_transitions(n_temperatures: int, directions: int = 1) -> int:
    """Transitions of a pilot and of the run it is for, forwards or (two directions) back too."""
    return max(pilot_temperatures(n_temperatures) - 1, 0) + directions * max(n_temperatures - 1, 0)


def pilot_temperatures(n_temperatures: int) -> int:
    """T of the pilot of a run with ``n_temperatures``."""
    return min(n_temperatures, max(PILOT_TEMPERATURES, n_temperatures // 4))


def anneal(
    log_ratio: LogRatio, place: Place, schedule: Schedule, noise: NoiseStreams, advance: Advance = lambda: None
) -> Annealed:
    """Run chains along the schedule: sum_t (b_t - b_{t-1}) r(e_{t-1}), an unbiased log of Z(b_T) / Z(b_0).

    Forwards from e ~ N(0, I) the exponential has mean p(x). Backwards (`Schedule.reversed`) from e ~ f_1 it has mean
    1 / p(x).
    """
    betas, steps_TN, n_leapfrog = schedule
    log_w_SN = torch.zeros_like(place.ratio_SN)
    acceptance_N = torch.zeros_like(log_w_SN[0])
    for t in range(1, len(betas)):
        log_w_SN = log_w_SN + (betas[t] - betas[t - 1]) * place.ratio_SN
        if t < len(betas) - 1:
            place, acceptance_SN = transition(log_ratio, place, betas[t], steps_TN[t - 1], n_leapfrog, noise)
            acceptance_N = acceptance_N + acceptance_SN.mean(dim=0)
            advance()
    return Annealed(log_w_SN, acceptance_N / max(len(steps_TN), 1))


def annealed_importance_sampling(
    log_joint: LogJoint,
    mean_NL: Tensor,
    log_variance_NL: Tensor,
    *,
    n_samples: int,
    n_temperatures: int,
    n_leapfrog: int,
    noise: NoiseStreams,
    pilot_noise: NoiseStreams,
    advance: Advance = lambda: None,
    chunk: int = 64,
) -> Annealed:
    """log w of ``n_samples`` chains an image, E[w] = p(x): log (1/S) sum_s w_s is a lower bound in expectation.

    Args:
        log_joint: log p(x, z) of these N images.
        mean_NL, log_variance_NL: q(z | x) = N(mean, diag exp(log_variance)), from which the chains start.
        n_samples: S, chains an image.
        n_temperatures: T; 1 is plain importance sampling.
        n_leapfrog: leapfrog steps of a transition, each a gradient of the decoder.
        noise: of the weighted chains. pilot_noise: of the pilot run, independent of it.
        advance: called after each transition, of which there are `n_transitions`.
        chunk: chains an image that pass the decoder together; bounds the memory.
    """
    log_ratio = log_ratio_of(log_joint, mean_NL, log_variance_NL, chunk)
    schedule = pilot_schedule(log_ratio, n_samples, n_temperatures, n_leapfrog, pilot_noise, advance)
    return anneal(log_ratio, place_at(log_ratio, noise.normal(n_samples)), schedule, noise, advance)
