"""Which way up a photograph is: its EXIF orientation, a turn or a reflection that loses nothing."""

from __future__ import annotations

import os
import struct
import warnings
from typing import BinaryIO

from PIL import Image

_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = (5, 6, 7, 8)


def turned(image: Image.Image) -> Image.Image:
    """An image whose pixels are decoded, as its orientation says that it is to be seen."""
    orientation = _orientation(image)
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def turned_size(image: Image.Image) -> tuple[int, int]:
    """Height and width of ``turned(image)``; pixels are decoded only where the orientation stands behind them."""
    if _orientation_needs_pixels(image):
        image.load()
        image = turned(image)
        return image.height, image.width
    if _orientation(image) in _QUARTER_TURNS:
        return image.width, image.height
    return image.height, image.width


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8; 1, as it lies, where there is none or the EXIF data are damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The method of the base class: that of a PNG image decodes the pixels.
            value = Image.Image.getexif(image).get(_TAG)
        return value if value in _TURNS else 1
    except Exception:
        return 1


def _orientation_needs_pixels(image: Image.Image) -> bool:
    """Whether only the decoded image tells how it lies: Pillow turns TIFFs itself, and a PNG may say so at its end."""
    if image.format == "TIFF":
        return _orientation(image) in _QUARTER_TURNS
    return image.format == "PNG" and _has_metadata_behind_pixels(image.fp)  # type: ignore[attr-defined]


def _has_metadata_behind_pixels(file: BinaryIO) -> bool:
    """Whether a PNG file has a chunk after its pixels in which an orientation may stand."""
    position = file.tell()
    file.seek(8)
    behind = found = False
    while not found and len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        keyword = file.read(min(length, 21)) if kind in (b"tEXt", b"zTXt", b"iTXt") else b""
        found = behind and (kind == b"eXIf" or keyword.startswith((b"Raw profile type exif", b"XML:com.adobe.xmp")))
        behind |= kind == b"IDAT"
        file.seek(length + 4 - len(keyword), os.SEEK_CUR)
    file.seek(position)
    return found
