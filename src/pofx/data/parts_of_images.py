"""Parts of an image that have a name, as masks of what is known."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pofx.data.images import ImageSpec

Part = Literal["top", "bottom", "left", "right", "centre"]


def known_part(part: Part, fraction: float, spec: ImageSpec) -> NDArray[np.bool_]:
    """The mask (H, W, C), True where ``part`` of the image is: so much of its height, its width or (centre) of both.

    At least one line of pixels is known and one is not.

    Raises:
        ValueError: the fraction is not between 0 and 1, or the image has one line only.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"--fraction must lie between 0 and 1, not {fraction:g}")
    rows, columns = slice(None), slice(None)
    if part in ("top", "bottom"):
        rows = _side(spec.height, fraction, part, from_end=part == "bottom")
    elif part in ("left", "right"):
        columns = _side(spec.width, fraction, part, from_end=part == "right")
    else:
        rows, columns = _middle(spec.height, fraction, part), _middle(spec.width, fraction, part)
    known = np.zeros(spec.shape_HWC, dtype=bool)
    known[rows, columns] = True
    return known


def _count(size: int, fraction: float, part: Part) -> int:
    if size < 2:
        side = "high" if part in ("top", "bottom") else "wide" if part in ("left", "right") else "high and wide"
        raise ValueError(f"--known {part} needs images that are at least two pixels {side}")
    return min(max(round(fraction * size), 1), size - 1)


def _side(size: int, fraction: float, part: Part, *, from_end: bool) -> slice:
    count = _count(size, fraction, part)
    return slice(size - count, size) if from_end else slice(count)


def _middle(size: int, fraction: float, part: Part) -> slice:
    count = _count(size, fraction, part)
    start = (size - count) // 2
    return slice(start, start + count)
