"""log p(x_k), the evidence of the known sub-pixels alone, by importance sampling.

Sub-pixels are independent given z (the channels of a pixel may depend on those before them), so that

    p(x_k) = E_{z ~ r}[p(x_k | z) p(z) / r(z)],    log p(x_k | z) = sum over known i of log p(x_i | z).

r must be like p(z | x_k), the mean of p(z | x_k, x_u) over x_u ~ p(x_u | x_k): here it is the mean of q(z | x_k, x_u)
over completions along a short chain, and of p(z), which bounds the weights. r is fixed before z is drawn from it: the
estimate of p(x_k) is unbiased, and its logarithm a lower bound in the mean, whatever the chain is worth.

Shapes: S draws, J completions, N images, L latent dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.numerics import in_double
from pofx.families.variational.bounds import WeightSum
from pofx.families.variational.collapsed_chain import run_collapsed_chains
from pofx.families.variational.completion import Problem, State, masked_log_likelihood
from pofx.families.variational.reparameterization import reparameterize

#: Completions of an image from which r is made; the chain has twice as many steps.
COMPLETIONS = 8


def known_weights(
    problem: Problem,
    streams: Sequence[torch.Generator],
    n_samples: int,
    *,
    chunk: int,
    advance: Callable[[int], object] = lambda draws: None,
) -> WeightSum:
    """Weights whose mean is p(x_k), or p(x_k | y) for given classes.

    Args:
        streams: a generator for each image.
        n_samples: draws of z, at least; as many from each part of r.
        chunk: latents that the decoder takes at once.
    """
    module, n = problem.module, len(problem.x_NCHW)
    parts = _posteriors(problem, streams, chunk)
    mean_JNL, log_variance_JNL = (torch.stack(part) for part in zip(*parts, strict=True))
    each, like = -(-n_samples // (COMPLETIONS + 1)), mean_JNL
    weights = WeightSum()
    for j in range(COMPLETIONS + 1):
        if j < COMPLETIONS:
            noise_SNL = torch.stack(
                [
                    torch.randn(each, module.latent_dim, generator=g, dtype=like.dtype, device=like.device)
                    for g in streams
                ],
                dim=1,
            )
            z_SNL = reparameterize(mean_JNL[j], log_variance_JNL[j], noise_SNL)
        else:
            z_SNL = torch.stack([module.prior.sample(each, g) for g in streams], dim=1)
        log_prior_SN = in_double(problem.log_prior(z_SNL))
        log_r_JSN = torch.stack(
            [
                *(in_double(normal.log_density(z_SNL, m, v)) for m, v in zip(mean_JNL, log_variance_JNL, strict=True)),
                log_prior_SN,
            ]
        )
        log_r_SN = torch.logsumexp(log_r_JSN, dim=0) - math.log(COMPLETIONS + 1)
        together = max(1, chunk // n)
        log_p_SN = torch.cat([_log_likelihood(problem, part_SNL) for part_SNL in z_SNL.split(together)])
        weights.add(log_p_SN + log_prior_SN - log_r_SN)
        advance(each)
    return weights


def _posteriors(problem: Problem, streams: Sequence[torch.Generator], chunk: int) -> list[tuple[Tensor, Tensor]]:
    """Mean and log variance of q(z | x_k, x_u) in the second half of a chain."""
    found: list[tuple[Tensor, Tensor]] = []

    def visit(state: State) -> None:
        u_NCHW = problem.module.scaled(state.x_NCHW, discrete=problem.discrete)
        found.append(problem.module.encode(u_NCHW, state.codes))

    run_collapsed_chains(problem, streams, n_steps=2 * COMPLETIONS, chunk=chunk, visit=visit)
    return found


def _log_likelihood(problem: Problem, z_SNL: Tensor) -> Tensor:
    """log p(x_k | z), (S, N)."""
    n_draws, n, _ = z_SNL.shape
    codes = None if problem.codes is None else problem.codes.repeat(n_draws)
    parameters = problem.module.decode(z_SNL.flatten(0, 1), codes)
    images, known = (t.expand(n_draws, *t.shape).flatten(0, 1) for t in (problem.x_NCHW, problem.known_NCHW))
    return masked_log_likelihood(problem.law, parameters, images, known).unflatten(0, (n_draws, n))
