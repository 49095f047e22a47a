"""Where ``pofx classify`` gets its classifier from: a file of one, a fitted model, or a source with labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pofx.cli.outlier_detector import Reading, Score, is_file_of_one, refuse_given

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pofx.applications.classifier import GenerativeClassifier


@dataclass(frozen=True)
class ClassifierOptions:
    """What the command line says of a classifier that is going to be fitted; None: nothing, the default holds.

    The fields are the names of the options; a classifier that is fitted already has no use for any of them.
    """

    labelled: str | Path | None = None
    model: str | None = None
    max_minutes: float | None = None
    prior: str | None = None
    calibrated: bool | None = None
    rejection: Score | None = None
    seed: int | None = None
    save: Path | None = None

    def keywords(self) -> dict[str, Any]:
        """What was given of the parameters that a classifier has whatever its model is."""
        words = {
            "prior": self.prior,
            "calibrated": self.calibrated,
            "rejection": self.rejection,
            "random_state": self.seed,
        }
        return {name: value for name, value in words.items() if value is not None}


@dataclass(frozen=True)
class Obtained:
    """A classifier, and which images it was fitted to.

    Attributes:
        fingerprint: `data_fingerprint` of the images that its ``held_out_`` are indices of; None if it was loaded.
    """

    classifier: GenerativeClassifier
    fingerprint: str | None = None

    def held_out(self, images: NDArray[Any]) -> NDArray[np.int64] | None:
        """Which of these images the fit held out; None if they are not those of the fit."""
        from pofx.saving import data_fingerprint

        if self.fingerprint != data_fingerprint(images.reshape(len(images), -1), None):
            return None
        return self.classifier.held_out_


def obtain(
    first: str | Path, options: ClassifierOptions, reading: Reading, *, rate: float | None, device: str
) -> Obtained:
    """The fitted classifier.

    Args:
        rate: the false-alarm rate of a classifier that is fitted now; its default if None.

    Raises:
        ValueError: options that do not go with the first argument, or one that is missing.
    """
    import pofx

    words = options.keywords() | ({} if rate is None else {"false_alarm_rate": rate})
    if not is_file_of_one(first):
        refuse_given(options, f"the images with labels are those of {first}", "labelled")
        return _fitted_to_source(first, options, reading, words, device)
    loaded: Any = pofx.load(first)
    if isinstance(loaded, pofx.GenerativeClassifier):
        refuse_given(options, f"{first} is a classifier that is fitted already")
        loaded.model_.set_params(device=device, verbose=reading.verbose)
        return Obtained(loaded)
    model = getattr(loaded, "model_", loaded)  # of a detector
    refuse_given(options, f"{first} is a model that is fitted already", "model", "max_minutes")
    if options.labelled is None:
        raise ValueError(
            f"{first} is a model and no classifier yet: name images with labels that it was not fitted to with "
            "--labelled SOURCE"
        )
    model.set_params(device=device, verbose=reading.verbose)
    return _fit(model, options.labelled, reading, words)


def _fitted_to_source(
    source: str | Path, options: ClassifierOptions, reading: Reading, words: dict[str, Any], device: str
) -> Obtained:
    from pofx import registry
    from pofx.applications.outliers import DEFAULT_FAMILY

    family: Any = registry.family(options.model or DEFAULT_FAMILY)
    model = family(max_minutes=options.max_minutes, device=device, verbose=reading.verbose, random_state=options.seed)
    return _fit(model, source, reading, words)


def _fit(model: Any, source: str | Path, reading: Reading, words: dict[str, Any]) -> Obtained:
    import pofx
    from pofx.cli.loading import load_images
    from pofx.saving import data_fingerprint

    is_fitted = hasattr(model, "spec_")
    collection = load_images(source, split=None, **vars(reading), model=model if is_fitted else None)
    labels = collection.named_labels
    if labels is None:
        raise ValueError(f"{collection.origin} has no labels (sub-folders give labels), and without them no classes")
    if not is_fitted:
        model.set_params(levels=collection.levels)
    images = collection.images
    classifier = pofx.GenerativeClassifier(model, **words).fit(images, labels)
    return Obtained(classifier, data_fingerprint(images.reshape(len(images), -1), None))
