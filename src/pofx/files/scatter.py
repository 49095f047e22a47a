"""Points on a plane as a picture, coloured by class and with the names of the classes, for `pictures.sheet`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pofx.files.pictures import legible

#: Told apart by most people on white; after Tol 2021, "Colour schemes" (vibrant and muted). More classes than colours
#: share them, and are told apart by their names.
COLOURS = (
    (0, 119, 187), (238, 119, 51), (0, 153, 136), (204, 51, 17), (136, 34, 85), (51, 187, 238), (153, 153, 51),
    (238, 51, 119), (51, 34, 136), (102, 102, 102), (221, 170, 51), (17, 119, 51),
)  # fmt: skip
ALONE = (0, 90, 160)
_WHITE, _BLACK = (255, 255, 255), (17, 17, 17)
_SIDE, _MARGIN, _RADIUS = 440, 14, 2.5
_LEGEND_SIZE, _NAME_SIZE, _LINE = 13, 15, 20
#: Letters of a name that are shown, and classes that have one.
_LETTERS, _NAMED = 24, 40
_TWICE = 2


def scatter(points: NDArray[np.floating], labels: Sequence[object] | NDArray[np.generic] | None) -> NDArray[np.uint8]:
    """A square with a dot for each point, each class's name over the middle of its dots, and a legend; (H, W, 3).

    Args:
        points: (n, 2), finite; they fill the square, one scale for both axes.
        labels: (n,), the class of each; None draws all dots alike.

    Raises:
        ValueError: points that are not (n, 2) or not finite, or not as many labels as points.
    """
    places_N2: NDArray[np.float64] = np.asarray(points, dtype=np.float64)
    if places_N2.ndim != 2 or places_N2.shape[1] != 2 or not np.isfinite(places_N2).all():
        raise ValueError(f"points must be finite, of shape (n, 2), not {places_N2.shape}")
    if labels is not None and len(labels) != len(points):
        raise ValueError(f"{len(points)} points need as many labels, not {len(labels)}")
    classes, codes = (np.array([]), np.zeros(len(points), dtype=int))
    if labels is not None:
        classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    names = [_short(name) for name in classes[:_NAMED]]
    places, height = _legend_places(names)
    page = Image.new("RGB", (_SIDE * _TWICE, (_SIDE + height) * _TWICE), _WHITE)
    draw = ImageDraw.Draw(page)
    at = _placed(places_N2)
    # In random order: the dots of the last class would lie over all others.
    for i in np.random.default_rng(0).permutation(len(at)):
        colour = ALONE if labels is None else colour_of(codes[i])
        x, y = at[i]
        _dot(draw, x, y, colour)
    for code, name in enumerate(names):
        x, y = np.median(at[codes == code], axis=0)
        draw.text(
            (x * _TWICE, y * _TWICE), name, fill=_dark(colour_of(code)), font=_font(_NAME_SIZE), anchor="mm",
            stroke_width=3 * _TWICE, stroke_fill=_WHITE,
        )  # fmt: skip
    for code, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        _dot(draw, x + 5, _SIDE + y + _LINE / 2, colour_of(code), radius=4)
        text = (x + 14) * _TWICE, (_SIDE + y + _LINE / 2) * _TWICE
        draw.text(text, name, fill=_BLACK, font=_font(_LEGEND_SIZE), anchor="lm")
    return np.asarray(page.resize((_SIDE, _SIDE + height), Image.Resampling.LANCZOS))


def colour_of(code: int) -> tuple[int, int, int]:
    """The colour of the class of this number."""
    return COLOURS[code % len(COLOURS)]


def _placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points -> pixels of the square, y upwards."""
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    reach = float((high - low).max()) or 1.0
    share = (points - (low + high) / 2) / reach
    inner = _SIDE - 2 * _MARGIN
    return np.column_stack([_SIDE / 2 + share[:, 0] * inner, _SIDE / 2 - share[:, 1] * inner])


def _legend_places(names: Sequence[str]) -> tuple[list[tuple[float, float]], int]:
    """Where each name of the legend stands below the square, and how high all of it is."""
    places, x, y = [], float(_MARGIN), 0.0
    for name in names:
        width = 14 + _font(_LEGEND_SIZE).getlength(name) / _TWICE + 14
        if x + width > _SIDE and x > _MARGIN:
            x, y = float(_MARGIN), y + _LINE
        places.append((x, y))
        x += width
    return places, int(y + _LINE) + 4 if names else 0


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: tuple[int, int, int], radius: float = _RADIUS) -> None:
    box = [(x - radius) * _TWICE, (y - radius) * _TWICE, (x + radius) * _TWICE, (y + radius) * _TWICE]
    draw.ellipse(box, fill=colour)


def _dark(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """The same hue, for letters."""
    red, green, blue = (round(0.6 * part) for part in colour)
    return red, green, blue


def _short(name: object) -> str:
    text = legible(" ".join(str(name).split()))
    return text if len(text) <= _LETTERS else text[: _LETTERS - 3] + "..."


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size * _TWICE)
