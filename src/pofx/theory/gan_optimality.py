"""The optimum of the adversarial game on laws that are known: NumPy, float64, nats.

p is the law of the data, q that of the generator, both on the same n points: probabilities of a finite law, or
densities at the cells of a grid of volume v each (v = 1 for a finite law). D(x) is the probability that x is real.

All of it is about the minimax game's value V and the discriminator that maximises V. The relativistic game has another
value, and C(G) does not hold for it: see `pofx.families.adversarial.value_function`.

Source: Goodfellow et al. 2014, "Generative adversarial nets", arXiv 1406.2661, sections 3 and 4.1.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pofx.distributions.divergences import TOLERANCE, jensen_shannon

Floats = NDArray[np.float64]

#: The least that C(G) can be, that of the generator whose law is that of the data: -log 4.
GLOBAL_MINIMUM = -math.log(4.0)


def value(
    discriminator: ArrayLike, p: ArrayLike, q: ArrayLike, *, logits: bool = False, cell_volume: float = 1.0
) -> Floats:
    """V(D, G) = E_p[log D(x)] + E_q[log(1 - D(x))] = v sum_i (p_i log D_i + q_i log(1 - D_i)), with 0 log 0 = 0.

    -inf for a D that is wrong and sure of it somewhere: D_i = 0 < p_i, or D_i = 1 and q_i > 0.

    Source: Goodfellow et al. 2014, eq. 1, written as an integral in the proof of proposition 1.

    Parameters
    ----------
    discriminator : D at the n points, shape (..., n), in [0, 1]; or, with ``logits``, any d with D = 1 / (1 + e^-d),
        infinite ones among them. From logits nothing is lost where D is within 1e-16 of 0 or 1.
    p, q : shapes (..., n) that broadcast; sum(p) v = sum(q) v = 1.
    logits : whether the discriminator is given as d.
    cell_volume : v.

    Returns
    -------
    Array of shape (...), in [-inf, 0]; a NumPy scalar for vectors.

    Raises
    ------
    ValueError : a law with a negative or non-finite entry or a sum that is not 1 within 1e-6; a D outside [0, 1]; NaN.
    """
    p, q = _checked_law(p, "p", cell_volume), _checked_law(q, "q", cell_volume)
    log_real, log_generated = _log_probabilities(discriminator, logits)
    return (_times(p, log_real) + _times(q, log_generated)).sum(-1) * cell_volume


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> Floats:
    """D*(x) = p(x) / (p(x) + q(x)), the D that maximises V for a fixed generator.

    For a, b >= 0 not both zero, y -> a log y + b log(1 - y) has its only maximum in [0, 1] at a / (a + b). Where both
    densities vanish V does not depend on D, and any number would do: 1/2 is returned, "cannot tell".

    Where q is less than 1e-16 of p, D* rounds to 1 and `value` of it to -inf: `optimal_logit` has no such limit.

    Source: Goodfellow et al. 2014, proposition 1 (eq. 2).

    Parameters
    ----------
    p, q : densities or probabilities, shapes that broadcast; finite and not negative.

    Returns
    -------
    Array of the broadcast shape, in [0, 1].

    Raises
    ------
    ValueError : a negative or non-finite entry.
    """
    p, q = _checked_density(p, "p"), _checked_density(q, "q")
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1.0), 0.5)


def optimal_logit(p: ArrayLike, q: ArrayLike) -> Floats:
    """d*(x) = log p(x) - log q(x), the logit of `optimal_discriminator`: the log of the density ratio.

    inf where only q vanishes, -inf where only p does, 0 where both do. Parameters and errors as there.
    """
    p, q = _checked_density(p, "p"), _checked_density(q, "q")
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 = -inf is meant
        return np.where((p > 0) | (q > 0), np.log(p) - np.log(q), 0.0)


def generator_criterion(p: ArrayLike, q: ArrayLike, *, cell_volume: float = 1.0) -> Floats:
    """C(G) = max_D V(D, G) = V(D*, G) = -log 4 + 2 JSD(p || q): what is left for the generator to minimise.

    In [-log 4, 0]; -log 4 if and only if p = q, 0 if and only if no x is possible under both.

    Source: Goodfellow et al. 2014, theorem 1 (eq. 4 to 6).

    Parameters
    ----------
    p, q : laws as for `value`.
    cell_volume : v.

    Returns
    -------
    Array of shape (...); a NumPy scalar for two vectors.

    Raises
    ------
    ValueError : as for `value`.
    """
    return GLOBAL_MINIMUM + 2.0 * jensen_shannon(p, q, cell_volume=cell_volume)


def value_gap(
    discriminator: ArrayLike, p: ArrayLike, q: ArrayLike, *, logits: bool = False, cell_volume: float = 1.0
) -> Floats:
    """V(D*, G) - V(D, G) = v sum_i (p_i + q_i) KL(Bernoulli(D*_i) || Bernoulli(D_i)) >= 0.

    Each term is a divergence and so not negative, and zero only where D_i = D*_i: this is the proof that D* is the
    maximum, and on the points that are possible the only one. It is summed term by term, so that a small gap is no
    difference of two large numbers.

    Parameters and errors as for `value`; the result has shape (...) and lies in [0, inf].
    """
    p, q = _checked_law(p, "p", cell_volume), _checked_law(q, "q", cell_volume)
    best_real, best_generated = _log_probabilities(optimal_logit(p, q), logits=True)
    log_real, log_generated = _log_probabilities(discriminator, logits)
    with np.errstate(invalid="ignore"):  # -inf less -inf, where p or q is zero and it is not used
        gain = _times(p, best_real - log_real) + _times(q, best_generated - log_generated)
    return np.maximum(gain, 0.0).sum(-1) * cell_volume  # never negative but by rounding


def discriminator_error(
    discriminator: ArrayLike, p: ArrayLike, q: ArrayLike, *, logits: bool = False, cell_volume: float = 1.0
) -> Floats:
    """E_m[|D(x) - D*(x)|] with m = (p + q) / 2, the law of what a discriminator is shown: half real, half generated.

    Parameters and errors as for `value`; the result has shape (...) and lies in [0, 1].
    """
    p, q = _checked_law(p, "p", cell_volume), _checked_law(q, "q", cell_volume)
    probability = expit(_checked_logits(discriminator)) if logits else _checked_probability(discriminator)
    return (0.5 * (p + q) * np.abs(probability - optimal_discriminator(p, q))).sum(-1) * cell_volume


def _log_probabilities(discriminator: ArrayLike, logits: bool) -> tuple[Floats, Floats]:
    """log D and log(1 - D)."""
    if logits:
        d = _checked_logits(discriminator)
        return -np.logaddexp(0.0, -d), -np.logaddexp(0.0, d)
    probability = _checked_probability(discriminator)
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        return np.log(probability), np.log1p(-probability)


def _times(law: Floats, logarithm: Floats) -> Floats:
    """law * logarithm, zero where the law is."""
    with np.errstate(invalid="ignore"):  # 0 times -inf, which is not used
        return np.where(law > 0, law * logarithm, 0.0)


def _checked_law(law: ArrayLike, name: str, cell_volume: float) -> Floats:
    array = _checked_density(law, name)
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least one axis, that of the points")
    total = array.sum(-1) * cell_volume
    if (np.abs(total - 1.0) > TOLERANCE).any():
        raise ValueError(f"{name} must sum to 1 (times cell_volume={cell_volume}), got {total}")
    return array


def _checked_density(density: ArrayLike, name: str) -> Floats:
    array = np.asarray(density, dtype=np.float64)
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{name} must hold finite numbers that are not negative")
    return array


def _checked_probability(discriminator: ArrayLike) -> Floats:
    array = np.asarray(discriminator, dtype=np.float64)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError("discriminator must hold probabilities in [0, 1]; logits=True takes logits")
    return array


def _checked_logits(discriminator: ArrayLike) -> Floats:
    array = np.asarray(discriminator, dtype=np.float64)
    if np.isnan(array).any():
        raise ValueError("discriminator must not hold NaN")
    return array
