"""The evidence lower bound, its two terms kept apart.

    log p(x) >= ELBO(x) = E_{q(z|x)}[log p(x|z)] - KL(q(z|x) || p(z)),    log p(x) - ELBO(x) = KL(q(z|x) || p(z|x)).

Kingma & Welling 2013 (arXiv 1312.6114), eq. 3. All in nats a image; higher is better.

Shapes: S draws of z an image, N images, L latent dimensions; G groups of dimensions whose KL is told apart: each
dimension by itself where the prior is the standard normal (G = L), all of them together where it is learned (G = 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.pixels import PixelLaw
from pofx.families.variational.priors import Prior


def expected_log_likelihood(law: PixelLaw, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """E_{q(z|x)}[log p(x|z)], estimated by the mean over S draws of z; (n,).

    Args:
        law: p(x_i | parameters).
        parameters_SNPHW: what the decoder gives for each of S draws of z ~ q(z|x).
        x_NCHW: the images.
    """
    return log_likelihoods(law, parameters_SNPHW, x_NCHW).mean(dim=0)


def log_likelihoods(law: PixelLaw, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """log p(x | z_s) of each of S draws of z; (S, n). Arguments as in `expected_log_likelihood`."""
    n_samples, n = parameters_SNPHW.shape[:2]
    x_SNCHW = x_NCHW.expand(n_samples, *x_NCHW.shape)
    terms = law.log_prob(parameters_SNPHW.flatten(0, 1), x_SNCHW.flatten(0, 1))
    return terms.reshape(n_samples, n, -1).sum(dim=-1)


def kl_divergence(mean_NL: Tensor, log_variance_NL: Tensor) -> Tensor:
    """KL(q(z|x) || N(0, I)) of each latent dimension; (n, latent_dim). Sum it for the term."""
    return normal.kl_divergence(mean_NL, log_variance_NL)


def kl_estimate(prior: Prior, mean_NL: Tensor, log_variance_NL: Tensor, z_SNL: Tensor) -> Tensor:
    """KL(q(z|x) || p(z)) = E_q[log q(z|x) - log p(z)], the mean over S draws z ~ q(z|x); (n, 1), one group.

    Unbiased, and exactly zero where q = p. A single estimate may be negative, which the divergence is not.
    """
    log_q_SN = normal.log_density(z_SNL, mean_NL, log_variance_NL)
    return (log_q_SN - log_prior(prior, z_SNL)).mean(dim=0)[:, None]


def log_prior(prior: Prior, z_SNL: Tensor) -> Tensor:
    """log p(z) in full precision, whatever the networks run in; (S, n)."""
    with torch.autocast(z_SNL.device.type, enabled=False):
        return prior.log_density(z_SNL)


def elbo(expected_log_likelihood: Tensor, kl_divergence_NG: Tensor) -> Tensor:
    """ELBO(x) = E_q[log p(x|z)] - KL(q || p); (n,)."""
    return expected_log_likelihood - kl_divergence_NG.sum(dim=-1)


def penalised_kl(kl_divergence_NG: Tensor, weight: float, free_bits: float) -> Tensor:
    """What training subtracts instead of the KL term; a scalar, the mean over images.

    weight * sum_g max(free_bits, mean_n KL_ng). The weight is beta (Higgins et al. 2017) times the warm-up (Bowman et
    al. 2015, arXiv 1511.06349); the free bits (nats for each group of dimensions, Kingma et al. 2016, arXiv 1606.04934,
    appendix C.8) take the pressure off groups that carry less than that. weight = 1 and free_bits = 0 give the ELBO's
    term.
    """
    kl_G = kl_divergence_NG.mean(dim=0)
    # Without free bits nothing is cut off: an estimate may fall below zero.
    return weight * (torch.clamp(kl_G, min=free_bits) if free_bits else kl_G).sum()
