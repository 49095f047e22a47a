"""Penalties on the slope of the discriminator, R1 at real images and R2 at generated ones.

Near p_G = p_data either makes training converge, with the relativistic losses too (Huang et al. 2025, arXiv 2501.05441,
section 2). Far from it R1 alone leaves the slope at generated images free, where it grows without bound and training
diverges, whatever the losses: there it takes both, at every step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""From images to their logits, (N,)."""


def logits_and_slope(critic: Critic, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """d(x) (N,), and |grad_x d(x)|^2 of each image (N,), of which R1 and R2 are the means; differentiable both.

    R1 = E_{x real} |grad d(x)|^2, R2 = E_{x generated} |grad d(x)|^2, each weighed by gamma / 2 in the discriminator's
    loss (Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406, eqs. 9 and 10). x is what the discriminator is given: in
    the scale of the networks, and after any random changes of images.

    The derivative is taken by a function transform and not by a second call of autograd: a compiled discriminator then
    has it in its graph, and its own derivative is right.
    """
    logit_N, pull_back = torch.func.vjp(critic, x_NCHW)  # type: ignore[misc]  # three only with has_aux
    (slope_NCHW,) = pull_back(torch.ones_like(logit_N))
    return logit_N, (slope_NCHW**2).flatten(1).sum(dim=1)
