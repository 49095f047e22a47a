"""Panels with axes on a white page: curves, areas and maps, drawn by Pillow at twice the size and halved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

#: Told apart by everybody, also in gray. Okabe & Ito 2008, "Color universal design".
BLUE, VERMILION, GREEN, BLACK = (0, 114, 178), (213, 94, 0), (0, 130, 95), (20, 20, 20)
GREY, PALE, WHITE = (110, 110, 110), (225, 225, 225), (255, 255, 255)
#: Lengths of strokes and gaps, pixels of the finished page.
DASHED, DOTTED = (7.0, 5.0), (2.0, 4.0)

_TWICE = 2
_TITLE_SIZE, _TEXT_SIZE = 15, 13


class Page:
    """A white page of so many pixels, to which panels draw."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * _TWICE, height * _TWICE), WHITE)
        self.draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, *, size: int = _TEXT_SIZE, colour: Colour = BLACK, anchor: str = "la"
    ) -> None:
        """Lines of text; ``anchor`` is Pillow's: "la" puts the upper left corner of a line at (x, y)."""
        for index, line in enumerate(text.splitlines()):
            place = (x * _TWICE, (y + index * 1.35 * size) * _TWICE)
            self.draw.text(place, line, fill=colour, font=_font(size), anchor=anchor)

    def paste(self, pixels: NDArray[np.uint8], box: tuple[float, float, float, float]) -> None:
        """An RGB array (H, W, 3) enlarged without smoothing to fill a box: left, top, right, bottom."""
        left, top, right, bottom = (round(edge * _TWICE) for edge in box)
        enlarged = Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.NEAREST)
        self._image.paste(enlarged, (left, top))

    def finished(self) -> Image.Image:
        """The page at its size, edges smoothed."""
        size = (self._image.width // _TWICE, self._image.height // _TWICE)
        return self._image.resize(size, Image.Resampling.LANCZOS)


class Axes:
    """A panel: a frame with a scale of x below it, one of y beside it, a title and a legend above it.

    Args:
        page: where it is.
        box: of the frame: left, top, right, bottom. Above it 42 pixels are used, below it 36, at the left 50.
        x_range, y_range: what the frame shows; curves are cut at it.
        title: what is shown, with its unit.
        x_label: below the frame, with its unit.
    """

    def __init__(
        self,
        page: Page,
        box: tuple[float, float, float, float],
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        title: str,
        x_label: str,
    ) -> None:
        self._page, self._box, self._x_range, self._y_range = page, box, x_range, y_range
        left, top, right, bottom = box
        page.text(left, top - 42, title, size=_TITLE_SIZE)
        page.text((left + right) / 2, bottom + 20, x_label, anchor="ma", colour=GREY)
        for tick, label in ticks(*x_range):
            self._segment((tick, y_range[0]), (tick, y_range[1]), PALE, 1)
            page.text(float(self._x(tick)), bottom + 5, label, anchor="ma", colour=GREY)
        for tick, label in ticks(*y_range):
            self._segment((x_range[0], tick), (x_range[1], tick), PALE, 1)
            page.text(left - 6, float(self._y(tick)), label, anchor="rm", colour=GREY)
        self._frame()
        self._legend_left = left

    def curve(
        self,
        x: ArrayLike,
        y: ArrayLike,
        colour: Colour,
        *,
        label: str | None = None,
        dashes: tuple[float, float] | None = None,
        width: float = 2.0,
    ) -> None:
        """A line through points, whole or in strokes, with gaps where y is NaN; a label goes into the legend."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        shown = np.clip(y, *self._y_range)
        # Beyond the frame on both sides of a step the line would run along the edge.
        beyond = (y != shown) & np.roll(y != shown, 1) & np.roll(y != shown, -1)
        points = np.stack([self._x(x), self._y(shown)], axis=-1)
        for first, last in _stretches(~(beyond | np.isnan(y))):
            self._polyline(points[first:last], colour, width, dashes)
        if label is not None:
            self._legend(label, colour, width, dashes)

    def area(self, x: ArrayLike, y: ArrayLike, colour: Colour) -> None:
        """What lies between a curve and zero, in a pale colour."""
        x, y = np.asarray(x, dtype=np.float64), np.clip(np.asarray(y, dtype=np.float64), *self._y_range)
        upper = list(zip(self._x(x) * _TWICE, self._y(y) * _TWICE, strict=True))
        zero = float(self._y(np.clip(0.0, *self._y_range))) * _TWICE
        pale: Colour = tuple(round(0.25 * c + 0.75 * 255) for c in colour)  # type: ignore[assignment]
        self._page.draw.polygon([(upper[0][0], zero), *upper, (upper[-1][0], zero)], fill=pale)
        self._frame()

    def vertical(self, x: float, label: str) -> None:
        """A line across the panel at x, named at its upper end."""
        self._polyline(
            np.array([[self._x(x), self._box[1]], [self._x(x), self._box[3]]]).astype(np.float64), GREY, 1, DOTTED
        )
        self._page.text(float(self._x(x)) + 5, self._box[1] + 4, label, colour=GREY)

    def image(self, pixels: NDArray[np.uint8]) -> None:
        """An RGB array (H, W, 3) that fills the frame."""
        self._page.paste(pixels, self._box)
        self._frame()

    def _legend(self, label: str, colour: Colour, width: float, dashes: tuple[float, float] | None) -> None:
        x, y = self._legend_left, self._box[1] - 12
        self._polyline(np.array([[x, y], [x + 28, y]]), colour, width, dashes)
        self._page.text(x + 34, y, label, anchor="lm")
        self._legend_left = x + 34 + _font(_TEXT_SIZE).getlength(label) / _TWICE + 18

    def _polyline(
        self, points: NDArray[np.float64], colour: Colour, width: float, dashes: tuple[float, float] | None
    ) -> None:
        for stroke in [points] if dashes is None else _strokes(points, *dashes):
            flat = [(float(x) * _TWICE, float(y) * _TWICE) for x, y in stroke]
            if len(flat) > 1:
                self._page.draw.line(flat, fill=colour, width=round(width * _TWICE), joint="curve")

    def _segment(self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: float) -> None:
        ends = [[self._x(x), self._y(y)] for x, y in (start, end)]
        self._polyline(np.array(ends, dtype=np.float64), colour, width, None)

    def _frame(self) -> None:
        self._page.draw.rectangle([edge * _TWICE for edge in self._box], outline=GREY, width=_TWICE)

    def _x(self, x: ArrayLike) -> NDArray[np.float64]:
        share = (np.asarray(x) - self._x_range[0]) / (self._x_range[1] - self._x_range[0])
        return self._box[0] + share * (self._box[2] - self._box[0])

    def _y(self, y: ArrayLike) -> NDArray[np.float64]:
        share = (np.asarray(y) - self._y_range[0]) / (self._y_range[1] - self._y_range[0])
        return self._box[3] - share * (self._box[3] - self._box[1])


def ticks(lower: float, upper: float) -> list[tuple[float, str]]:
    """Three to eight round numbers (1, 2 or 5 times a power of ten apart) from lower to upper, as they are written.

    Raises:
        ValueError: lower is not below upper.
    """
    if not lower < upper:
        raise ValueError(f"there is no scale from {lower} to {upper}")
    rough = (upper - lower) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * (1 + 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
    # Adding zero: -0 is to be written 0.
    return [(index * step, f"{index * step + 0.0:,.{decimals}f}") for index in range(first, last + 1)]


def _stretches(wanted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and past-the-last index of each run of True."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    return list(zip(change[::2].tolist(), change[1::2].tolist(), strict=True))


def _strokes(points: NDArray[np.float64], stroke: float, gap: float) -> Sequence[NDArray[np.float64]]:
    """A line through points cut into strokes of one length with gaps between them."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    parts = []
    for start in np.arange(0.0, length[-1], stroke + gap):
        end = min(start + stroke, length[-1])
        inner = points[(length > start) & (length < end)]
        ends = [[np.interp(place, length, points[:, axis]) for axis in (0, 1)] for place in (start, end)]
        parts.append(np.concatenate([ends[:1], inner, ends[1:]]))
    return parts


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size * _TWICE)
