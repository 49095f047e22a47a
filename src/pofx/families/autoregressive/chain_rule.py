"""The chain rule over sub-pixels: log p(x) = sum_i log p(x_i | x_<i), row by row, in a pixel R before G before B.

Shapes: terms_NCHW the log p(x_i | x_<i) of each sub-pixel, in nats.
Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, eq. 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.distributions.law import SubPixelLaw
from pofx.distributions.numerics import in_double
from pofx.distributions.pixels import PixelLaw


def log_p_terms(law: PixelLaw, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """log p(x_i | x_<i) of each sub-pixel, NCHW, the parameters having been computed from x_<i alone."""
    return law.log_prob(parameters_NPHW, x_NCHW)


def log_p_x(terms_NCHW: Tensor) -> Tensor:
    """log p(x) = sum_i log p(x_i | x_<i), (n,)."""
    return terms_NCHW.flatten(1).sum(1)


def marginal_terms(terms_KNCHW: Tensor, log_prior_K: Tensor) -> Tensor:
    """The terms of the marginal over classes, from the terms of each class; NCHW.

    log p(x_i | x_<i) = log sum_y p(y | x_<i) p(x_i | x_<i, y), with p(y | x_<i) proportional to p(y) p(x_<i | y): the
    differences of log sum_y p(y) p(x_<=i | y) from one sub-pixel to the next. Their sum is log sum_y p(y) p(x | y).
    """
    _, n, channels, height, width = terms_KNCHW.shape
    # p(y) sums to 1: before the first sub-pixel the marginal is log 1 = 0.
    marginal_ND = torch.logsumexp(_running_joint(terms_KNCHW, log_prior_K), 0)
    differences_ND = torch.diff(marginal_ND, dim=1, prepend=torch.zeros_like(marginal_ND[:, :1]))
    return differences_ND.reshape(n, height, width, channels).permute(0, 3, 1, 2)


def class_log_weights(terms_KNCHW: Tensor, log_prior_K: Tensor) -> Tensor:
    """log p(y | x_<i), what the sub-pixels before i say of the class, for each sub-pixel; KNCHW."""
    n_classes, n, channels, height, width = terms_KNCHW.shape
    upto_KND = _running_joint(terms_KNCHW, log_prior_K)
    first_KN1 = log_prior_K[:, None, None].expand(n_classes, n, 1)
    weights_KND = torch.cat([first_KN1, upto_KND[:, :, :-1]], 2).log_softmax(0)
    return weights_KND.reshape(n_classes, n, height, width, channels).permute(0, 1, 4, 2, 3)


def marginal_entropy(laws: Sequence[SubPixelLaw], log_weights_KNCHW: Tensor, like_NCHW: Tensor, levels: int) -> Tensor:
    """The entropy of each sub-pixel under the marginal over classes, in nats, NCHW.

    H_i = -sum_k p_k log p_k, p_k = sum_y p(y | x_<i) p(x_i = k | x_<i, y): of the mixture, not the mean of the classes'
    entropies. Without autograd it holds one level of all classes in memory at a time.

    Args:
        laws: the law of each class, from levels like those of ``like_NCHW`` to log-probabilities NCHW.
        log_weights_KNCHW: log p(y | x_<i), see `class_log_weights`.
    """
    entropy_NCHW = torch.zeros_like(log_weights_KNCHW[0])
    for level in range(levels):
        level_NCHW = torch.full_like(like_NCHW, level)
        of_classes_KNCHW = torch.stack([in_double(law(level_NCHW)) for law in laws])
        log_p_NCHW = torch.logsumexp(log_weights_KNCHW + of_classes_KNCHW, 0)
        entropy_NCHW -= log_p_NCHW.exp() * log_p_NCHW
    return entropy_NCHW


def _running_joint(terms_KNCHW: Tensor, log_prior_K: Tensor) -> Tensor:
    """log p(y) + log p(x_<=i | y), the sub-pixels in the order of the chain rule; KND."""
    in_order_KND = terms_KNCHW.permute(0, 1, 3, 4, 2).flatten(2)
    return log_prior_K[:, None, None] + in_order_KND.cumsum(2)
