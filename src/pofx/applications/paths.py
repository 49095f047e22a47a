"""Ways through a latent space: from one latent to another, and over a grid of two dimensions.

Shapes: n pairs, S steps, L latent dimensions.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Mode = Literal["linear", "spherical"]

#: Below this angle (radians) the arc is taken for the line, which it then is to the precision of the numbers.
SMALLEST_ANGLE = 1e-7


def interpolate_linearly(a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 - t) a + t b, (n, S, L).

    Args:
        a, b: latents (n, L).
        t: from 0 to 1, (S,).
    """
    path: NDArray[np.float64] = (1 - t)[:, None] * a[:, None] + t[:, None] * b[:, None]
    return path


def interpolate_spherically(
    a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From a to b along the arc around 0, the length going evenly from that of a to that of b; (n, S, L).

        z(t) = |z(t)| [sin((1 - t) w) a/|a| + sin(t w) b/|b|] / sin w,
        |z(t)| = (1 - t) |a| + t |b|,   cos w = a.b / |a||b|.

    (Shoemake 1985; White 2016, arXiv 1609.04468.) Points between two draws of N(0, I) in many dimensions lie nearer to
    0 than draws ever do; those of the arc do not.

    Raises:
        ValueError: an end lies at 0, or the two ends of a pair on opposite sides of it: there is no arc, or not one.
    """
    lengths_a, lengths_b = (np.linalg.norm(ends, axis=1)[:, None, None] for ends in (a, b))
    if not (lengths_a.all() and lengths_b.all()):
        raise ValueError("the latents of an image are 0, where no arc begins: use mode='linear'")
    unit_a, unit_b = a[:, None] / lengths_a, b[:, None] / lengths_b
    # The angle from both sums and differences is precise at every size; arccos is not near 0.
    angle = 2 * np.arctan2(
        np.linalg.norm(unit_a - unit_b, axis=2, keepdims=True), np.linalg.norm(unit_a + unit_b, axis=2, keepdims=True)
    )
    if (angle > np.pi - SMALLEST_ANGLE).any():
        raise ValueError(
            "two images lie on opposite sides of 0, with more than one arc between them: use mode='linear'"
        )
    t_S1 = t[:, None]
    narrow = angle < SMALLEST_ANGLE
    sine = np.where(narrow, 1.0, np.sin(angle))
    weight_a = np.where(narrow, 1 - t_S1, np.sin((1 - t_S1) * angle) / sine)
    weight_b = np.where(narrow, t_S1, np.sin(t_S1 * angle) / sine)
    lengths = (1 - t_S1) * lengths_a + t_S1 * lengths_b
    path: NDArray[np.float64] = lengths * (weight_a * unit_a + weight_b * unit_b)
    return path


def normal_quantiles(n: int) -> NDArray[np.float64]:
    """The n points that cut the standard normal law into parts of equal probability, at their medians; (n,), rising.

    Phi^-1((i + 1/2) / n): each image of a grid then stands for as much of the prior as any other (Kingma & Welling
    2013, arXiv 1312.6114, appendix A).
    """
    quantiles: NDArray[np.float64] = ndtri((np.arange(n) + 0.5) / n)
    return quantiles
