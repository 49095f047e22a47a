"""Hamiltonian Monte Carlo on a path of laws from N(0, I) to an unnormalised target (Neal 2011, arXiv 1206.1901).

The laws of the path are log f_b(e) = -|e|^2 / 2 + b r(e), 0 <= b <= 1, for one ratio r an image.

Shapes: S chains an image, N images, L dimensions; e_SNL where the chains are, r_SN nats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pofx.distributions.numerics import from_double, in_double
from pofx.families.variational.noise_streams import NoiseStreams

#: Each step size is multiplied by a number drawn from this range, so that no orbit comes back to where it began
#: (Neal 2011, section 5.4.2.2).
JITTER = (0.8, 1.2)


class LogRatio(NamedTuple):
    """r, evaluated for some chains at a time."""

    function: Callable[[Tensor], Tensor]
    """From e_SNL to r(e), (S, N), float64, differentiable."""
    chunk: int
    """Chains an image that are evaluated together; bounds the memory."""


class Place(NamedTuple):
    """Where chains are, with what has been computed there."""

    e_SNL: Tensor
    ratio_SN: Tensor
    """r(e), float64."""
    gradient_SNL: Tensor
    """of r."""

    def log_density(self, beta: float) -> Tensor:
        """log f_b(e), (S, N), float64."""
        return beta * self.ratio_SN - 0.5 * (in_double(self.e_SNL) ** 2).sum(dim=-1)

    def force(self, beta: float) -> Tensor:
        """The gradient of log f_b at e."""
        return beta * self.gradient_SNL - self.e_SNL


class Transition(NamedTuple):
    """Where chains are after a transition, and the probability with which each proposal was accepted, (S, N)."""

    place: Place
    acceptance_SN: Tensor


def place_at(log_ratio: LogRatio, e_SNL: Tensor) -> Place:
    """Evaluate r and its gradient at e."""
    ratios, gradients = [], []
    for part_SNL in e_SNL.split(log_ratio.chunk):
        with torch.enable_grad():
            part_SNL = part_SNL.detach().requires_grad_()
            ratio_SN = log_ratio.function(part_SNL)
            (gradient_SNL,) = torch.autograd.grad(ratio_SN.sum(), part_SNL)
        ratios.append(ratio_SN.detach())
        gradients.append(gradient_SNL)
    return Place(e_SNL, torch.cat(ratios), torch.cat(gradients))


def leapfrog(
    log_ratio: LogRatio, place: Place, momentum_SNL: Tensor, beta: float, step_SN: Tensor, n_steps: int
) -> tuple[Place, Tensor]:
    """Follow the Hamiltonian -log f_b(e) + |p|^2 / 2 for ``n_steps`` steps; a place and its momentum.

    Preserves volume, and with the momentum turned round leads back: Neal 2011, eqs. 5.18 to 5.20.
    """
    step_SN1 = step_SN.unsqueeze(-1)
    momentum_SNL = momentum_SNL + 0.5 * step_SN1 * place.force(beta)
    for step in range(n_steps):
        place = place_at(log_ratio, place.e_SNL + step_SN1 * momentum_SNL)
        share = 1.0 if step < n_steps - 1 else 0.5
        momentum_SNL = momentum_SNL + share * step_SN1 * place.force(beta)
    return place, momentum_SNL


def transition(
    log_ratio: LogRatio, place: Place, beta: float, step_N: Tensor, n_leapfrog: int, noise: NoiseStreams
) -> Transition:
    """One reversible transition that leaves f_b as it is: new momenta, a leapfrog path, accepted or not.

    A path is accepted with probability min(1, exp(H - H')) (Metropolis), in float64; one that overflowed is not.

    Args:
        step_N: the step size of each image, to which every chain puts its own `JITTER`.
    """
    n_chains = len(place.e_SNL)
    momentum_SNL = noise.normal(n_chains)
    low, high = JITTER
    step_SN = step_N * (low + (high - low) * noise.uniform(n_chains))
    proposed, end_SNL = leapfrog(log_ratio, place, momentum_SNL, beta, step_SN, n_leapfrog)
    log_accepted_SN = (proposed.log_density(beta) - 0.5 * (in_double(end_SNL) ** 2).sum(dim=-1)) - (
        place.log_density(beta) - 0.5 * (in_double(momentum_SNL) ** 2).sum(dim=-1)
    )
    # log u < log accepted for a uniform u, whose -log is exponential; comparisons with NaN are false.
    accepted_SN = log_accepted_SN > -noise.exponential(n_chains).to(log_accepted_SN.device)
    moved_SN1 = accepted_SN.to(place.e_SNL.device).unsqueeze(-1)
    reached = Place(
        torch.where(moved_SN1, proposed.e_SNL, place.e_SNL),
        torch.where(accepted_SN, proposed.ratio_SN, place.ratio_SN),
        torch.where(moved_SN1, proposed.gradient_SNL, place.gradient_SNL),
    )
    return Transition(reached, torch.nan_to_num(log_accepted_SN.clamp(max=0.0).exp(), nan=0.0))


def adapted(log_step_N: Tensor, acceptance_SN: Tensor, rate: float, target: float) -> Tensor:
    """The log step sizes, larger where more than ``target`` was accepted of an image's proposals; on their device."""
    excess_N = acceptance_SN.mean(dim=0) - target
    return log_step_N + rate * from_double(excess_N, log_step_N.device).to(log_step_N.dtype)
