"""Diagonal normal laws of vectors, as the latents of a variational model have. The last axis holds the dimensions."""

import torch
from torch import Tensor

from pofx.distributions.numerics import HALF_LOG_2_PI


def log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mu, diag(sigma^2)), summed over the last axis, in nats.

    log N(z; mu, diag(sigma^2)) = -1/2 sum_j [log(2 pi) + log sigma_j^2 + (z_j - mu_j)^2 / sigma_j^2]

    Source: e.g. Bishop 2006, "Pattern Recognition and Machine Learning", equation 2.43 with a diagonal covariance.

    Parameters
    ----------
    z, mean, log_variance : shapes (..., d) that broadcast against one another.

    Returns
    -------
    Tensor of shape (...).
    """
    squared_distance = (z - mean) ** 2 * torch.exp(-log_variance)
    return -(0.5 * (log_variance + squared_distance) + HALF_LOG_2_PI).sum(-1)


def standard_log_density(z: Tensor) -> Tensor:
    """log N(z; 0, I) = -1/2 (|z|^2 + d log 2 pi), in nats; (..., d) -> (...)."""
    return -0.5 * (z**2).sum(-1) - z.shape[-1] * HALF_LOG_2_PI


def kl_divergence(
    mean: Tensor,
    log_variance: Tensor,
    prior_mean: Tensor | float = 0.0,
    prior_log_variance: Tensor | float = 0.0,
) -> Tensor:
    """KL(N(mu, sigma^2) || N(mu_0, sigma_0^2)) of EACH dimension, in nats: the caller sums.

    KL = 1/2 [sigma^2 / sigma_0^2 - 1 - log(sigma^2 / sigma_0^2) + (mu - mu_0)^2 / sigma_0^2]

    Source: Kingma & Welling 2013, arXiv 1312.6114, appendix B (there for the standard normal prior, the default here).

    Parameters
    ----------
    mean, log_variance : mu and log sigma^2, shapes (..., d).
    prior_mean, prior_log_variance : mu_0 and log sigma_0^2, numbers or tensors that broadcast.

    Returns
    -------
    Tensor of shape (..., d), not negative.
    """
    log_ratio = log_variance - prior_log_variance
    inverse_prior_variance = torch.exp(-torch.as_tensor(prior_log_variance, dtype=mean.dtype, device=mean.device))
    return 0.5 * (torch.expm1(log_ratio) - log_ratio + (mean - prior_mean) ** 2 * inverse_prior_variance)
