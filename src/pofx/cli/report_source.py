"""What ``pofx report`` is asked for: families or fitted models, and which images are held out. All of it is looked at
before the first fit: minutes of work are not lost to a slip of the pen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pofx.report.fitting import Fitted
    from pofx.report.study import Images

#: The share of the images that is held out if nothing is said of it.
SHARE = 0.2


def model_files(models: Sequence[str]) -> list[Path]:
    """The model files that were named; none if families were, or nothing.

    Raises:
        ValueError: both are named. KeyError: there is no family of a name.
    """
    from pofx import registry

    paths = [Path(name) for name in models if Path(name).suffix.lower() == ".pofx"]
    if paths and len(paths) < len(models):
        raise ValueError("--models names families to fit or model files, not both")
    if not paths:
        for name in models:
            registry.family(name)
    return paths


def loaded(paths: Sequence[Path], device: str, verbose: bool) -> Fitted:
    """Fitted models, by the names of their classes; of one class by their numbers, too."""
    from pofx.cli.loading import load_model
    from pofx.report.fitting import Fitted

    found = Fitted()
    for path in dict.fromkeys(paths):
        model = load_model(path, device=device, verbose=verbose)
        if hasattr(model, "classes_") and found.of_classes is None and hasattr(model, "class_log_probs"):
            found.of_classes = model
        name, number = type(model).__name__, 1
        while (key := name if number == 1 else f"{name}_{number}") in found.models:
            number += 1
        found.models[key] = model
    return found


def parts(
    source: str | Path, collection: Any, holdout: str | None, split: str | None, seed: int, options: dict[str, Any]
) -> tuple[Images, Images]:
    """Images to learn from, and images to measure with.

    Raises:
        ValueError: a share that is none, too few images, or held-out images of another shape or from among the others.
    """
    from pofx.cli.loading import load_images
    from pofx.data.image_hashes import holds_most_of, sampled_hashes
    from pofx.report.division import divided, of_collection

    share = None if holdout is None else _number(holdout)
    if share is not None:
        if not (math.isfinite(share) and 0 < share < 1):
            raise ValueError(f"--holdout is a share of the images between 0 and 1, or a source, not {holdout}")
        return divided(collection, share, seed)
    if holdout is not None:
        others = load_images(holdout, split=None, **options)
    elif split is None and _has_test_images(source):
        others = load_images(source, split="test", **options)
    else:
        return divided(collection, SHARE, seed)
    if others.images.shape[1:] != collection.images.shape[1:]:
        here, there = (" x ".join(map(str, one.images.shape[1:])) for one in (collection, others))
        raise ValueError(f"the images of {source} are {here}, and the held-out ones {there}: give --size")
    if holds_most_of(sampled_hashes(_rows(collection.images)), _rows(others.images)):
        raise ValueError(f"most of the held-out images of {holdout or source} are among those to learn from")
    return of_collection(collection), of_collection(others, "test " if holdout is None else "held-out ")


def require_shape(models: dict[str, Any], images: Images, source: str | Path) -> None:
    """ValueError if a model was fitted to images of another shape, or to others than the other models."""
    shape = images.images.shape[1:]
    first = next(iter(models))
    for name, model in models.items():
        spec = model.image_format_.spec
        of_rows = len(shape) == 1 and shape[0] == spec.n_dims
        if not of_rows and (*shape, 1)[:3] != spec.shape_HWC:
            here = " x ".join(map(str, shape))
            raise ValueError(
                f"{name} was fitted to images of {spec.height} x {spec.width} x {spec.channels}, and those of {source} "
                f"are {here}"
            )
        if spec != (other := models[first].image_format_.spec):
            raise ValueError(f"{first} was fitted to images of {other}, and {name} to images of {spec}")


def _rows(images: Any) -> Any:
    return images.reshape(len(images), -1)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _has_test_images(source: str | Path) -> bool:
    import numpy as np

    if Path(source).suffix.lower() != ".npz":
        return False
    with np.load(source) as file:
        return "x_test" in file.files
