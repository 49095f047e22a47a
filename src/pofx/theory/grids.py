"""Laws on a regular grid, in one or two dimensions: densities at the middle of its cells.

Shapes: n cells; d dimensions; m intervals of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.data.toy import NormalMixture
from pofx.measures.alike import checked_count

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Equal cells that fill an interval (d = 1) or a square (d = 2), the first coordinate slowest.

    Parameters
    ----------
    lower, upper : the ends of every coordinate.
    n_per_side : cells along each coordinate.
    d : how many coordinates.

    Raises
    ------
    ValueError : a number of cells or coordinates that is no whole one or below 1, ends in the wrong order.
    """

    lower: float
    upper: float
    n_per_side: int
    d: int = 1

    def __post_init__(self) -> None:
        checked_count(self.n_per_side, "n_per_side", 1)
        checked_count(self.d, "d", 1)
        if not -math.inf < self.lower < self.upper < math.inf:
            raise ValueError(f"a grid goes from a number to a larger one, not from {self.lower} to {self.upper}")

    @property
    def line(self) -> Floats:
        """The middles of the cells along one coordinate, shape (n_per_side,)."""
        edges = self.edges
        return 0.5 * (edges[1:] + edges[:-1])

    @property
    def edges(self) -> Floats:
        """Where cells begin and end along one coordinate, shape (n_per_side + 1,)."""
        return np.linspace(self.lower, self.upper, self.n_per_side + 1)

    @property
    def points(self) -> Floats:
        """The middles of all cells, shape (n, d)."""
        return np.stack(np.meshgrid(*[self.line] * self.d, indexing="ij"), axis=-1).reshape(-1, self.d)

    @property
    def cell_volume(self) -> float:
        """Of each cell, in the unit of x to the power of d."""
        return ((self.upper - self.lower) / self.n_per_side) ** self.d

    def density(self, law: NormalMixture) -> Floats:
        """p(x) of a law at the middles of the cells, scaled to sum to 1 over the grid; shape (n,).

        Raises
        ------
        ValueError : the grid misses more than a thousandth of the law, or is too coarse for it.
        """
        density = np.exp(law.log_prob(self.points))
        total = density.sum() * self.cell_volume
        if not math.isclose(total, 1.0, abs_tol=1e-3):
            raise ValueError(f"on this grid the law has mass {total:.4f}: it is too narrow or too coarse")
        return density / total


def push_forward(x: ArrayLike, masses: ArrayLike, grid: Grid) -> Floats:
    """The density on a one-dimensional grid of x = G(z), z of a known law in one dimension; shape (n,).

    G is followed along a fine line of z. The mass of each small interval of z lies evenly between the G of its ends:

        F(e) = sum_i m_i clip((e - lo_i) / (hi_i - lo_i), 0, 1),   density of a cell = (F(right) - F(left)) / width

    This is the law of the G that is straight between the points, exactly: there is no noise of sampling and no width of
    a kernel, and G need neither rise nor be invertible. The density is the mean over a cell. What lies beyond the grid
    is counted to its outermost cells, so that the sum is 1.

    Parameters
    ----------
    x : G at the m + 1 ends of the intervals, in the order of z.
    masses : the probability of each interval of z, shape (m,), sum 1.
    grid : of one dimension.
    """
    ends, masses = np.asarray(x, dtype=np.float64), np.asarray(masses, dtype=np.float64)
    low, high = np.minimum(ends[:-1], ends[1:]), np.maximum(ends[:-1], ends[1:])
    # An interval that G takes to a single point has all its mass there.
    width = np.maximum(high - low, 1e-12)
    cumulative = np.array([(masses * np.clip((edge - low) / width, 0.0, 1.0)).sum() for edge in grid.edges])
    cumulative[0], cumulative[-1] = 0.0, masses.sum()
    return np.maximum(np.diff(cumulative), 0.0) / grid.cell_volume
