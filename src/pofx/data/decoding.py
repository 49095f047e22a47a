"""One image file becomes an array of pixels, or is refused with the reason why.

`read_header` tells what an image is without decoding its pixels; `read_pixels` decodes it as bits, shades of gray or
colours. Either reads one regular file through Pillow, with a fixed list of decoders, and raises nothing but `BadImage`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from PIL import Image

from pofx.data.opening import BadImage, opened_image
from pofx.data.orientation import turned, turned_size
from pofx.data.resampling import Size, resample, steps_to

_DEEP_GRAY = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_COLOURS_OF_MODE = {"RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"}
_TO_RGB = {
    "CMYK": "CMYK to RGB, without a colour profile",
    "YCbCr": "YCbCr to RGB",
    "LAB": "LAB to RGB",
    "RGBX": "a fourth channel without a meaning left out",
}
_PHOTOMETRIC_TAG = 0x0106
_DARKEST_MAXIMUM = 4096  # of 65535: below it 8 bits would leave at most 16 shades


class Colours(IntEnum):
    """What the pixels of an image are; a collection is of the highest that one of its images needs."""

    BITS = 0
    GRAY = 1
    RGB = 2


@dataclass(frozen=True, slots=True)
class Header:
    """What an image is, before its pixels are read.

    Attributes:
        size: height and width, turned as its EXIF orientation says.
        colours: what its pixels are.
    """

    size: Size
    colours: Colours


def read_header(path: Path) -> Header:
    """What the image in a file is, from its header; pixels are decoded only where the orientation stands behind them.

    Raises:
        BadImage: if it is empty, no image, too large, has several frames, or pixels whose meaning is not known.
    """
    with opened_image(path) as image:
        colours = _colours(image)  # first: it needs to know how the pixels lie in the file
        return Header(turned_size(image), colours)


def read_pixels(path: Path, colours: Colours, size: Size | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The pixels of the image in a file, and in words what had to be converted.

    Args:
        path: a PNG, JPEG, BMP, TIFF, WEBP, GIF or PPM file.
        colours: what the pixels are to be; at least what `read_header` says of the file.
        size: height and width to resample to; then bits have to become shades of gray.

    Returns:
        BITS: bool (height, width); GRAY: uint8 (height, width); RGB: uint8 (height, width, 3).

    Raises:
        BadImage: if the file is not such an image, or cannot be decoded completely.
    """
    with opened_image(path) as image:
        found = _colours(image)
        if found > colours:
            raise BadImage("is not in gray but in colour" if found == Colours.RGB else "has more than two shades")
        white_is_zero = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC_TAG) == 0  # type: ignore[attr-defined]
        deep_colours = _has_deep_colours(image)
        _scale_transparent_shade(image, deep_colours)
        image.load()
        converted: list[str] = []
        image = turned(image)
        deep_gray = image.mode in _DEEP_GRAY
        if deep_gray:
            image = _eight_bits(image, white_is_zero)
        elif deep_colours and image.mode.startswith("RGB"):
            _check_brightness(256 * max(high for _, high in _extrema(image)))
        if deep_gray or deep_colours:
            converted.append(f"16-bit {'gray' if found == Colours.GRAY else 'colours'} to 8 bits")
        if image.mode in _TO_RGB:
            converted.append(_TO_RGB[image.mode])
        image = _opaque(image, converted)
        if found == Colours.BITS and colours > Colours.BITS:
            converted.append("1-bit to gray 0 and 255")
        if found < colours == Colours.RGB:
            converted.append("gray to R=G=B")
        if colours == Colours.BITS:
            # Compared, because the True of Pillow is a byte of 255.
            return np.asarray(image.convert("L")) > 127, tuple(converted)
        mode = "L" if colours == Colours.GRAY else "RGB"
        if image.mode != mode:
            image = image.convert(mode)
        if size is not None:
            converted += steps_to((image.height, image.width), size)
            image = resample(image, size)
        return np.asarray(image), tuple(converted)


