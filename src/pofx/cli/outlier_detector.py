"""Where ``pofx outliers`` gets its detector from: a file of one, a fitted model, or a source of ordinary images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pofx.cli.options import NONE, Errors, parse_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pofx.applications.outliers import OutlierDetector
    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection

Score = Literal["typicality", "log_prob", "complexity", "likelihood_ratio"]
Calibration = Literal["marginal", "per_class"]
#: How the names of model files and of detector files end.
SUFFIX = ".pofx"
#: The value of ``--tile`` that stands for the size of a fitted model's own images.
OF_THE_MODEL: Final = "model"


@dataclass(frozen=True)
class DetectorOptions:
    """What the command line says of a detector that is going to be fitted; None: nothing, the default holds.

    The fields are the names of the options; a detector that is fitted already has no use for any of them.
    """

    ordinary: str | Path | None = None
    model: str | None = None
    max_minutes: float | None = None
    score: Score | None = None
    calibration: Calibration | None = None
    folds: int | None = None
    tile: str | None = None
    seed: int | None = None
    save: Path | None = None

    def keywords(self) -> dict[str, Any]:
        """What was given of the parameters that a detector has whatever its model is."""
        words = {
            "score": self.score,
            "calibration": self.calibration,
            "n_folds": self.folds,
            "tile": parse_tile(self.tile),
            "random_state": self.seed,
        }
        return {name: value for name, value in words.items() if value is not None}


@dataclass(frozen=True)
class Reading:
    """How the images of every source are read."""

    size: str | None
    errors: Errors
    verbose: bool


def refuse_given(options: Any, why: str, *names: str) -> None:
    """ValueError if one of these options (of all, if none is named) was given: none vanishes in silence.

    Args:
        options: a dataclass of options, None where nothing was given.
    """
    given = [f"--{name.replace('_', '-')}" for name in names or vars(options) if getattr(options, name) is not None]
    if given:
        raise ValueError(f"{why}: leave out {', '.join(given)}")


def parse_tile(text: str | None) -> tuple[int, int] | Literal["model"] | None:
    """``32``, ``32x48`` or ``model``; None, also in words; ValueError for anything else."""
    if text is None or text.lower() in NONE:
        return None
    if text == OF_THE_MODEL:
        return OF_THE_MODEL
    if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*)?", text):
        raise ValueError(f"--tile is written 32 (a square), 32x48 (height x width) or model, not {text!r}")
    return parse_size(text)


def is_file_of_one(first: str | Path) -> bool:
    """Whether the first argument is the file of a model or of a detector, and no source of images."""
    return Path(first).suffix.lower() == SUFFIX


def obtain(
    first: str | Path, options: DetectorOptions, reading: Reading, *, rate: float | None, device: str
) -> OutlierDetector:
    """The fitted detector.

    Args:
        rate: the false-alarm rate of a detector that is fitted now; its default if None.

    Raises:
        ValueError: options that do not go with the first argument, or one that is missing.
    """
    import pofx
    from pofx.applications.outlier_file import to_attachment

    own_rate: dict[str, Any] = {} if rate is None else {"false_alarm_rate": rate}
    if not is_file_of_one(first):
        return _fitted_to_source(first, options, reading, own_rate, device)
    loaded: Any = pofx.load(first)
    loaded = getattr(loaded, "detector_", loaded)  # a classifier has one
    if not isinstance(loaded, pofx.OutlierDetector):
        return _fitted_around(loaded, first, options, reading, own_rate, device)
    refuse_given(options, f"{first} is a detector that is fitted already")
    # All of its models: those of other folds, and those that it compares with.
    for model in (loaded.model_, *to_attachment(loaded).models.values()):
        model.set_params(device=device, verbose=reading.verbose)
    return loaded


def images_to_judge(
    detector: OutlierDetector, source: str | Path, split: str | None, reading: Reading
) -> tuple[Collection, NDArray[Any] | None]:
    """Images like those that the detector was fitted to, and their labels where it tells classes apart."""
    from pofx.applications.outlier_file import to_attachment
    from pofx.cli.loading import load_images
    from pofx.data.images import shape_HWC

    # The model's own images are smaller, where the detector judges tiles.
    shape = to_attachment(detector).state["image_shape"]
    collection = load_images(
        source,
        split=split,
        **vars(reading),
        model=detector.model_,
        shape=shape_HWC((1, *shape)) if len(shape) > 1 else None,
    )
    return collection, collection.named_labels if detector.calibration == "per_class" else None


def lowest_p(detector: OutlierDetector) -> float:
    """The lowest p-value that an image can get: 1 / (n_cal + 1), of the class with the most calibration images."""
    import numpy as np

    from pofx.applications.outlier_file import to_attachment

    return 1 / (1 + int(np.bincount(to_attachment(detector).arrays["codes"]).max()))


def _fitted_to_source(
    source: str | Path, options: DetectorOptions, reading: Reading, rate: dict[str, Any], device: str
) -> OutlierDetector:
    """A detector whose model is fitted, too."""
    from pofx import registry
    from pofx.cli.loading import load_images

    refuse_given(options, f"the ordinary images are those of {source}", "ordinary")
    if options.tile == OF_THE_MODEL:
        raise ValueError("--tile model needs the file of a fitted model; say how large the tiles are: --tile 32")
    family: Any = registry.family(options.model or "vae")
    ordinary = load_images(source, split=None, **vars(reading))
    model = family(
        levels=ordinary.levels,
        max_minutes=options.max_minutes,
        device=device,
        verbose=reading.verbose,
        random_state=options.seed,
    )
    return _fit(model, ordinary, options, rate)


def _fitted_around(
    model: GenerativeModel,
    path: str | Path,
    options: DetectorOptions,
    reading: Reading,
    rate: dict[str, Any],
    device: str,
) -> OutlierDetector:
    """A detector whose model is fitted already and stays as it is."""
    from pofx.cli.loading import load_images

    refuse_given(options, f"{path} is a model that is fitted already", "model", "max_minutes")
    if options.ordinary is None:
        raise ValueError(
            f"{path} is a model and no detector yet: name ordinary images that it was not fitted to with --ordinary "
            "SOURCE"
        )
    model.set_params(device=device, verbose=reading.verbose)
    tiled = parse_tile(options.tile) is not None
    ordinary = load_images(
        options.ordinary,
        split=None,
        **vars(reading),
        # Tiles have the model's size, the images they are cut from do not.
        model=None if tiled else model,
        levels=model.spec_.levels,
    )
    return _fit(model, ordinary, options, rate)


def _fit(model: Any, ordinary: Collection, options: DetectorOptions, rate: dict[str, Any]) -> OutlierDetector:
    import pofx

    by_class = options.calibration == "per_class"
    labels = ordinary.named_labels if by_class else None
    if by_class and labels is None:
        raise ValueError(f"--calibration per_class needs labels, and {ordinary.origin} has none")
    return pofx.OutlierDetector(model, **options.keywords(), **rate).fit(ordinary.images, labels)
