"""The log-mass of a step under a logistic law: the innermost computation of the logistic pixel laws, made quick.

It runs for every pixel, channel and component of every training step. Written out in tensor operations, autograd keeps
some twenty arrays of that size alive and passes over each again; here the derivative is written down, and the forward
pass uses only operations that are vectorised on a CPU (log1p and logsigmoid are not).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def logistic_log_mass(level: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """log P(level) of a logistic law on the grid of `pofx.distributions.grid`; differentiable once.

    With u, l the edges of the step in scales from the mean, and d = u - l,
    sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - e^{-d}) exactly: nothing cancels in either tail. Level 0 is
    open below (log sigmoid(u)), level K-1 above (log sigmoid(-l)); of a single level the mass is 1.

    Args:
        level: levels 0..K-1, in the dtype of the mean, of a shape that broadcasts to that of the mean.
        mean, log_scale: of one shape, on levels rescaled to [-1, 1].
    """
    if levels == 1:
        return 0.0 * (level + mean + log_scale)  # zero, and part of the graph
    mass: Tensor = _LogisticLogMass.apply(level, mean, log_scale, levels)
    return mass


class _LogisticLogMass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, level: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
        # 1 where a factor of the product counts: sigmoid(u) below the last level, sigmoid(-l) above the first.
        counts_u = (level < levels - 1).to(mean.dtype)
        counts_l = (level > 0).to(mean.dtype)
        inverse_scale = torch.exp(-log_scale)
        # The upper edge of a level and the lower edge of the next are the same floating-point number.
        u = ((2 * level + 1) / (levels - 1) - 1 - mean).mul_(inverse_scale)
        lower = ((2 * level - 1) / (levels - 1) - 1 - mean).mul_(inverse_scale)
        log_d = math.log(2.0 / (levels - 1)) - log_scale
        # log(1 - e^{-d}) = log d + log((1 - e^{-d}) / d); the second term goes to 0 with d, also where d underflows.
        d = log_d.exp().clamp_(min=1e-30)
        log_mass = torch.expm1(-d).neg_().div_(d).log_().add_(log_d).mul_(counts_u * counts_l)
        log_mass.add_(_log_sigmoid(u).mul_(counts_u)).add_(_log_sigmoid(-lower).mul_(counts_l))
        ctx.save_for_backward(u, lower, d, inverse_scale, counts_u, counts_l)
        return log_mass

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[None, Tensor, Tensor, None]:
        """d log P/du = sigmoid(-u) + 1/(e^d - 1) and so on; du/dm = -1/s, du/dlog s = -u, dd/dlog s = -d."""
        u, lower, d, inverse_scale, counts_u, counts_l = ctx.saved_tensors  # type: ignore[attr-defined]
        of_u = torch.sigmoid(-u).mul_(counts_u)
        of_lower = torch.sigmoid(lower).mul_(counts_l)
        of_width = (d / torch.expm1(d)).mul_(counts_u * counts_l)
        of_mean = (of_lower - of_u).mul_(inverse_scale).mul_(gradient)
        of_log_scale = of_lower.mul_(lower).sub_(of_u.mul_(u)).sub_(of_width).mul_(gradient)
        return None, of_mean, of_log_scale, None


def _log_sigmoid(x: Tensor) -> Tensor:
    """min(x, 0) - log(1 + e^{-|x|}), to the absolute precision of its dtype."""
    # Beyond 80 the second term is below any precision, and exp is slow where its result is denormal.
    return x.clamp(max=0.0).sub_(x.abs().clamp_(max=80.0).neg_().exp_().add_(1.0).log_())
