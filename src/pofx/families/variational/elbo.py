"""The evidence lower bound, its two terms kept apart.

    log p(x) >= ELBO(x) = E_{q(z|x)}[log p(x|z)] - KL(q(z|x) || p(z)),    log p(x) - ELBO(x) = KL(q(z|x) || p(z|x)).

Kingma & Welling 2013 (arXiv 1312.6114), eq. 3. All in nats a image; higher is better.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.pixels import PixelLaw


def expected_log_likelihood(law: PixelLaw, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """E_{q(z|x)}[log p(x|z)], estimated by the mean over S draws of z; (n,).

    Args:
        law: p(x_i | parameters).
        parameters_SNPHW: what the decoder gives for each of S draws of z ~ q(z|x).
        x_NCHW: the images.
    """
    n_samples, n = parameters_SNPHW.shape[:2]
    x_SNCHW = x_NCHW.expand(n_samples, *x_NCHW.shape)
    terms = law.log_prob(parameters_SNPHW.flatten(0, 1), x_SNCHW.flatten(0, 1))
    return terms.reshape(n_samples, n, -1).sum(dim=-1).mean(dim=0)


def kl_divergence(mean_NL: Tensor, log_variance_NL: Tensor) -> Tensor:
    """KL(q(z|x) || p(z)) of each latent dimension against the standard normal; (n, latent_dim). Sum it for the term."""
    return normal.kl_divergence(mean_NL, log_variance_NL)


def elbo(expected_log_likelihood: Tensor, kl_divergence_NL: Tensor) -> Tensor:
    """ELBO(x) = E_q[log p(x|z)] - KL(q || p); (n,)."""
    return expected_log_likelihood - kl_divergence_NL.sum(dim=-1)


def penalised_kl(kl_divergence_NL: Tensor, weight: float, free_bits: float) -> Tensor:
    """What training subtracts instead of the KL term; a scalar, the mean over images.

    weight * sum_j max(free_bits, mean_n KL_nj). The weight is beta (Higgins et al. 2017) times the warm-up (Bowman et
    al. 2015, arXiv 1511.06349); the free bits (nats for each dimension, Kingma et al. 2016, arXiv 1606.04934, appendix
    C.8) take the pressure off dimensions that carry less than that. weight = 1 and free_bits = 0 give the ELBO's term.
    """
    return weight * torch.clamp(kl_divergence_NL.mean(dim=0), min=free_bits).sum()