def _colours(image: Image.Image) -> Colours:
    """What the pixels are, from the header."""
    mode = image.mode
    if mode == "1":
        return Colours.BITS
    if mode in ("L", "LA", "La", *_DEEP_GRAY):
        return Colours.GRAY
    if mode in ("P", "PA"):
        return Colours.GRAY if _palette_is_gray(image) else Colours.RGB
    if mode == "RGBA" and _raw_mode(image).startswith("LA"):  # 16-bit gray with alpha, as Pillow opens it
        return Colours.GRAY
    if mode in _COLOURS_OF_MODE:
        return Colours.RGB
    if mode == "F":
        raise BadImage("holds floating-point numbers, of which nobody knows what is black and what is white")
    raise BadImage(f"has Pillow's mode {mode!r}, which is not known here")


def _palette_is_gray(image: Image.Image) -> bool:
    """Whether every colour of the palette, in use or not, is a shade of gray."""
    if image.palette is None:
        raise BadImage("has lost the palette of its colours")
    layout, data = image.palette.getdata()
    values = np.frombuffer(bytes(data), np.uint8)
    if layout == "RGB;L":  # a plane each, as TIFF has them
        red, green, blue = values[: len(values) // 3 * 3].reshape(3, -1)
    else:
        n_bands = len(layout)  # RGB, BGR, RGBA, BGRX, ...
        red, green, blue = values[: len(values) // n_bands * n_bands].reshape(-1, n_bands).T[:3]
    return bool((red == green).all() and (green == blue).all())


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; "" where Pillow does not tell. To be asked before `load`."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    if isinstance(arguments, tuple) and arguments:
        arguments = arguments[0]
    return arguments if isinstance(arguments, str) else ""


def _has_deep_colours(image: Image.Image) -> bool:
    """Whether a file holds 16 bits per channel, of which Pillow keeps the upper eight. To be asked before `load`."""
    if re.fullmatch(r"(LA|RGB|RGBA|RGBa|RGBX|CMYK);16[BLN]?", _raw_mode(image)):
        return True
    if image.format == "PPM" and image.mode == "RGB":
        arguments = image.tile[0][3]  # type: ignore[attr-defined]
        return isinstance(arguments, tuple) and isinstance(arguments[-1], int) and arguments[-1] > 255
    return False


def _scale_transparent_shade(image: Image.Image, deep_colours: bool) -> None:
    """Bring the one colour that a PNG file declares transparent to the 8 bits that Pillow brings the pixels to.

    Pillow leaves it as it stands in the file. To be called before `load`.
    """
    shade = image.info.get("transparency")
    scale = {"L;2": 85, "L;4": 17}.get(_raw_mode(image))
    if isinstance(shade, int) and scale is not None:
        image.info["transparency"] = shade * scale
    if isinstance(shade, tuple) and deep_colours:
        raise BadImage("declares one colour of 16 bits transparent, which cannot be told from its neighbours in 8 bits")


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """Smallest and largest value of each colour channel, without alpha."""
    bands = image.getextrema()
    return list(bands[:3])  # type: ignore[arg-type]


def _eight_bits(image: Image.Image, white_is_zero: bool) -> Image.Image:
    """16-bit gray -> 8-bit gray, v * 255 / 65535 rounded; with alpha if one shade is declared transparent."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise BadImage(f"holds integers from {low} to {high}, beyond 16 bits, whose black and white are not known")
    if white_is_zero:  # which Pillow minds at 8 bits only
        values, high = 65535 - values, 65535 - low
    _check_brightness(high)
    gray = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, int) and (values == key).any():
        alpha = np.where(values == key, 0, 255).astype(np.uint8)
        return Image.merge("LA", (Image.fromarray(gray), Image.fromarray(alpha)))
    return Image.fromarray(gray)


def _check_brightness(maximum: int) -> None:
    if maximum < _DARKEST_MAXIMUM:
        raise BadImage(
            f"would be almost black: its values reach only {maximum} of 65535; scale it to the full range first"
        )


def _opaque(image: Image.Image, converted: list[str]) -> Image.Image:
    """The image without alpha: dropped where it is opaque everywhere, otherwise laid over white."""
    if not image.has_transparency_data:
        return image
    if image.mode == "La":
        image = image.convert("LA")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    converted.append("transparency laid over white")
    white = Image.new("RGB", image.size, "white")
    white.paste(image.convert("RGB"), mask=alpha)
    return white
