"""Unknown sub-pixels x_u given known ones x_k, by Hamiltonian Monte Carlo on the latents alone.

Given z the sub-pixels are independent, so that p(x_u | x_k) is the mean of p(x_u | x_k, z) over p(z | x_k),
proportional to p(x_k | z) p(z), in which x_u does not occur. A chain on z (Neal 2011, arXiv 1206.1901) is not held back
by the x_u that its last z drew, as one of `completion` is, in which each of the two follows the other in small steps;
it costs a gradient of the decoder for every leapfrog step.

The transitions are those of `hamiltonian`, in the coordinates e = (z - mu) / sigma, with mu and sigma those of q at the
place where pseudo-Gibbs steps led. Step sizes adapt in the first half of the transitions and then stay: the second half
leaves p(z | x_k) as it is.

Shapes: N chains, L latent dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pofx.distributions.numerics import in_double
from pofx.families.variational.completion import (
    Problem,
    State,
    draw_classes,
    draw_unknown,
    masked_log_likelihood,
    noise_of_steps,
    run_chains,
    unsettled,
)
from pofx.families.variational.hamiltonian import LogRatio, adapted, place_at, transition
from pofx.families.variational.noise_streams import NoiseStreams
from pofx.families.variational.reparameterization import reparameterize

#: Steps of pseudo-Gibbs sampling before.
PSEUDO_STEPS = 24
#: Leapfrog steps of a transition.
LEAPFROG_STEPS = 10
#: The acceptance that step sizes are adapted to, the first step size, in units of q's deviation, and by how much its
#: logarithm changes at first.
TARGET_ACCEPTANCE, FIRST_STEP, RATE = 0.8, 0.2, 1.0


def run_collapsed_chains(
    problem: Problem,
    streams: Sequence[torch.Generator],
    *,
    n_steps: int,
    chunk: int,
    advance: Callable[[], object] = lambda: None,
    visit: Callable[[State], object] | None = None,
) -> State:
    """The last state of a chain for each image.

    Args:
        n_steps: transitions; the other arguments as of `run_chains`.
        visit: called with the state after each transition of the second half, x_u drawn anew.
    """
    module, law = problem.module, problem.law
    state = run_chains(problem, streams, n_steps=PSEUDO_STEPS, n_pseudo=PSEUDO_STEPS, chunk=chunk)
    mean_NL, log_variance_NL = module.encode(module.scaled(state.x_NCHW, discrete=problem.discrete), state.codes)
    # Of unsettled pixels p(x_k | z) is no product: there all channels count, and x_u is a part of the chain.
    seen_NCHW = problem.known_NCHW | unsettled(law, problem.known_NCHW)
    follows_x = bool(unsettled(law, problem.known_NCHW).any()) or problem.log_prior_K is not None

    def log_ratio(e_SNL: Tensor) -> Tensor:
        """log p(x_k | z) + log p(z) + |e|^2 / 2, for one chain an image, (1, N)."""
        z_NL = reparameterize(mean_NL, log_variance_NL, e_SNL[0])
        log_p_N = masked_log_likelihood(law, module.decode(z_NL, state.codes), state.x_NCHW, seen_NCHW)
        log_p_N = log_p_N + in_double(problem.log_prior(z_NL)) + 0.5 * (in_double(e_SNL[0]) ** 2).sum(dim=-1)
        return log_p_N[None]

    ratio = LogRatio(log_ratio, 1)
    noise = NoiseStreams([_numpy_stream(stream) for stream in streams], module.latent_dim, mean_NL)
    place = place_at(ratio, ((state.z_NL - mean_NL) * torch.exp(-0.5 * log_variance_NL))[None])
    log_step_N = torch.full_like(mean_NL[:, 0], math.log(FIRST_STEP))
    for step in range(n_steps):
        moved = transition(ratio, place, 1.0, log_step_N.exp(), LEAPFROG_STEPS, noise)
        place = moved.place
        if step < n_steps // 2:
            log_step_N = adapted(log_step_N, moved.acceptance_SN, RATE / math.sqrt(step + 1), TARGET_ACCEPTANCE)
        else:
            state.accepted_N = state.accepted_N + moved.acceptance_SN[0].to(state.accepted_N.device)
        visits = visit is not None and step >= n_steps // 2
        if follows_x or visits or step == n_steps - 1:
            state.z_NL = reparameterize(mean_NL, log_variance_NL, place.e_SNL[0])
            state.parameters_NPHW = module.decode(state.z_NL, state.codes)
            others = noise_of_steps(problem, streams, 1)
            if problem.log_prior_K is not None:
                draw_classes(problem, state, others, 0)
            draw_unknown(problem, state, others, 0)
            if visit is not None and visits:
                visit(state)
            if follows_x:  # the law of z given x and y is another now
                place = place_at(ratio, place.e_SNL)
        advance()
    return state


def _numpy_stream(stream: torch.Generator) -> np.random.Generator:
    """A generator of NumPy's, of the next number of torch's."""
    return np.random.default_rng(int(torch.randint(2**62, (1,), generator=stream, device=stream.device)))
