"""What changes in the course of a training: learning rate, half-life of the weight average, and others like them."""

from __future__ import annotations

import math

EMA_RAMP = 0.1


def learning_rate_factor(progress: float, warm_up_fraction: float) -> float:
    r"""Linear warm-up, then half a cosine down to zero.

    .. math:: f(p) = \begin{cases} p / w & p < w \\ \tfrac12 (1 + \cos(\pi \frac{p - w}{1 - w})) & p \ge w \end{cases}

    Args:
        progress: share p of the training that is done; values beyond 1 count as 1.
        warm_up_fraction: share w of the training that warms up, in [0, 1).
    """
    progress = min(progress, 1.0)
    if progress < warm_up_fraction:
        return progress / warm_up_fraction
    return cosine_between(1.0, 0.0, (progress - warm_up_fraction) / (1.0 - warm_up_fraction))


def cosine_between(start: float, end: float, progress: float) -> float:
    r"""From ``start`` to ``end`` along half a cosine: end + (start - end) (1 + cos(pi p)) / 2.

    Args:
        progress: share p of the training that is done; values beyond 1 count as 1.
    """
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def ramped_half_life(half_life: float, n_steps: int) -> float:
    """Half-life of the weight average after ``n_steps`` optimiser steps: min(half_life, 0.1 n_steps).

    So the average forgets the first, random weights however short the training is.
    """
    return min(half_life, EMA_RAMP * n_steps)
