"""Laws on levels made from a continuous law of location and scale: the grid of steps, and a bound for the scales.

Levels k in 0..K-1 sit at 2k/(K-1) - 1 in [-1, 1] (at 0 for K = 1), one step is 2/(K-1) wide, and the mass of a level is
that of its step [k - 1/2, k + 1/2]; the steps of level 0 and of level K-1 are open, so that the masses sum to 1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.distributions.law import uniform_noise

MIN_LOG_SCALE = -7.0  # of PixelCNN++ (arXiv 1701.05517), made for 256 levels: 8.6 scales to a step


def bounded_log_scale(raw_log_scale: Tensor, levels: int) -> Tensor:
    """log s = b + log(1 + e^{raw - b}), a smooth lower bound b: about raw where raw is above b, about b below.

    b = -7, lower by log((K-1)/255) where K is above 256, so that a step never has fewer scales to it than there.
    Without a bound 1/s overflows, and the likelihood of data that sit on few levels has gradients without limit. The
    law stays an exact distribution: the bound only says which scales the raw numbers stand for.
    """
    bound = MIN_LOG_SCALE - max(0.0, math.log(max(levels - 1, 1) / 255))
    return bound + torch.nn.functional.softplus(raw_log_scale - bound)


def rescaled(level: Tensor, levels: int) -> Tensor:
    """2k/(K-1) - 1, the place of level k in [-1, 1]; 0 if there is only one level."""
    return level * (2.0 / (levels - 1)) - 1.0 if levels > 1 else torch.zeros_like(level)


def log_mass(
    level: Tensor,
    mean: Tensor,
    log_scale: Tensor,
    levels: int,
    log_difference: Callable[[Tensor, Tensor, Tensor], Tensor],
    log_cdf: Callable[[Tensor], Tensor],
) -> Tensor:
    """log P(level) of a symmetric law with this mean and log scale on [-1, 1]; arguments broadcast.

    `log_difference(l, u, log(u - l))` and `log_cdf(u)` belong to the standard law. Interior levels:
    log(F(u) - F(l)); level 0: log F(u); level K-1: log(1 - F(l)) = log F(-l); a single level has probability 1.
    """
    if levels == 1:
        return 0.0 * (level + mean + log_scale)  # zero, and part of the graph
    inverse_scale = torch.exp(-log_scale)
    # The upper edge of a level and the lower edge of the next are the same floating-point number
    upper = ((2 * level + 1) / (levels - 1) - 1 - mean) * inverse_scale
    lower = ((2 * level - 1) / (levels - 1) - 1 - mean) * inverse_scale
    interior = log_difference(lower, upper, math.log(2.0 / (levels - 1)) - log_scale)
    with_first = torch.where(level <= 0, log_cdf(upper), interior)
    return torch.where(level >= levels - 1, log_cdf(-lower), with_first)


def expected_level(mean: Tensor, log_scale: Tensor, levels: int, cdf: Callable[[Tensor], Tensor]) -> Tensor:
    """E[k] = sum_{k=0}^{K-2} P(level > k) = sum_k F((m - edge_k) / s), edge_k between the levels k and k+1."""
    inverse_scale = torch.exp(-log_scale)
    total = torch.zeros_like(mean)
    for level in range(levels - 1):
        edge = (2 * level + 1) / (levels - 1) - 1
        total = total + cdf((mean - edge) * inverse_scale)
    return total


def snapped(mean: Tensor, log_scale: Tensor, noise: Tensor, levels: int) -> Tensor:
    """The level whose step holds m + s * noise: a draw from the law of `log_mass`, in the dtype of `mean`."""
    # Beyond e^60 every draw is at an edge level; the bound keeps 0 * inf out
    value = mean + log_scale.clamp(max=60.0).exp() * noise
    return ((value + 1) * ((levels - 1) / 2)).round().clamp(0, levels - 1)


def standard_logistic_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent draws log(u) - log(1 - u), u uniform on (0, 1), with shape, dtype and device of `like`."""
    u = uniform_noise(like, generator)
    return (torch.log(u) - torch.log1p(-u)).to(like.dtype)
