"""Two sets that are compared: checked, and quantised alike, so that rounding alone does not tell them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.data.levels import DEFAULT_LEVELS, ValueSummary

Array = NDArray[np.float64]


def alike(real: ArrayLike, generated: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both sets on the grid of the real one.

    A generator that gives real numbers where the images are bytes could be told by that alone, and the answer would be
    about its output format. So, by the values of ``real``:

    - integers (also as floats): ``generated`` is rounded to integers, and of bytes cut to 0..255;
    - floats k/255: both become the levels k in 0..255, those of ``generated`` rounded and cut to them;
    - other real numbers: nothing is rounded, in either set.

    Args:
        real, generated: (n, d), (n, H, W) or (n, H, W, C); they may differ in n.

    Returns:
        The two sets, in their layout.

    Raises:
        ValueError: shapes that do not belong together, fewer than two entries, NaN or infinities; or ranges that do
            not: a set scaled to [0, 1] or [-1, 1] beside one of bytes.
    """
    real, generated = _checked(real, "real"), _checked(generated, "generated")
    if real.shape[1:] != generated.shape[1:]:
        raise ValueError(f"the sets hold arrays of shapes {real.shape[1:]} and {generated.shape[1:]}, not of one shape")
    summary = ValueSummary.of(real)
    if not (summary.integral or summary.on_unit_grid):
        return real, generated
    _check_range(summary, generated)
    if summary.on_unit_grid:
        top = DEFAULT_LEVELS - 1
        return _levels(real * float(top), top), _levels(generated * float(top), top)
    if real.dtype == np.uint8:
        return real, _levels(generated, 255)
    if real.dtype.kind in "iu" and generated.dtype.kind in "iu":
        return real, generated
    return np.asarray(real, dtype=np.float64), np.rint(np.asarray(generated, dtype=np.float64))


def checked_features(real: ArrayLike, generated: ArrayLike, least: int) -> tuple[Array, Array]:
    """Two sets of features (n, d) as float64.

    Raises:
        ValueError: other shapes, different d, fewer than ``least`` rows, NaN or infinities.
    """
    first, second = np.asarray(real, dtype=np.float64), np.asarray(generated, dtype=np.float64)
    for name, rows in (("real", first), ("generated", second)):
        if rows.ndim != 2 or rows.shape[1] == 0:
            raise ValueError(f"features must have shape (n, d); the {name} ones have {rows.shape}")
        if len(rows) < least:
            raise ValueError(f"at least {least} rows of features are needed of each set; {name}: {len(rows)}")
        if not np.isfinite(rows).all():
            raise ValueError(f"features must be finite numbers; the {name} ones are not")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"the sets have {first.shape[1]} and {second.shape[1]} features, not the same number")
    return first, second


def checked_count(value: object, name: str, least: int) -> int:
    """A whole number of at least ``least``; ValueError for anything else, also for 2.0 and True."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def _checked(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf" or array.ndim not in (2, 3, 4) or array[:1].size == 0:
        raise ValueError(
            f"{name} must be numbers of shape (n, d), (n, H, W) or (n, H, W, C), not {array.dtype} {array.shape}"
        )
    if len(array) < 2:
        raise ValueError(f"{name} holds {len(array)} entry; at least 2 are needed")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinities")
    return array


def _check_range(real: ValueSummary, generated: NDArray[Any]) -> None:
    low, high = float(generated.min()), float(generated.max())
    if generated.dtype.kind != "f" or bool((np.floor(generated) == generated).all()):
        too_narrow = False
    else:
        too_narrow = real.maximum > 2 and high <= 1
    span = real.maximum - real.minimum
    too_wide = real.on_unit_grid and max(high - 1, -low) > 0.5 * span
    if too_narrow or too_wide:
        raise ValueError(
            f"real holds values from {real.minimum:g} to {real.maximum:g}, generated from {low:g} to {high:g}: they "
            "are not scaled alike"
        )


def _levels(values: NDArray[Any], top: int) -> NDArray[Any]:
    if values.dtype.kind in "iu":
        return np.clip(values, 0, top).astype(np.uint8)
    return np.rint(np.asarray(values, dtype=np.float64)).clip(0, top).astype(np.uint8)
