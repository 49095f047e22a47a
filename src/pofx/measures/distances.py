"""Distances between two sets of rows, a part at a time, so that the memory they take is bounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pofx.measures.alike import Array

#: Distances that are in memory at a time, at most (float64: 64 MiB).
PART = 2**23


def squared_distances(
    queries: Array, references: Array, *, most: int | None = None
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """|q - r|^2 of every row of ``queries`` (n, d) to every row of ``references`` (m, d), part by part.

    |q|^2 + |r|^2 - 2 q·r with both sets moved to the mean of the references first, so that little is lost where the
    rows lie far from the origin; never negative.

    Args:
        most: distances in memory at a time, at most (but one row); 2^23 by default.

    Yields:
        Which queries, and their distances, (rows of the part, m).
    """
    centre = references.mean(axis=0)
    references = references - centre
    lengths = np.einsum("md,md->m", references, references)
    rows = max(1, (PART if most is None else most) // len(references))
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows] - centre
        squared = np.einsum("nd,nd->n", part, part)[:, None] + lengths - 2 * (part @ references.T)
        yield slice(start, start + len(part)), np.maximum(squared, 0.0)


def nearest(
    queries: Array, references: Array, *, most: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance (n,) from each query to the reference nearest to it, and which that is (n,).

    The distance is computed again from the two rows themselves: exactly zero if they are equal.
    """
    indices = np.empty(len(queries), dtype=np.int64)
    for part, squared in squared_distances(queries, references, most=most):
        indices[part] = squared.argmin(axis=1)
    return np.linalg.norm(queries - references[indices], axis=1), indices


def neighbour_radii(rows: Array, k: int, *, most: int | None = None) -> NDArray[np.float64]:
    """Squared distance (n,) from each row to its k-th nearest other row; 1 <= k < n."""
    radii = np.empty(len(rows))
    for part, squared in squared_distances(rows, rows, most=most):
        own = np.arange(part.start, part.stop)
        squared[own - part.start, own] = np.inf  # a row is no neighbour of its own
        radii[part] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii
