"""Models and images as the commands need them: with a progress line, and images of the model's shape."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pofx.cli.options import Errors, parse_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection


def load_model(path: Path, *, device: str, verbose: bool) -> GenerativeModel:
    """The model of a file (of an outlier detector's, its model), set to work on ``device`` and to tell its progress."""
    import pofx

    loaded: Any = pofx.load(path)
    # A detector has a model and is none.
    model: GenerativeModel = getattr(loaded, "model_", loaded)
    return model.set_params(device=device, verbose=verbose)


def load_images(
    source: str | Path,
    *,
    split: str | None,
    size: str | None,
    errors: Errors,
    verbose: bool,
    model: GenerativeModel | None = None,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
) -> Collection:
    """The images of a source by the options of the command line.

    Args:
        model: the images must be like those that it was fitted to; a file that is not is a file that cannot be used.
        shape: height, width and channels that image files must have, if not those of the model's images.
        levels: the number of levels that a model is going to be fitted with, if that is known.

    Raises:
        SourceError: see `pofx.data.sources.load_source`.
    """
    import pofx
    from pofx.engine.counting import CountedWork

    if model is not None:
        shape, levels = model.spec_.shape_HWC if shape is None else shape, model.spec_.levels
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


def some_indices(n: int, count: int, seed: int | None) -> NDArray[np.int64]:
    """Which of ``count`` images a command shows: n of them at random, in order; all if they are fewer."""
    import numpy as np

    return np.sort(np.random.default_rng(0 if seed is None else seed).permutation(count)[:n])


def class_of(fitted: GenerativeModel, label: str) -> Any:
    """The label of the model that is written ``label``; ValueError with the nearest one if there is none."""
    import difflib

    if not hasattr(fitted, "classes_"):
        raise ValueError("--label needs a model that was fitted with --conditional")
    known = {str(known): known for known in fitted.classes_}
    if label not in known:
        near = difflib.get_close_matches(label, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no class {label!r}; the classes of this model are {', '.join(known)}.{hint}")
    return known[label]


def given(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """The options that are not None, as keywords for a method of a model.

    Raises:
        ValueError: the method has no such keyword; options do not vanish in silence.
    """
    found = {name: value for name, value in options.items() if value is not None}
    parameters = inspect.signature(function).parameters
    for name in found:
        if name not in parameters:
            model = type(getattr(function, "__self__", None)).__name__
            raise ValueError(f"{model} has no --{name.replace('_', '-')}: leave it out")
    return found
