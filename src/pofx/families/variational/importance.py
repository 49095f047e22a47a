"""Training with the k-sample bound (IWAE): the bound on one batch, with a gradient that does not fade as k grows.

Shapes: S = k draws of z an image, N images, L latent dimensions; nats.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def k_sample_bound(
    log_likelihood_SN: Tensor, log_prior_SN: Tensor, log_posterior_SN: Tensor, kl_weight: float = 1.0
) -> Tensor:
    """log (1/k) sum_s p(x|z_s) (p(z_s) / q(z_s|x))^weight, z_s ~ q(z|x); (n,).

    With weight 1 the bound of Burda, Grosse, Salakhutdinov 2015 (arXiv 1509.00519, eq. 8), which rises with k towards
    log p(x). With one draw it is the ELBO's estimate with a weighted KL term, which is what the weight (beta, times the
    warm-up) means at every k.
    """
    log_w_SN = log_likelihood_SN + kl_weight * (log_prior_SN - log_posterior_SN)
    return torch.logsumexp(log_w_SN, dim=0) - math.log(len(log_w_SN))


def doubly_reparameterised(z_SNL: Tensor, log_w_SN: Tensor, kl_weight: float = 1.0) -> None:
    """Scale the gradient that reaches the draws of z, so that the encoder's is the doubly reparameterised one.

    The gradient of the k-sample bound with respect to the encoder holds the score of q, whose noise drowns the signal
    as k grows (Rainforth et al. 2018, arXiv 1802.04537). Tucker et al. 2018 (arXiv 1810.04152, eq. 8) reparameterise it
    a second time. With normalised weights w~_s, and log q(z_s|x) taken at constant mean and variance,

        d bound / d encoder = E[sum_s w~_s^2  d log w_s / d z_s  d z_s / d encoder]

    and with a KL weight b, by the same steps, w~_s (1 - b + b w~_s) in place of w~_s^2. Backpropagation through the
    logarithm of the mean gives the first factor w~_s; this puts in the second. The gradients of the decoder and of the
    prior are those of the bound as they stand.

    Args:
        z_SNL: the draws, before anything is computed from them.
        log_w_SN: log [p(x|z) (p(z) / q(z|x))^b], with q's mean and variance detached.
    """
    if not z_SNL.requires_grad:
        return
    share_SN = torch.softmax(log_w_SN.detach(), dim=0)
    factor_SN = 1 - kl_weight + kl_weight * share_SN
    z_SNL.register_hook(lambda gradient: gradient * factor_SN[..., None])
