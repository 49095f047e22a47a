"""A page of images above maps of where they are surprising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.colours import diverging, round_limit
from pofx.files.pictures import sheet, to_display
from pofx.pages.display import in_colour

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.data.images import ImageFormat


def surprise_page(
    model: Any,
    images: NDArray[Any],
    log_p: NDArray[np.float64],
    *,
    title: str | None,
    names: Sequence[str] | None = None,
) -> Image:
    """Rows: the images, and where each surprises the model; below them their names and log p(x).

    Args:
        model: one that has a ``surprise_map``.
    """
    kind = "exact" if model.density == "exact" else f"a {model.density}"
    return surprise_sheet(
        model.image_format_,
        images,
        model.surprise_map(images),
        names=names,
        numbers=[f"log p {value:.1f}" for value in log_p],
        title=title,
        note=f"log p(x) is {kind}.",
    )


def surprise_sheet(
    image_format: ImageFormat,
    images: NDArray[Any],
    surprise: NDArray[np.float64] | None,
    *,
    numbers: Sequence[str],
    title: str | None,
    note: str | None,
    names: Sequence[str] | None = None,
    limit: float | None = None,
) -> Image:
    """Rows: the images, and where each is surprising; below them their names and what is said of each.

    Args:
        image_format: how ``images`` and ``surprise`` hold images.
        surprise: nats of each sub-pixel; None where they are not known, the images then stand alone.
        numbers: what is said of each image.
        note: said after what the colours mean; None if nothing is said of either.
        limit: nats where the colours are deepest; a round number that fits the maps if not given.
    """
    shown = [in_colour(to_display(image_format.nearest_levels_NCHW(images), image_format.spec.levels))]
    rows, colours = ["image"], ""
    if surprise is not None:
        pixels_NHW = of_pixels(image_format, surprise)
        limit = round_limit(pixels_NHW) if limit is None else limit
        shown.append(diverging(pixels_NHW, limit))
        rows.append("surprise")
        colours = (
            "Surprise of a pixel: -log p of it less what the model expects of that, in nats. Red: less likely than "
            f"expected; white: as expected; blue: likelier. The colours are deepest at {limit:g} nats and beyond. "
        )
    # Names, where there are any, stand under the images and numbers under the maps; there may be no maps.
    captions = [list(numbers)] if names is None else [list(names), list(numbers)]
    if len(captions) > len(shown):
        captions = [[f"{name}\n{number}" for name, number in zip(*captions, strict=True)]]
    captions += [[""] * len(images)] * (len(shown) - len(captions))
    return sheet(
        np.concatenate(shown),
        n_columns=max(1, len(images)),
        row_labels=rows if len(images) else None,
        captions=[text for row in captions for text in row],
        title=title,
        note=None if note is None else colours + note,
    )


def of_pixels(image_format: ImageFormat, sub_pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nats of each sub-pixel in the user's layout -> of each pixel (n, H, W): the sum over its colours."""
    return image_format.rows_to_NCHW(sub_pixels.reshape(len(sub_pixels), -1)).sum(axis=1)
