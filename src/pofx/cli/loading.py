"""Models and images as the commands need them: with a progress line, and images of the model's shape."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pofx.cli.options import Errors, parse_size

if TYPE_CHECKING:
    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection


def load_model(path: Path, *, device: str, verbose: bool) -> GenerativeModel:
    """The model of a file, set to work on ``device`` and to tell its progress."""
    import pofx

    return pofx.load(path).set_params(device=device, verbose=verbose)


def load_images(
    source: str | Path,
    *,
    split: str | None,
    size: str | None,
    errors: Errors,
    verbose: bool,
    model: GenerativeModel | None = None,
    levels: int | None = None,
) -> Collection:
    """The images of a source by the options of the command line.

    Args:
        model: the images must be like those that it was fitted to; a file that is not is a file that cannot be used.
        levels: the number of levels that a model is going to be fitted with, if that is known.

    Raises:
        SourceError: see `pofx.data.sources.load_source`.
    """
    import pofx
    from pofx.engine.counting import CountedWork

    shape, levels = (None, levels) if model is None else (model.spec_.shape_HWC, model.spec_.levels)
    with CountedWork("Reading", "images", verbose) as count:
        collection = pofx.load_source(
            source, split=split, size=parse_size(size), shape=shape, levels=levels, errors=errors, progress=count
        )
    if model is not None and collection.levels not in (None, levels):
        print(
            f"pofx: {collection.origin} says that its images have {collection.levels} levels; the model was fitted to "
            f"images of {levels}",
            file=sys.stderr,
        )
    return collection
