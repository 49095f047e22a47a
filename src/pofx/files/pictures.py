"""Pictures for people: images enlarged on a white page, with captions that are never cut off and never overlap.

Everything is measured before it is drawn: `lay_out` gives every image and every line of text its box, `sheet` draws.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from pofx.atomic import atomic_write

Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside

_CELL = 80  # the side that a small image is enlarged to, about
_MARGIN = 16
_GAP = 8
_TITLE_SIZE, _TEXT_SIZE, _CAPTION_SIZE = 20, 14, 13
_WIDEST_CAPTION = 144  # a longer word is broken rather than widening every cell further
_NARROWEST_TEXT = 320  # title and note may widen a narrow page to this
_SPELT = {
    "−": "-", "–": "-", "—": "-", "×": "x", "·": "*", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "±": "+/-", "→": "->",
    "∞": "inf", "∈": "in", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "ß": "ss", "æ": "ae", "ø": "o",
    "α": "alpha", "β": "beta", "ε": "eps", "λ": "lambda", "μ": "mu", "σ": "sigma", "θ": "theta", "φ": "phi",
}  # fmt: skip
_WHITE, _FRAME, _BLACK, _GREY = (255, 255, 255), (208, 208, 208), (17, 17, 17), (85, 85, 85)


@dataclass(frozen=True)
class Line:
    """One line of text: where it is, what it says, how it is set."""

    box: Box
    text: str
    size: int
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Layout:
    """The boxes of everything on a sheet."""

    width: int
    height: int
    images: tuple[Box, ...]
    lines: tuple[Line, ...]


def sheet(
    images: np.ndarray,
    *,
    n_columns: int | None = None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    note: str | None = None,
    row_labels: Sequence[str] | None = None,
    scale: int | None = None,
) -> Image.Image:
    """A page of images in rows, each pixel enlarged to a square.

    Args:
        images: uint8, shape (n, height, width) or (n, height, width, 3); n may be 0.
        n_columns: images in a row; by default as many as make the grid square.
        captions: a text under each image; wrapped to the width of its cell.
        title: a heading above the grid.
        note: an explanation below the grid.
        row_labels: a text to the left of each row.
        scale: the side of an enlarged pixel; by default cells of small images are about 80 pixels wide.

    Raises:
        ValueError: if the images are not uint8 in one of these shapes, or texts and images differ in number.
    """
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
        raise ValueError(f"images must be uint8 (n, H, W) or (n, H, W, 3), not {images.dtype} {images.shape}")
    layout = lay_out(
        images.shape[:3],
        n_columns=n_columns,
        captions=captions,
        title=title,
        note=note,
        row_labels=row_labels,
        scale=scale,
    )
    page = Image.new("RGB", (layout.width, layout.height), _WHITE)
    draw = ImageDraw.Draw(page)
    for pixels, (left, top, right, bottom) in zip(images, layout.images, strict=True):
        # A frame just outside, or images with a white edge would have no edge on a white page.
        draw.rectangle((left - 1, top - 1, right, bottom), outline=_FRAME)
        page.paste(Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.NEAREST), (left, top))
    for line in layout.lines:
        draw.text(line.box[:2], line.text, fill=line.colour, font=_font(line.size), anchor="la")
    return page


def lay_out(
    shape: tuple[int, ...],
    *,
    n_columns: int | None = None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    note: str | None = None,
    row_labels: Sequence[str] | None = None,
    scale: int | None = None,
) -> Layout:
    """Where everything goes on the `sheet` of images of ``shape`` (n, height, width).

    Raises:
        ValueError: if an image is empty, a number is below 1, or texts and images differ in number.
    """
    n, height, width = shape
    scale = max(1, round(_CELL / max(height, width, 1))) if scale is None else scale
    columns = min(max(n, 1), math.ceil(math.sqrt(max(n, 1))) if n_columns is None else n_columns)
    if min(height, width, scale, columns) < 1:
        raise ValueError(f"images of {width}x{height} pixels, scale {scale}, {columns} columns: all must be 1 or more")
    rows = math.ceil(n / columns)
    for name, texts, wanted in (("captions", captions, n), ("row labels", row_labels, rows)):
        if texts is not None and len(texts) != wanted:
            raise ValueError(f"{wanted} {name} are needed, not {len(texts)}")

    cell = max([width * scale, *_widths(captions or (), _CAPTION_SIZE)])
    wrapped = [_wrap(text, cell, _CAPTION_SIZE) for text in captions or [""] * n]
    label_width = max(_widths(row_labels or (), _TEXT_SIZE), default=0)
    labels = [_wrap(text, label_width, _TEXT_SIZE) for text in row_labels or [""] * rows]
    grid_left = _MARGIN + (label_width + _GAP if label_width else 0)
    grid_right = grid_left + columns * cell + (columns - 1) * _GAP
    page_width = max(grid_right, _MARGIN + _NARROWEST_TEXT if title or note or n == 0 else 0) + _MARGIN
    text_width = page_width - 2 * _MARGIN

    lines: list[Line] = []
    boxes: list[Box] = []
    y = _MARGIN
    if title:
        y = _set(lines, _wrap(title, text_width, _TITLE_SIZE), _MARGIN, y, None, _TITLE_SIZE, _BLACK) + _GAP
    if n == 0:
        y = _set(lines, ["(no images)"], _MARGIN, y, None, _TEXT_SIZE, _GREY) + _GAP
    for row in range(rows):
        label_height = len(labels[row]) * _line_height(_TEXT_SIZE)
        label_top = y + max(0, (height * scale - label_height) // 2)
        bottom = max(
            y + height * scale,
            _set(lines, labels[row], _MARGIN, label_top, None, _TEXT_SIZE, _BLACK) if label_width else 0,
        )
        for column, i in enumerate(range(row * columns, min(n, (row + 1) * columns))):
            x = grid_left + column * (cell + _GAP)
            left = x + (cell - width * scale) // 2
            boxes.append((left, y, left + width * scale, y + height * scale))
            if captions is not None:
                below = y + height * scale + 3
                bottom = max(bottom, _set(lines, wrapped[i], x, below, cell, _CAPTION_SIZE, _BLACK))
        y = bottom + _GAP
    if note:
        y = _set(lines, _wrap(note, text_width, _TEXT_SIZE), _MARGIN, y + _GAP // 2, None, _TEXT_SIZE, _GREY) + _GAP
    return Layout(page_width, y - _GAP + _MARGIN, tuple(boxes), tuple(lines))


def to_display(levels_NCHW: ArrayLike, n_levels: int) -> np.ndarray:
    """Levels 0..n_levels-1 stretched to 0..255, as `sheet` takes them.

    One channel is shown as gray and three as red, green and blue. Of two channels the first is shown as gray, of more
    than three the first three as red, green and blue.

    Returns:
        uint8, shape (n, H, W) for gray, (n, H, W, 3) for colour.

    Raises:
        ValueError: if the levels are not integers in 0..n_levels-1, or not of shape (n, C, H, W).
    """
    levels = np.asarray(levels_NCHW)
    if levels.ndim != 4 or levels.shape[1] == 0 or levels.dtype.kind not in "biu":
        raise ValueError(f"levels must be integers of shape (n, C, H, W), not {levels.dtype} {levels.shape}")
    if levels.size and not 0 <= int(levels.min()) <= int(levels.max()) < n_levels:
        raise ValueError(f"levels must lie in 0..{n_levels - 1}, not in {levels.min()}..{levels.max()}")
    shown = np.rint(levels * (255 / max(1, n_levels - 1))).astype(np.uint8)
    return shown[:, 0] if shown.shape[1] < 3 else np.moveaxis(shown[:, :3], 1, -1)


def save_png(image: Image.Image, path: str | os.PathLike[str]) -> Path:
    """Write a picture as PNG, whatever its name ends in, replacing ``path`` in one step.

    Raises:
        OSError: if the folder does not exist or cannot be written.
    """
    return atomic_write(path, lambda file: image.save(file, format="PNG"))


def _set(
    lines: list[Line], texts: list[str], x: int, y: int, centred_in: int | None, size: int, colour: tuple[int, int, int]
) -> int:
    """Append lines from ``y`` downwards, each centred in a width if one is given; the y below the last."""
    for text in texts:
        width = _width(text, size)
        left = x if centred_in is None else x + (centred_in - width) // 2
        if text:
            lines.append(Line((left, y, left + width, y + _line_height(size)), text, size, colour))
        y += _line_height(size)
    return y


def _widths(texts: Sequence[str], size: int) -> Iterator[int]:
    """How wide each word is; at most the widest that a caption may be."""
    for text in texts:
        for word in legible(text).split():
            yield min(_width(word, size), _WIDEST_CAPTION)


def _wrap(text: str, width: int, size: int) -> list[str]:
    """Lines of at most ``width`` pixels, broken at spaces, and within a word only if it is longer than a line."""
    lines = []
    for paragraph in legible(text).splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            if line and _width(f"{line} {word}", size) <= width:
                line = f"{line} {word}"
                continue
            if line:
                lines.append(line)
            while _width(word, size) > width and len(word) > 1:
                fits = next(k for k in range(len(word) - 1, 0, -1) if k == 1 or _width(word[:k], size) <= width)
                joint = max(word.rfind(mark, 0, fits) for mark in "_-./") + 1  # where a file name may part
                fits = joint if joint > fits // 2 else fits
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines


def legible(text: str) -> str:
    """The text in characters that the font has: others are spelt out, lose their accents or become "?"."""
    return "".join(character if character.isspace() else _legible_character(character) for character in text)


@cache
def _legible_character(character: str) -> str:
    if _has_glyph(character):
        return character
    if character in _SPELT:
        return _SPELT[character]
    return "".join(part for part in unicodedata.normalize("NFKD", character) if part.isascii()) or "?"


def _has_glyph(character: str) -> bool:
    font = _font(_TEXT_SIZE)
    missing, drawn = font.getmask("\uffff"), font.getmask(character)  # U+FFFF is never a character
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _width(text: str, size: int) -> int:
    left, _, right, _ = _font(size).getbbox(text, anchor="la")
    # Counted from where the pen starts, so that a letter which leans out to the left is inside.
    return math.ceil(right - min(0, left))


def _line_height(size: int) -> int:
    _, top, _, bottom = _font(size).getbbox("ÅÇjgq|", anchor="la")
    return math.ceil(bottom - min(0, top)) + 2
