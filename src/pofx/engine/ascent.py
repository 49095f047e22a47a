"""Gradient ascent of many small problems side by side, one an image.

Shapes: N problems, L numbers each; z_NL.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.distributions.numerics import in_double

Objective = Callable[[Tensor], Tensor]
"""From z_NL to what is to be as high as possible, (N,), float64, each number of its own row alone."""

#: Adam's (Kingma & Ba 2014, arXiv 1412.6980): decay of the means of gradients and of their squares, and what is added
#: to the root of the latter.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def ascended(objective: Objective, z_NL: Tensor, *, n_steps: int, learning_rate: float) -> Tensor:
    """z of a higher objective, by gradient ascent from z; (N, L).

    Adam with a step size that falls along a half cosine from ``learning_rate`` to 0. Each row is a problem of its own,
    and keeps the best z that it came through: never one worse than its start. Nothing in it is random.

    Args:
        n_steps: gradients.
        learning_rate: in the unit of z.
    """
    z_NL = z_NL.detach().clone()
    best_NL = z_NL.clone()
    best_N = torch.full_like(in_double(z_NL[:, 0]), -math.inf)
    mean_NL, square_NL = torch.zeros_like(z_NL), torch.zeros_like(z_NL)
    for step in range(n_steps + 1):
        z_NL.requires_grad_(True)
        value_N = objective(z_NL)
        better_N = value_N.detach() > best_N
        best_N = torch.where(better_N, value_N.detach(), best_N)
        best_NL = torch.where(better_N.to(z_NL.device)[:, None], z_NL.detach(), best_NL)
        if step == n_steps:
            break
        (gradient_NL,) = torch.autograd.grad(value_N.sum(), z_NL)
        mean_NL = BETA_1 * mean_NL + (1 - BETA_1) * gradient_NL
        square_NL = BETA_2 * square_NL + (1 - BETA_2) * gradient_NL**2
        slope_NL = mean_NL / (1 - BETA_1 ** (step + 1))
        size_NL = (square_NL / (1 - BETA_2 ** (step + 1))).sqrt() + EPSILON
        rate = learning_rate * 0.5 * (1 + math.cos(math.pi * step / n_steps))
        z_NL = z_NL.detach() + rate * slope_NL / size_NL
    return best_NL
