"""Logarithms of small differences, without cancellation. All functions work elementwise and keep gradients finite.

In every `torch.where` below the branch that is not chosen gets harmless arguments: autograd multiplies its gradient by
zero, and zero times infinity would be NaN.
"""

import math

import torch
from torch import Tensor

LOG_2 = math.log(2.0)
HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
SQRT_HALF = math.sqrt(0.5)


def in_double(tensor: Tensor) -> Tensor:
    """The tensor as float64: on its device, or on the CPU where the device has no float64 (Apple's MPS)."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def from_double(tensor: Tensor, device: torch.device) -> Tensor:
    """What `in_double` or a computation with it gave, back on the device; float32 where that has no float64."""
    return (tensor.float() if device.type == "mps" else tensor).to(device)


def log1mexp(d: Tensor) -> Tensor:
    """log(1 - e^{-d}) for d > 0; -inf at d = 0.

    Source: M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012 (vignette of the R package Rmpfr).
    """
    small = d < LOG_2
    of_small = torch.log(-torch.expm1(-torch.where(small, d, LOG_2)))
    of_large = torch.log1p(-torch.exp(-torch.where(small, LOG_2, d)))
    return torch.where(small, of_small, of_large)


def log_ndtr(x: Tensor) -> Tensor:
    """log Phi(x), the standard normal distribution function, with a gradient that is right in the tail.

    Phi(x) = e^{-x^2/2} erfcx(-x / sqrt 2) / 2 for x <= -1, and 1 - erfc(x / sqrt 2) / 2 above.
    The value of torch.special.log_ndtr is as good, its gradient is not: at -1e5 in float32 it was 0.4, not 1e5. Here
    -x comes from the square, and what cancels in the derivative of erfcx is small against it.
    """
    left = x <= -1
    x_left, x_right = torch.where(left, x, -1.0), torch.where(left, 0.0, x)
    of_left = -0.5 * x_left**2 + torch.log(torch.special.erfcx(-x_left * SQRT_HALF)) - LOG_2
    of_right = torch.log1p(-0.5 * torch.erfc(x_right * SQRT_HALF))
    return torch.where(left, of_left, of_right)


def log_ndtr_difference(lower: Tensor, upper: Tensor, log_width: Tensor) -> Tensor:
    """log(Phi(upper) - Phi(lower)), the mass of a standard normal variable between two points.

    By symmetry the interval is first reflected so that its midpoint m is not positive: it becomes [a, b].
    - narrow interval (d = b - a small): see `_log_mass_of_narrow_step`;
    - b > 0, an interval around 0: log((erf(b/sqrt 2) + erf(-a/sqrt 2)) / 2), two positive terms;
    - b <= 0, the tail: log Phi(b) + log1mexp(log Phi(b) - log Phi(a)), where with Phi(t) = e^{-t^2/2}
      erfcx(-t/sqrt 2) / 2 the difference is -m d + log erfcx(-b/sqrt 2) - log erfcx(-a/sqrt 2): the two squares, huge
      in the tail, are subtracted on paper.
    """
    reflected = lower + upper > 0
    a = torch.where(reflected, -upper, lower)
    b = torch.where(reflected, -lower, upper)

    # Below the bound the series is exact to its dtype (its error is under d^4/512), above it the others are
    narrow = log_width < math.log(5e-3 if lower.dtype == torch.float64 else 0.1)
    around_zero = ~narrow & (b > 0)
    tail = ~narrow & ~around_zero

    midpoint = torch.where(narrow, 0.5 * (a + b), -1.0)
    of_narrow = _log_mass_of_narrow_step(midpoint, torch.where(narrow, log_width, -10.0))

    b_around, a_around = torch.where(around_zero, b, 1.0), torch.where(around_zero, a, -1.0)
    of_around = torch.log(0.5 * (torch.erf(b_around * SQRT_HALF) + torch.erf(-a_around * SQRT_HALF)))

    b_tail, a_tail = torch.where(tail, b, -1.0), torch.where(tail, a, -2.0)
    d_tail = torch.where(tail, log_width, 0.0).exp()
    difference = (
        -0.5 * (a_tail + b_tail) * d_tail
        + torch.log(torch.special.erfcx(-b_tail * SQRT_HALF))
        - torch.log(torch.special.erfcx(-a_tail * SQRT_HALF))
    )
    of_tail = log_ndtr(b_tail) + log1mexp(difference)

    return torch.where(narrow, of_narrow, torch.where(around_zero, of_around, of_tail))


def _log_mass_of_narrow_step(midpoint: Tensor, log_width: Tensor) -> Tensor:
    """log of the normal mass of a step of small width d around m: the density at m, and its second-order term.

    int_{-d/2}^{d/2} phi(m + t) dt = phi(m) int e^{-mt} e^{-t^2/2} dt, hence with y = m d / 2, to O(d^4) for ANY m,
    log mass = log phi(m) + log d + log(sinh(y) / y) - (d^2 / 8) E[s^2],   E[s^2] = 1 - 2 (y coth y - 1) / y^2,
    E over s in [-1, 1] with density proportional to e^{-ys}. (m fixed, d -> 0 gives the usual 1 + (m^2 - 1) d^2 / 24.)
    """
    d = log_width.exp()
    y = (0.5 * midpoint * d).abs()
    small = y < 0.1

    y_small = torch.where(small, y, 0.0)
    square = y_small**2
    log_sinhc_small = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    second_moment_small = 1 / 3 + square * (2 / 45 - square * 4 / 945)

    y_large = torch.where(small, 1.0, y)
    log_sinhc_large = y_large + log1mexp(2 * y_large) - torch.log(2 * y_large)
    second_moment_large = 1 - 2 * (1 / torch.tanh(y_large) - 1 / y_large) / y_large

    log_sinhc = torch.where(small, log_sinhc_small, log_sinhc_large)
    second_moment = torch.where(small, second_moment_small, second_moment_large)
    return -0.5 * midpoint**2 - HALF_LOG_2_PI + log_width + log_sinhc - d**2 / 8 * second_moment
