"""A page of completions, and what kind of draws they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import sheet
from pofx.pages.display import displayed, in_colour

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
    title: str | None,
    note: str | None,
) -> Image:
    """Rows: the images, what is known of them, and each set of completions."""
    originals = in_colour(displayed(model, images))
    channels = known_HWC.shape[2]
    shown = known_HWC[..., :3] if channels >= 3 else known_HWC[..., :1]  # the colours that `to_display` shows
    known = np.where(shown, originals, np.array(UNKNOWN, dtype=np.uint8))
    completed = [in_colour(displayed(model, one)) for one in completions]
    word = "found" if getattr(model, "completes_by", None) == "refined latents" else "draw"
    labels = ["completed"] if len(completed) == 1 else [f"{word} {k}" for k in range(1, len(completed) + 1)]
    return sheet(
        np.concatenate([originals, known, *completed]),
        n_columns=len(images),
        row_labels=["image", "known", *labels],
        title=title,
        note=None if note is None else f"Blue: unknown. {note}",
    )
