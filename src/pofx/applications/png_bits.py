"""The length of an image as a PNG file: how complex it is, whatever it shows.

A likelihood is high for simple images of any kind. The size that a lossless compressor needs, an upper bound on the
image's complexity, tells how much of it is due to that (Serra et al. 2020, arXiv 1909.11480).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png_bits(levels_NHWC: NDArray[Any]) -> NDArray[np.float64]:
    """Length in bits of the PNG file of each image, (n,).

    One and three channels of at most 256 levels are gray and colour PNGs. Whatever else there is becomes gray: the
    channels one below the other, and of more than 256 levels the high bytes above the low ones.

    Args:
        levels_NHWC: integers 0..K-1, K at most 2^16.
    """
    return np.array([8.0 * _png_bytes(image_HWC) for image_HWC in levels_NHWC], dtype=np.float64)


def _png_bytes(image_HWC: NDArray[Any]) -> int:
    if image_HWC.shape[2] == 3 and image_HWC.dtype == np.uint8:
        picture = Image.fromarray(np.ascontiguousarray(image_HWC))
    else:
        rows = image_HWC.transpose(2, 0, 1).reshape(-1, image_HWC.shape[1])
        if rows.dtype != np.uint8:
            rows = np.concatenate([rows >> 8, rows & 255]).astype(np.uint8)
        picture = Image.fromarray(np.ascontiguousarray(rows))
    with io.BytesIO() as file:
        picture.save(file, format="PNG", compress_level=9)
        return file.tell()
