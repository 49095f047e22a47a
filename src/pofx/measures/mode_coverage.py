"""Which modes of a law a set of samples reaches, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.distributions.divergences import kullback_leibler
from pofx.measures.alike import checked_count
from pofx.measures.distances import nearest

#: The mode of a sample that belongs to none.
NO_MODE = -1


@dataclass(frozen=True)
class ModeCoverage:
    """`mode_coverage` and what it was measured on.

    Attributes:
        covered: modes with a sample (or as many as were asked for).
        n_modes: modes there are.
        kl: KL(law of the samples' modes || reference), nats; samples of no mode are left out of it.
        kl_of_perfect: what a perfect generator's estimate would be on average at this n: (n_modes - 1) / 2n.
        in_a_mode: share of the samples that belong to a mode.
        counts: samples in each mode, (n_modes,).
        n_samples: how many.
    """

    covered: int
    n_modes: int
    kl: float
    kl_of_perfect: float
    in_a_mode: float
    counts: NDArray[np.int64]
    n_samples: int

    def __str__(self) -> str:
        return (
            f"{self.covered:,} of {self.n_modes:,} modes, KL {self.kl:.4f} nats (of a perfect generator about "
            f"{self.kl_of_perfect:.4f}), {self.in_a_mode:.1%} of {self.n_samples:,} samples in a mode"
        )


def mode_coverage(
    modes: ArrayLike, n_modes: int, *, reference: ArrayLike | None = None, least: int = 1
) -> ModeCoverage:
    """How many modes the samples cover, and how far their frequencies are from those of a reference.

        KL(p || r) = sum_k p_k log(p_k / r_k),  p_k = share of the samples in mode k among those in any mode.

    The estimate from n samples is too great by about (n_modes - 1) / 2n, also of a perfect generator: it is told beside
    it. (Protocol of Metz et al. 2016, arXiv 1611.02163, section 3.3.)

    Args:
        modes: of each sample 0..n_modes-1, or -1 for none, (n,); see `nearest_mode`, and `pofx.measures.stacked`.
        n_modes: how many there are.
        reference: probabilities of the modes (n_modes,); uniform if not given.
        least: samples that a mode needs to be covered.

    Raises:
        ValueError: an n_modes or least that is no whole number or below 1, modes outside -1..n_modes-1, no sample in
            any mode, a reference that is no law over the modes.
    """
    n_modes, least = checked_count(n_modes, "n_modes", 1), checked_count(least, "least", 1)
    found = np.asarray(modes)
    if found.ndim != 1 or found.dtype.kind not in "iu" or len(found) == 0:
        raise ValueError(f"modes must be integers of shape (n,), not {found.dtype} {found.shape}")
    if found.min() < NO_MODE or found.max() >= n_modes:
        raise ValueError(f"modes must lie in -1..{n_modes - 1}, not in {found.min()}..{found.max()}")
    law = np.full(n_modes, 1 / n_modes) if reference is None else np.asarray(reference, dtype=np.float64)
    if law.shape != (n_modes,):
        raise ValueError(f"reference must have shape ({n_modes},), not {law.shape}")
    counts = np.bincount(found[found != NO_MODE].astype(np.int64), minlength=n_modes)
    n_in = int(counts.sum())
    if n_in == 0:
        raise ValueError("none of the samples belongs to a mode")
    return ModeCoverage(
        int(np.sum(counts >= least)),
        n_modes,
        float(kullback_leibler(counts / n_in, law)),
        (n_modes - 1) / (2 * n_in),
        n_in / len(found),
        counts,
        len(found),
    )


def nearest_mode(
    samples: ArrayLike, centres: ArrayLike, standard_deviations: ArrayLike, *, within: float = 3.0
) -> NDArray[np.int64]:
    """The centre nearest to each sample if it lies within so many standard deviations of it, else -1; (n,).

    Args:
        samples: (n, d).
        centres: means of round normal modes, (m, d).
        standard_deviations: of each mode along any axis, (m,) or one number.
        within: standard deviations. Of a 2-d normal mode itself exp(-9/2) = 1.1 % lie beyond 3.

    Raises:
        ValueError: shapes that do not belong together.
    """
    x, mu = np.asarray(samples, dtype=np.float64), np.asarray(centres, dtype=np.float64)
    if x.ndim != 2 or mu.ndim != 2 or x.shape[1] != mu.shape[1] or len(mu) == 0:
        raise ValueError(
            f"samples and centres must have shapes (n, d) and (m, d), m at least 1, not {x.shape} and {mu.shape}"
        )
    sigma = np.asarray(standard_deviations, dtype=np.float64)
    if sigma.shape not in ((), (len(mu),)) or not (sigma > 0).all():
        raise ValueError(f"standard_deviations must be positive, of shape ({len(mu)},) or one number")
    distances, modes = nearest(x, mu)
    return np.where(distances <= within * np.broadcast_to(sigma, (len(mu),))[modes], modes, NO_MODE)
