"""Bounds on log p(x) that are tighter than the ELBO.

Shapes: S draws of z an image, N images, L latent dimensions; z_SNL, log-probabilities in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.numerics import in_double
from pofx.families.variational.reparameterization import reparameterize

LogJoint = Callable[[Tensor], Tensor]
"""From z_SNL to log p(x_n, z_sn) = log p(x_n | z_sn) + log p(z_sn), (S, N)."""


def importance_weighted_bound(
    log_joint: LogJoint,
    mean_NL: Tensor,
    log_variance_NL: Tensor,
    n_samples: int,
    generator: torch.Generator | None = None,
    *,
    chunk: int = 64,
) -> Tensor:
    """log (1/k) sum_{s=1}^{k} p(x, z_s) / q(z_s | x), z_s ~ q(z | x): a draw, in the mean a lower bound; (n,), float64.

    k = 1 gives an estimate of the ELBO; the mean over draws rises with k towards log p(x), as long as q has no lighter
    tails than p(z | x). Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519, eq. 8 and theorem 1.

    Args:
        log_joint: log p(x, z) of these N images.
        mean_NL, log_variance_NL: q(z | x) = N(mean, diag exp(log_variance)), encoded once.
        n_samples: k.
        generator: of the draws, on the device of ``mean_NL``.
        chunk: draws an image that are decoded together; bounds the memory, whatever k is.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, not {n_samples}")
    total_N = torch.full_like(in_double(mean_NL[:, 0]), -math.inf)
    for start in range(0, n_samples, chunk):
        n_draws = min(chunk, n_samples - start)
        noise_SNL = torch.randn(
            n_draws, *mean_NL.shape, generator=generator, dtype=mean_NL.dtype, device=mean_NL.device
        )
        z_SNL = reparameterize(mean_NL, log_variance_NL, noise_SNL)
        log_q_SN = normal.log_density(z_SNL, mean_NL, log_variance_NL)
        log_w_SN = in_double(log_joint(z_SNL)) - in_double(log_q_SN)
        total_N = torch.logaddexp(total_N, torch.logsumexp(log_w_SN, 0))
    return total_N - math.log(n_samples)
