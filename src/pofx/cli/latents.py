"""What the commands about latents share: models that have them, labels, and what they write."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pofx.cli.options import writable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection

#: Images drawn from a model that is asked alone, to see where its latents lie.
DRAWN = 1_000

PictureOrAnimation = Annotated[
    Path, Parameter(name=["--output", "-o"], help="The picture (PNG) or animation (GIF) to write.")
]
Refine = Annotated[
    bool,
    Parameter(
        help="Begin at latents that fit the images better than the encoder's guess: slower, and what is not meant to "
        "change stays nearer to the image."
    ),
]
#: The frames of an animation if nothing is said.
FRAMES = 24


def picture_or_animation(path: Path) -> tuple[Path, bool]:
    """The path, checked, and whether it is that of an animation."""
    if path.suffix.lower() not in ("", ".png", ".gif"):
        raise ValueError(f"{path} should end in .png or .gif")
    animated = path.suffix.lower() == ".gif"
    return writable(path, ".gif" if animated else ".png"), animated


def load_latent_model(path: Path, *, device: str, verbose: bool) -> GenerativeModel:
    """A model that turns images into latents and back; ValueError if it does not."""
    from pofx.cli.loading import load_model

    fitted = load_model(path, device=device, verbose=verbose)
    if not (hasattr(fitted, "transform") and hasattr(fitted, "inverse_transform")):
        raise ValueError(f"{type(fitted).__name__} has no latents that are turned into images; a VAE has")
    return fitted


def check_refine(fitted: GenerativeModel, refine: bool) -> None:
    """ValueError if it is asked for and the model cannot."""
    if refine and not hasattr(fitted, "refine_latents"):
        raise ValueError(f"{type(fitted).__name__} cannot refine latents; leave out --refine")


def labels_for(fitted: GenerativeModel, collection: Collection, label: str | None) -> NDArray[Any] | None:
    """The labels (n,) that a conditional model gets: all of one class if it is named, else those of the source."""
    import numpy as np

    if label is not None or collection.named_labels is None:
        one = class_to_draw(fitted, label)
        return None if one is None else np.full(len(collection), one)
    return collection.named_labels if hasattr(fitted, "classes_") else None


def drawn_alone(fitted: GenerativeModel, y: Any, seed: int | None) -> NDArray[Any]:
    """Images of class y (None: of a model without classes) that tell where the latents of a model lie."""
    return fitted.sample(DRAWN, y=y, random_state=0 if seed is None else seed)


def class_to_draw(fitted: GenerativeModel, label: str | None) -> Any:
    """The class that is named, None for a model that has none; ValueError if one has to be named.

    (Without a class a conditional model gives the mean over all of them, which is no image.)
    """
    from pofx.cli.loading import class_of

    if label is None and hasattr(fitted, "classes_"):
        raise ValueError("this model draws the images of one class at a time: choose one with --label")
    return None if label is None else class_of(fitted, label)


def index_of(which: str, collection: Collection) -> int:
    """The image that is called so: the name of its file, or its number from 0."""
    import difflib

    if collection.names is not None and which in collection.names:
        return collection.names.index(which)
    if which.isascii() and which.isdigit():
        if int(which) >= len(collection):
            raise ValueError(f"there is no image {which}: {collection.origin} has {len(collection):,}, from 0 on")
        return int(which)
    near = difflib.get_close_matches(which, collection.names or (), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{collection.origin} has no image {which!r}; name its file, or its number from 0.{hint}")


def name_of(index: int, collection: Collection) -> str:
    """What an image is called."""
    return str(index) if collection.names is None else collection.names[index]


def save_pages(pages: Sequence[Image], path: Path) -> None:
    """One page as PNG, or all of them as an animation, by the name of the path."""
    from pofx.files.animations import save_gif
    from pofx.files.pictures import save_png

    if path.suffix.lower() == ".gif":
        save_gif(pages, path)
    else:
        save_png(pages[0], path)


@contextmanager
def warnings_in_words() -> Iterator[None]:
    """Within it warnings become lines on stderr, once each, without the place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(one.message) for one in caught):
        print(f"pofx: {text}", file=sys.stderr)
