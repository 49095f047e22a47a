"""Which sub-pixels are known: a mask for one image or for many, for pixels or for sub-pixels, in the shape of X."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def known_like(mask: ArrayLike, shape: tuple[int, ...], shape_HWC: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The mask in the shape of X.

    Args:
        mask: True where X is known; for all images or for each, with channels or for all of them.
        shape: of X, in any layout.
        shape_HWC: of an image.

    Raises:
        ValueError: a mask that fits no image or holds no truth values.
    """
    known = np.asarray(mask)
    if known.dtype != bool:
        raise ValueError(f"mask must hold truth values, True where X is known, not {known.dtype}")
    if known.shape in (shape, shape[1:]):
        return np.broadcast_to(known, shape)
    if len(shape) in (2, 4) and math.prod(shape[1:]) == math.prod(shape_HWC):  # rows, or images with channels
        height, width, channels = shape_HWC
        for front in ((), shape[:1]):
            if known.shape == (*front, height, width):
                known = known[..., None]  # the same for all colours
            if known.shape in ((*front, height, width, 1), (*front, height, width, channels)):
                return np.broadcast_to(known, (shape[0], height, width, channels)).reshape(shape)
    raise ValueError(f"mask has the shape {known.shape}; X holds images of shape {shape[1:]}")
