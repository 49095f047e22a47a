"""Which sub-pixels of an image are known: a mask from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pofx.data.images import ImageSpec

#: Shades of a mask from here on are white: of 8 bits, and of the 16 bits that a PNG may have.
WHITE_FROM, DEEP_WHITE_FROM = 128, 32_768


def read_mask(path: Path, spec: ImageSpec) -> NDArray[np.bool_]:
    """The mask (H, W, C) in a file, True where the image is known.

    A picture is known where it is white (lighter than middle gray). An array holds truth values, or zeros and ones, as
    (H, W), (H, W, C) or (d,).

    Raises:
        ValueError: it is no such file, not of the size of the images, or knows everything.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".npy"):
        raise ValueError(f"{path} should end in .png (white where known) or .npy (True where known)")
    known = _from_picture(path) if suffix == ".png" else _from_array(path)
    shape: tuple[int, ...] = known.shape
    if shape == (spec.n_dims,):
        known = known.reshape(spec.shape_HWC)
    elif shape in ((spec.height, spec.width), (spec.height, spec.width, 1)):
        known = np.broadcast_to(known.reshape(spec.height, spec.width, 1), spec.shape_HWC)
    elif shape != spec.shape_HWC:
        found = " x ".join(str(size) for size in shape) or "no size"
        raise ValueError(f"{path} is a mask of {found}; the model knows images of {spec}")
    if known.all():
        raise ValueError(f"{path} knows all of the image; nothing is left to complete")
    return known


def _from_picture(path: Path) -> NDArray[np.bool_]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            deep = picture.mode.startswith("I")  # I;16 and its kin, or I
            if picture.mode == "F" or (deep and picture.format != "PNG"):
                raise ValueError(
                    f"{path} is a {picture.format} file of numbers without a known white; a mask is a PNG, white where "
                    "known and black elsewhere"
                )
            if picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise ValueError(f"{path} is transparent in places; a mask is white where known and black elsewhere")
            if deep:  # to convert it to 8 bits would cut off whatever is above 255
                return np.asarray(picture) >= DEEP_WHITE_FROM
            return np.asarray(picture.convert("L")) >= WHITE_FROM
    except (OSError, SyntaxError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # it is not there, say
            raise
        raise ValueError(f"{path} is no picture that can be read") from error


def _from_array(path: Path) -> NDArray[np.bool_]:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no .npy file that can be read") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biu" or not np.isin(values, (0, 1)).all():
        raise ValueError(f"{path} must hold truth values, True where the image is known")
    return values.astype(bool)
