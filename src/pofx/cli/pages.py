"""Pages of pictures that more than one command draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.cli.show import displayed
from pofx.files.colours import diverging, round_limit
from pofx.files.pictures import sheet, to_display

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.base import GenerativeModel
    from pofx.data.images import ImageFormat

#: So many images, and so many completions of each, a page has at most: more would fill the memory, and no screen.
MOST_SHOWN = 20

#: What stands where a pixel is unknown: no shade of gray, so that it is not taken for a part of a gray image.
UNKNOWN = (150, 178, 214)


def comes_first(known_HWC: NDArray[np.bool_]) -> bool:
    """Whether everything known comes before everything unknown: row by row, R before G before B."""
    in_order = known_HWC.ravel()
    return bool((np.logical_and.accumulate(in_order) == in_order).all())


def completion_note(model: GenerativeModel, known_HWC: NDArray[np.bool_], n_particles: int) -> str:
    """What kind of draws the completions of a model are, if they are any."""
    kind = getattr(model, "completes_by", "chain rule")
    if kind == "Markov chain":
        return (
            "Approximate draws from p(unknown | known): each is the end of a Markov chain that comes to this law; more "
            "steps come nearer to it."
        )
    if kind == "refined latents":
        return (
            "No draws: what the generator makes of the latent that fits the known part best, of several that were "
            "refined to it."
        )
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
    word = "found" if getattr(model, "completes_by", None) == "refined latents" else "draw"
    labels = ["completed"] if len(completed) == 1 else [f"{word} {k}" for k in range(1, len(completed) + 1)]
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
    shown = [_in_colour(to_display(image_format.nearest_levels_NCHW(images), image_format.spec.levels))]
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
        captions = [[f"{name} {number}" for name, number in zip(*captions, strict=True)]]
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


def _in_colour(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, H, W) or (n, H, W, 3) -> (n, H, W, 3)."""
    return np.repeat(pictures[..., None], 3, axis=-1) if pictures.ndim == 3 else pictures
