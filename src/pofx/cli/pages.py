"""Pages of pictures that more than one command draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.cli.show import displayed
from pofx.files.colours import diverging, round_limit
from pofx.files.pictures import sheet

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.base import GenerativeModel

#: So many images, and so many completions of each, a page has at most: more would fill the memory, and no screen.
MOST_SHOWN = 20

#: What stands where a pixel is unknown: no shade of gray, so that it is not taken for a part of a gray image.
UNKNOWN = (150, 178, 214)


def comes_first(known_HWC: NDArray[np.bool_]) -> bool:
    """Whether everything known comes before everything unknown: row by row, R before G before B."""
    in_order = known_HWC.ravel()
    return bool((np.logical_and.accumulate(in_order) == in_order).all())


def completion_note(model: GenerativeModel, known_HWC: NDArray[np.bool_], n_particles: int) -> str:
    """What kind of draws the completions of a model are."""
    if model.density == "exact" and comes_first(known_HWC):
        return (
            "Exact draws from p(unknown | known): all that is known comes before all that is unknown, row by row and "
            "from left to right."
        )
    if n_particles == 1:
        return (
            "Approximate draws: each unknown pixel is drawn from what comes before it, and what is known after it is "
            "not looked at (one particle)."
        )
    return (
        "Approximate draws from p(unknown | known): something known comes after something unknown. Sequential Monte "
        f"Carlo with {n_particles} particles an image takes it into account; more particles come nearer to exact."
    )


def shown_note(n_images: int, n_completions: int) -> str:
    """How much of what was asked for a page of completions shows; nothing if it shows all."""
    counts = ((n_images, "images"), (n_completions, "completions of each"))
    parts = [f"{MOST_SHOWN} of {count:,} {what}" for count, what in counts if count > MOST_SHOWN]
    return f"The picture shows {' and '.join(parts)}; --npz keeps all." if parts else ""


def completion_page(
    model: GenerativeModel,
    images: NDArray[Any],
    known_HWC: NDArray[np.bool_],
    completions: Sequence[NDArray[Any]],
    *,
    title: str,
    note: str,
) -> Image:
    """Rows: the images, what is known of them, and each set of completions."""
    originals = _in_colour(displayed(model, images))
    channels = known_HWC.shape[2]
    shown = known_HWC[..., :3] if channels >= 3 else known_HWC[..., :1]  # the colours that `to_display` shows
    known = np.where(shown, originals, np.array(UNKNOWN, dtype=np.uint8))
    completed = [_in_colour(displayed(model, one)) for one in completions]
    labels = ["completed"] if len(completed) == 1 else [f"draw {k}" for k in range(1, len(completed) + 1)]
    return sheet(
        np.concatenate([originals, known, *completed]),
        n_columns=len(images),
        row_labels=["image", "known", *labels],
        title=title,
        note=f"Blue: unknown. {note}",
    )


def surprise_page(
    model: Any,
    images: NDArray[Any],
    log_p: NDArray[np.float64],
    *,
    title: str,
    names: Sequence[str] | None = None,
) -> Image:
    """Rows: the images, and where each surprises the model; below them their names and log p(x).

    Args:
        model: one that has a ``surprise_map``.
    """
    surprise = model.surprise_map(images)
    # Nats of a pixel: the sum over its colours.
    pixels_NHW = model.image_format_.rows_to_NCHW(surprise.reshape(len(images), -1)).sum(axis=1)
    limit = round_limit(pixels_NHW)
    kind = "exact" if model.density == "exact" else f"a {model.density}"
    numbers = [f"log p {value:.1f}" for value in log_p]
    explanation = (
        "Surprise of a pixel: -log p of it less what the model expects of that, in nats. Red: less likely than "
        f"expected; white: as expected; blue: likelier. The colours are deepest at {limit:g} nats and beyond."
    )
    return sheet(
        np.concatenate([_in_colour(displayed(model, images)), diverging(pixels_NHW, limit)]),
        n_columns=len(images),
        row_labels=["image", "surprise"],
        captions=[*numbers, *[""] * len(images)] if names is None else [*names, *numbers],
        title=title,
        note=f"{explanation} log p(x) is {kind}.",
    )


def _in_colour(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, H, W) or (n, H, W, 3) -> (n, H, W, 3)."""
    return np.repeat(pictures[..., None], 3, axis=-1) if pictures.ndim == 3 else pictures
