"""The chain rule over sub-pixels: log p(x) = sum_i log p(x_i | x_<i), row by row, in a pixel R before G before B.

Shapes: terms_NCHW the log p(x_i | x_<i) of each sub-pixel, in nats.
Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, eq. 1 and 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

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
    n_classes, n, channels, height, width = terms_KNCHW.shape
    in_order_KND = terms_KNCHW.permute(0, 1, 3, 4, 2).reshape(n_classes, n, -1)
    joint_KND = log_prior_K[:, None, None] + in_order_KND.cumsum(2)
    # p(y) sums to 1: before the first sub-pixel the marginal is log 1 = 0.
    marginal_ND = torch.logsumexp(joint_KND, 0)
    differences_ND = torch.diff(marginal_ND, dim=1, prepend=torch.zeros_like(marginal_ND[:, :1]))
    return differences_ND.reshape(n, height, width, channels).permute(0, 3, 1, 2)
