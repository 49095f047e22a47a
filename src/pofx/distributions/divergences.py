"""Divergences between finite laws, or between densities on a common grid: NumPy, float64, nats."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

TOLERANCE = 1e-6  # how far a law's sum may be from 1


def kullback_leibler(p: ArrayLike, q: ArrayLike, *, cell_volume: float = 1.0) -> NDArray[np.float64]:
    """KL(p || q) = sum_i p_i log(p_i / q_i), with 0 log 0 = 0, and +inf where q_i = 0 < p_i.

    Source: Kullback & Leibler 1951, "On information and sufficiency".

    Parameters
    ----------
    p, q : shapes (..., n) that broadcast, probabilities along the last axis, or densities at n cells of a grid.
    cell_volume : the volume v of a cell; the laws satisfy sum(p) v = 1, and KL = v sum_i p_i log(p_i / q_i).

    Returns
    -------
    Array of shape (...), in [0, inf]; a NumPy scalar for two vectors.

    Raises
    ------
    ValueError : p or q has a negative or non-finite entry, or does not sum to 1 within 1e-6.
    """
    p, q = _checked_law(p, "p", cell_volume), _checked_law(q, "q", cell_volume)
    return _divergence(p, q, cell_volume)


def jensen_shannon(p: ArrayLike, q: ArrayLike, *, cell_volume: float = 1.0) -> NDArray[np.float64]:
    """JSD(p || q) = KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2: in [0, log 2], zero if and only if p = q.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy". Parameters, result and errors as for
    `kullback_leibler`.
    """
    p, q = _checked_law(p, "p", cell_volume), _checked_law(q, "q", cell_volume)
    # Half of the smallest number is zero; m must not vanish where p or q does not
    m = np.maximum(0.5 * p + 0.5 * q, np.nextafter(0.0, 1.0))
    divergence = 0.5 * _divergence(p, m, cell_volume) + 0.5 * _divergence(q, m, cell_volume)
    return np.minimum(divergence, np.log(2.0))


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64], cell_volume: float) -> NDArray[np.float64]:
    # Never negative but by rounding
    return np.maximum(rel_entr(p, q).sum(-1) * cell_volume, 0.0)


def _checked_law(law: ArrayLike, name: str, cell_volume: float) -> NDArray[np.float64]:
    array = np.asarray(law, dtype=np.float64)
    if array.ndim == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be an array of finite numbers")
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative, got a minimum of {array.min()}")
    total = array.sum(-1) * cell_volume
    if (np.abs(total - 1.0) > TOLERANCE).any():
        raise ValueError(f"{name} must sum to 1 (times cell_volume={cell_volume}), got {total}")
    return array
