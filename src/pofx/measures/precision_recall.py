"""How much of what is generated is like real images, and how much of what is real can be generated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.measures.alike import Array, checked_count, checked_features
from pofx.measures.distances import neighbour_radii, squared_distances


@dataclass(frozen=True)
class PrecisionRecall:
    """`precision_recall` and what it was measured on.

    Attributes:
        precision: share of the generated entries within the real manifold.
        recall: share of the real entries within the generated manifold.
        precision_standard_error, recall_standard_error: binomial, given the other set's manifold.
        k: neighbours. n_real, n_generated, n_features: how many. extractor: the name of the features.
    """

    precision: float
    recall: float
    precision_standard_error: float
    recall_standard_error: float
    k: int
    n_real: int
    n_generated: int
    n_features: int
    extractor: str

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f} ± {self.precision_standard_error:.3f}, recall {self.recall:.3f} ± "
            f"{self.recall_standard_error:.3f} (k = {self.k}, {self.extractor}: {self.n_features} features, "
            f"{self.n_real:,} real and {self.n_generated:,} generated)"
        )


def precision_recall(
    real: ArrayLike, generated: ArrayLike, *, k: int = 3, extractor: str = "features", most: int | None = None
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1-2).

    The manifold of a set is the union of balls around its entries, each with the distance to the entry's k-th nearest
    other entry as its radius. Precision is the share of generated entries in the manifold of the real ones, recall the
    share of real entries in that of the generated ones.

    Both depend on n (balls shrink as it grows) and on k: compare figures of equal n and k only, beside those of real
    against real images, which are below 1. One outlier among the entries makes a large ball.

    Args:
        real, generated: features (n, d), n > k.
        k: neighbours; 3 in the paper.
        extractor: name of the features, for the result.
        most: distances in memory at a time; see `pofx.measures.distances`.

    Raises:
        ValueError: other shapes, NaN, a k that is no whole number or below 1, or no more than k rows.
    """
    k = checked_count(k, "k", 1)
    first, second = checked_features(real, generated, k + 1)
    precision = float(_within(second, first, k, most).mean())
    recall = float(_within(first, second, k, most).mean())
    return PrecisionRecall(
        precision,
        recall,
        math.sqrt(precision * (1 - precision) / len(second)),
        math.sqrt(recall * (1 - recall) / len(first)),
        k,
        len(first),
        len(second),
        first.shape[1],
        extractor,
    )


def _within(queries: Array, references: Array, k: int, most: int | None) -> NDArray[np.bool_]:
    """Whether each query lies in the ball of any reference, (n,)."""
    radii = neighbour_radii(references, k, most=most)
    inside = np.empty(len(queries), dtype=bool)
    for part, squared in squared_distances(queries, references, most=most):
        inside[part] = (squared <= radii).any(axis=1)
    return inside
