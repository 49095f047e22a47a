"""The Fréchet distance between two sets of features, each taken for a normal law."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.measures.alike import Array, checked_features

#: Directions whose variance is a smaller part of the largest than this tell nothing of the spread of entries: what is
#: divided by it is rounding.
NULL_SPACE = 1e-12


class SmallSampleWarning(UserWarning):
    """A measure was asked of so few entries that it says more about their number than about their law."""


@dataclass(frozen=True)
class FrechetDistance:
    """`frechet_distance` and what it was measured on.

    Attributes:
        value: the squared distance, in the square of the features' unit; mean_part + covariance_part.
        standard_error: over the entries of both sets (delta method); the bias is not in it.
        mean_part, covariance_part: |mu_1 - mu_2|^2, and what the covariances add.
        n_real, n_generated, n_features: how many.
        extractor: the name of the features.
    """

    value: float
    standard_error: float
    mean_part: float
    covariance_part: float
    n_real: int
    n_generated: int
    n_features: int
    extractor: str

    def __str__(self) -> str:
        return (
            f"Fréchet distance {self.value:.4g} ± {self.standard_error:.2g} on {self.extractor} ({self.n_features} "
            f"features, {self.n_real:,} real and {self.n_generated:,} generated)"
        )


def frechet_distance(real: ArrayLike, generated: ArrayLike, *, extractor: str = "features") -> FrechetDistance:
    """Squared Fréchet (2-Wasserstein) distance between the normal laws with the means and covariances of two sets.

        d^2 = |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1^(1/2) S_2 S_1^(1/2))^(1/2))

    (Dowson & Landau 1982; of features of images Heusel et al. 2017, arXiv 1706.08500). S with the divisor n - 1. The
    trace of the last root is the sum of the singular values of S_1^(1/2) S_2^(1/2), whose roots come from symmetric
    eigendecompositions in float64: no root of a matrix that is not symmetric, and no loss of half the digits where a
    covariance is singular.

    The estimate is biased upwards, by a term of order tr(S) d / n that differs between generators (of two sets of one
    round law tr(S) (1 + (d + 1) / 4) (1/n_1 + 1/n_2)): compare figures of equal n only, and set the same distance
    between two sets of real images beside them.

    Args:
        real, generated: features (n, d); they may differ in n.
        extractor: name of the features, for the result. A distance says nothing without it.

    Returns:
        The distance, with a standard error by the delta method: the spread of each entry's influence on d^2, which in
        the first set is 2 (mu_1 - mu_2)·(x - mu_1) + (x - mu_1)^T (1 - T) (x - mu_1), with T the optimal map from S_1
        to S_2.

    Raises:
        ValueError: other shapes, fewer than two rows, NaN.

    Warns:
        SmallSampleWarning: no more than d rows in a set: its covariance does not have full rank, and the bias is large.
    """
    first, second = checked_features(real, generated, 2)
    n_features = first.shape[1]
    fewest = min(len(first), len(second))
    if fewest <= n_features:
        warnings.warn(
            f"{fewest} entries for {n_features} features: the covariance does not have full rank, and the Fréchet "
            "distance is far too large",
            SmallSampleWarning,
            stacklevel=2,
        )
    first, second = _within_their_span(first, second)
    centred = [rows - rows.mean(axis=0) for rows in (first, second)]
    roots = [_covariance_root(rows) for rows in centred]
    left, singular, right = np.linalg.svd(roots[0] @ roots[1])
    difference = first.mean(axis=0) - second.mean(axis=0)
    mean_part = float(difference @ difference)
    # tr S is the squared Frobenius norm of its root.
    covariance_part = max(0.0, float(np.sum(roots[0] ** 2) + np.sum(roots[1] ** 2) - 2 * singular.sum()))
    variance = 0.0
    for rows, root, basis, sign in ((centred[0], roots[0], left, 1.0), (centred[1], roots[1], right.T, -1.0)):
        # x^T T x = w^T (S_1^(1/2) S_2 S_1^(1/2))^(1/2) w with w = S_1^(-1/2) x.
        whitened = rows @ np.linalg.pinv(root, rcond=math.sqrt(NULL_SPACE), hermitian=True)
        mapped = (whitened @ basis) ** 2 @ singular
        influence = 2 * sign * (rows @ difference) + np.sum(rows**2, axis=1) - mapped
        variance += float(influence.var(ddof=1)) / len(rows)
    return FrechetDistance(
        mean_part + covariance_part,
        math.sqrt(variance),
        mean_part,
        covariance_part,
        len(first),
        len(second),
        n_features,
        extractor,
    )


def _within_their_span(first: Array, second: Array) -> tuple[Array, Array]:
    """The same sets turned so that few features tell all of them, if there are fewer entries than features.

    The distance and its error do not change as both sets are moved and turned together, and n entries span n - 1
    directions at most: what would be roots of (d, d) matrices are roots of (n, n) ones.
    """
    if len(first) + len(second) >= first.shape[1]:
        return first, second
    rows = np.concatenate([first, second])
    # rows^T = Q R with orthonormal columns of Q: column i of R has the coordinates of row i.
    turned = np.asarray(np.linalg.qr((rows - rows.mean(axis=0)).T, mode="r")).T
    return turned[: len(first)], turned[len(first) :]


def _covariance_root(centred: Array) -> NDArray[np.float64]:
    """S^(1/2), symmetric, (d, d)."""
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(centred) - 1))
    # Eigenvalues that are zero but for rounding: the root of 1e-16 is 1e-8, and half the digits would be lost.
    values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0.0
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)
