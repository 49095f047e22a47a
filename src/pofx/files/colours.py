"""Colours for numbers that may be positive or negative, for `pofx.files.pictures.sheet`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The colour of the most negative, of zero, and of the most positive. Blue and red are told apart by everybody.
BLUE, NEUTRAL, RED = (33, 92, 175), (246, 246, 246), (188, 30, 45)
#: The part of the values that the scale of `round_limit` reaches: a few extremes would leave the rest without colour.
COVERED = 0.97


def diverging(values: ArrayLike, limit: float) -> NDArray[np.uint8]:
    """Numbers -> colours: zero neutral, -limit blue, +limit red, in between their mixtures, beyond no deeper.

    colour(v) = (1 - |t|) neutral + |t| (blue or red),  t = clip(v / limit, -1, 1)

    Args:
        values: of any shape.
        limit: where the colours are deepest; positive.

    Returns:
        uint8, the shape of ``values`` with three colours as the last axis.

    Raises:
        ValueError: a limit that is not positive and finite, or values that are not numbers (NaN).
    """
    values = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(limit) and limit > 0):
        raise ValueError(f"limit must be a positive number, not {limit!r}")
    if np.isnan(values).any():
        raise ValueError("NaN has no colour")
    t = np.clip(values / limit, -1, 1)[..., None]
    deepest = np.where(t < 0, BLUE, RED)
    return np.rint((1 - np.abs(t)) * NEUTRAL + np.abs(t) * deepest).astype(np.uint8)


def round_limit(values: ArrayLike) -> float:
    """A round limit for `diverging`: 1, 2 or 5 times a power of ten that 97 % of the |values| do not exceed.

    1 if all are zero, or so small that their power of ten is, or if there are none.
    """
    sizes = np.abs(np.asarray(values, dtype=np.float64)).ravel()
    reach = float(np.quantile(sizes, COVERED)) if len(sizes) else 0.0
    if reach < np.finfo(np.float64).tiny or not np.isfinite(reach):
        return 1.0
    power = 10.0 ** np.floor(np.log10(reach))
    # The tolerance: 0.2 is not to become 0.5 because of a rounding error.
    return float(next(step * power for step in (1, 2, 5, 10) if reach <= step * power * (1 + 1e-9)))
