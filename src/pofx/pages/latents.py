"""Pages and frames of moved latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import sheet
from pofx.pages.display import displayed

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.base import GenerativeModel

#: The side that a page gives to a grid of images, about, in pixels.
GRID_SIDE = 900
#: The pixels between its images.
GRID_LINE = 2


def strength_text(strengths: dict[str, float]) -> str:
    """{"smile": 1.0, "age": -0.5} -> "smile +1, age -0.5"."""
    return ", ".join(f"{name} {strength:+g}" for name, strength in strengths.items())


def edit_page(
    model: GenerativeModel,
    images: NDArray[Any],
    rebuilt: NDArray[Any],
    edited: Sequence[NDArray[Any]],
    labels: Sequence[str],
    *,
    title: str | None,
    note: str | None,
) -> Image:
    """Rows: the images, what the model makes of them, and each step of the edit."""
    rows = [displayed(model, part) for part in (images, rebuilt, *edited)]
    return sheet(
        np.concatenate(rows),
        n_columns=len(images),
        row_labels=["image", "rebuilt", *labels],
        title=title,
        note=note,
    )


def edit_frames(
    model: GenerativeModel, images: NDArray[Any], steps: Sequence[NDArray[Any]], *, title: str | None, note: str | None
) -> list[Image]:
    """The images above, and below them one step of the edit after the other."""
    above = displayed(model, images)
    return [
        sheet(
            np.concatenate([above, displayed(model, step)]),
            n_columns=len(images),
            row_labels=["image", "edited"],
            title=title,
            note=note,
        )
        for step in steps
    ]


def interpolation_page(
    model: GenerativeModel,
    a: NDArray[Any],
    b: NDArray[Any],
    paths: NDArray[Any],
    *,
    title: str | None,
    note: str | None,
    captions: tuple[str, str] | None = None,
) -> Image:
    """A row for each pair: the image of a, the way, the image of b.

    Args:
        paths: (n, steps, *image).
        captions: of the first and the last image of the (then only) row.
    """
    steps = paths.shape[1]
    rows = [np.concatenate([first[None], path, last[None]]) for first, path, last in zip(a, paths, b, strict=True)]
    shares = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
    return sheet(
        displayed(model, np.concatenate(rows)),
        n_columns=steps + 2,
        captions=None if captions is None else [captions[0], *shares, captions[1]],
        title=title,
        note=note,
    )


def interpolation_frames(
    model: GenerativeModel,
    a: NDArray[Any],
    b: NDArray[Any],
    path: NDArray[Any],
    *,
    title: str | None,
    note: str | None,
    captions: tuple[str, str],
) -> list[Image]:
    """Between the two images one point of the way after the other; ``path`` is (steps, *image)."""
    return [
        sheet(
            displayed(model, np.stack([a, step, b])),
            n_columns=3,
            captions=[captions[0], "on the way", captions[1]],
            title=title,
            note=note,
        )
        for step in path
    ]


def traversal_page(
    model: GenerativeModel, pictures: NDArray[Any], row_labels: Sequence[str], *, title: str | None, note: str | None
) -> Image:
    """A row for each dimension, a column for each value; ``pictures`` is (dims, values, *image)."""
    return sheet(
        displayed(model, pictures.reshape(-1, *pictures.shape[2:])),
        n_columns=pictures.shape[1],
        row_labels=row_labels,
        title=title,
        note=note,
    )


def traversal_frames(
    model: GenerativeModel, pictures: NDArray[Any], captions: Sequence[str], *, title: str | None, note: str | None
) -> list[Image]:
    """One image a dimension, all of them at one value after the other."""
    return [
        sheet(displayed(model, pictures[:, step]), captions=captions, title=title, note=note)
        for step in range(pictures.shape[1])
    ]


def grid_page(model: GenerativeModel, grid: NDArray[Any], *, title: str | None, note: str | None) -> Image:
    """The images of a grid, with no more than a thin line between them; ``grid`` is (rows, columns, *image)."""
    rows, columns = grid.shape[:2]
    cells = displayed(model, grid.reshape(rows * columns, *grid.shape[2:]))
    scale = max(1, round(GRID_SIDE / max(rows * cells.shape[1], columns * cells.shape[2])))
    cells = cells.repeat(scale, axis=1).repeat(scale, axis=2)
    around = [(0, 0), (0, GRID_LINE), (0, GRID_LINE), (0, 0)][: cells.ndim]
    cells = np.pad(cells, around, constant_values=255)
    height, width, *colour = cells.shape[1:]
    mosaic = cells.reshape(rows, columns, height, width, *colour).swapaxes(1, 2)
    whole = mosaic.reshape(rows * height, columns * width, *colour)[:-GRID_LINE, :-GRID_LINE]
    return sheet(whole[None], title=title, note=note, scale=1)
