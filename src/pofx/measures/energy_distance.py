"""The energy distance: a divergence between two samples that needs no bandwidth, no features and no training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pofx.measures.alike import Array, checked_features
from pofx.measures.distances import squared_distances


@dataclass(frozen=True)
class EnergyDistance:
    """`energy_distance`, in the unit of the rows.

    Attributes:
        value: the estimate, without bias: it may be negative.
        null_deviation: standard deviation of the estimate if both laws are the real one. Estimates that differ by less
            say nothing about which law is nearer.
    """

    value: float
    null_deviation: float


def energy_distance(real: ArrayLike, generated: ArrayLike) -> EnergyDistance:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, in the unit of the rows.

    Not negative in the mean, and zero only if both laws are the same (Székely & Rizzo 2013, "Energy statistics: a class
    of statistics based on distances", proposition 1): unlike moments, it cannot be met by fewer modes.

    It is the squared maximum mean discrepancy of the kernel -|x - x'|, whose estimate from n and m rows of one law has
    the variance 2 (1/n(n-1) + 1/m(m-1) + 2/nm) E[k(X, X')^2], k the kernel with its means taken away (about
    2 (1/n + 1/m)^2 E[k^2]; the law of the estimate: Gretton et al. 2012, "A kernel two-sample test", theorem 12). That
    expectation is estimated from the real rows, without bias from four rows on (Székely & Rizzo 2014, "Partial distance
    correlation with methods for dissimilarities", arXiv 1310.2926).

    Args:
        real, generated: (n, d) and (m, d), at least two rows each.

    Raises:
        ValueError: as `checked_features`.
    """
    x, y = checked_features(real, generated, least=2)
    within_x, centred_square = _within(x)
    within_y, _ = _within(y)
    n, m = len(x), len(y)
    deviation = math.sqrt(2.0 * centred_square * (1 / (n * (n - 1)) + 1 / (m * (m - 1)) + 2 / (n * m)))
    return EnergyDistance(2 * _mean_distance(x, y) - within_x - within_y, deviation)


def _mean_distance(x: Array, y: Array) -> float:
    total = sum(float(np.sqrt(squared).sum()) for _, squared in squared_distances(x, y))
    return total / (len(x) * len(y))


def _within(x: Array) -> tuple[float, float]:
    """Mean distance over pairs of different rows, and the mean square of the distances less their row, column means.

    The second is over pairs of different rows, too: the distance of a row to itself, which is zero, would be far off
    the others where rows have many dimensions, and count for more than all of them in small sets. Of fewer than four
    rows nothing else is left.

    A row's distance to itself, which rounding may keep from zero, is set to it.
    """
    n = len(x)
    squares, of_rows = 0.0, np.empty(n)
    for part, squared in squared_distances(x, x):
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = 0.0
        squares += float(squared.sum())
        of_rows[part] = np.sqrt(squared).sum(axis=1)
    row_squares, total = float(np.sum(of_rows**2)), float(of_rows.sum())
    if n < 4:
        # mean_ij (d_ij - r_i - r_j + r)^2 = mean d^2 - 2 mean r_i^2 + r^2, r the means over rows and over all.
        centred = squares / n**2 - 2 * row_squares / n**3 + total**2 / n**4
    else:
        # The same over i != j, with the divisors that make it unbiased.
        centred = (squares - 2 * row_squares / (n - 2) + total**2 / ((n - 1) * (n - 2))) / (n * (n - 3))
    return total / (n * (n - 1)), max(0.0, centred)  # not negative but by rounding
