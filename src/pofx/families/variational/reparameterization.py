"""The reparameterisation of a diagonal normal (Kingma & Welling 2013, section 2.4)."""

from __future__ import annotations

import torch
from torch import Tensor


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """z = mu + sigma * eps: a draw from N(mu, sigma^2) through which gradients reach mu and sigma.

    Args:
        mean, log_variance: mu and log sigma^2, (..., latent_dim).
        noise: eps ~ N(0, I), of a shape that broadcasts against them, for instance (n_samples, n, latent_dim).
    """
    return mean + torch.exp(0.5 * log_variance) * noise
