"""The maximum mean discrepancy between two sets of features, with a polynomial kernel: unbiased at any n."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pofx.measures.alike import Array, checked_count, checked_features

#: Blocks of large sets: their size at most, and how many of small sets.
LARGEST_BLOCK, N_BLOCKS = 1_000, 10
#: Entries of each set in a block, at least: the unbiased estimate leaves the diagonal out.
LEAST_BLOCK = 2


@dataclass(frozen=True)
class KernelDistance:
    """`kernel_distance` and what it was measured on.

    Attributes:
        value: estimate of MMD^2, the mean over blocks; negative ones are not clipped.
        standard_error: of that mean, from its spread over the blocks.
        n_blocks, block_size: how many disjoint blocks, of so many entries of each set.
        n_features: d. extractor: the name of the features.
    """

    value: float
    standard_error: float
    n_blocks: int
    block_size: int
    n_features: int
    extractor: str

    def __str__(self) -> str:
        return (
            f"kernel distance (MMD^2) {self.value:.4g} ± {self.standard_error:.2g} on {self.extractor} "
            f"({self.n_features} features, {self.n_blocks} blocks of {self.block_size:,} real and generated)"
        )


def polynomial_kernel(x: Array, y: Array) -> Array:
    """k(x, y) = (x·y / d + 1)^3 of rows (n, d) and (m, d), shape (n, m)."""
    return np.asarray((x @ y.T / x.shape[1] + 1.0) ** 3)


def squared_mmd(real: Array, generated: Array) -> float:
    """The unbiased estimate of MMD^2 with `polynomial_kernel`, from n and m rows.

        sum_{i != j} k(x_i, x_j) / n(n-1) + sum_{i != j} k(y_i, y_j) / m(m-1) - 2 sum_{i,j} k(x_i, y_j) / nm

    (Gretton et al. 2012, JMLR 13, eq. 3). Its mean is zero if both are of one law: single estimates are negative, too.
    """

    def within(rows: Array) -> float:
        kernel = polynomial_kernel(rows, rows)
        return float(kernel.sum() - np.trace(kernel)) / (len(rows) * (len(rows) - 1))

    return within(real) + within(generated) - 2 * float(polynomial_kernel(real, generated).mean())


def kernel_distance(
    real: ArrayLike,
    generated: ArrayLike,
    *,
    n_blocks: int | None = None,
    extractor: str = "features",
    random_state: int = 0,
) -> KernelDistance:
    """MMD^2 with the kernel (x·y / d + 1)^3, the "kernel distance" of Binkowski et al. 2018, arXiv 1801.01401.

    Both sets are shuffled and cut into disjoint blocks. The value is the mean of the blocks' unbiased estimates
    (`squared_mmd`), and its standard error comes from their spread; blocks that overlap, as in the paper, would make it
    too small. Unlike the Fréchet distance it does not grow as n becomes small.

    Args:
        real, generated: features (n, d). Of the larger set as many rows are taken as the smaller one has.
        n_blocks: by default 10, and more of large sets, so that no block has more than 1000 rows of either.
        extractor: name of the features, for the result.
        random_state: seed of the shuffling.

    Raises:
        ValueError: other shapes, NaN, an n_blocks that is no whole number or below 1, or fewer than two rows a block.
    """
    first, second = checked_features(real, generated, LEAST_BLOCK)
    n = min(len(first), len(second))
    if n_blocks is None:
        n_blocks = max(min(N_BLOCKS, n // LEAST_BLOCK), math.ceil(n / LARGEST_BLOCK))
    n_blocks = checked_count(n_blocks, "n_blocks", 1)
    size = n // n_blocks
    if size < LEAST_BLOCK:
        raise ValueError(f"n_blocks={n_blocks} blocks cannot be made of {n} rows: each needs at least {LEAST_BLOCK}")
    rng = np.random.default_rng(random_state)
    order_1, order_2 = rng.permutation(len(first)), rng.permutation(len(second))
    estimates = np.array(
        [
            squared_mmd(first[order_1[start : start + size]], second[order_2[start : start + size]])
            for start in range(0, size * n_blocks, size)
        ]
    )
    error = float(estimates.std(ddof=1)) / math.sqrt(n_blocks) if n_blocks > 1 else math.nan
    return KernelDistance(float(estimates.mean()), error, n_blocks, size, first.shape[1], extractor)
