"""The energy distance: a divergence between two samples that needs no bandwidth, no features and no training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pofx.measures.alike import Array, checked_features
from pofx.measures.distances import squared_distances


def energy_distance(real: ArrayLike, generated: ArrayLike) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, in the unit of the rows, estimated without bias (it may be negative).

    Not negative in the mean, and zero only if both laws are the same (Székely & Rizzo 2013, "Energy statistics: a class
    of statistics based on distances", proposition 1): unlike moments, it cannot be met by fewer modes.

    Args:
        real, generated: (n, d) and (m, d), at least two rows each.

    Raises:
        ValueError: as `checked_features`.
    """
    x, y = checked_features(real, generated, least=2)
    return 2 * _mean_distance(x, y) - _mean_distance_within(x) - _mean_distance_within(y)


def _mean_distance(x: Array, y: Array) -> float:
    total = sum(float(np.sqrt(squared).sum()) for _, squared in squared_distances(x, y))
    return total / (len(x) * len(y))


def _mean_distance_within(x: Array) -> float:
    """Over pairs of different rows: those of a row with itself, which rounding may keep from zero, are left out."""
    total = 0.0
    for part, squared in squared_distances(x, x):
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = 0.0
        total += float(np.sqrt(squared).sum())
    return total / (len(x) * (len(x) - 1))
