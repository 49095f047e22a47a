"""A detector as the contents of a model file, and back.

The first judge's model is the file's own; those of other folds and the background models of likelihood ratios are
further models in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from pofx.applications.outlier_calibration import Calibration
from pofx.applications.outlier_judges import Judge, Tiling
from pofx.applications.outlier_scores import Typicality, image_score
from pofx.attachment import Attachment

NAME = "outlier_detector"
#: What the parameter ``model`` was: it is that again.
NONE, FITTED, TO_FIT = "none", "fitted", "to fit"


def to_attachment(detector: Any) -> Attachment:
    """What is kept of a fitted detector besides its first model.

    Raises:
        TypeError: the score is a function.
    """
    if callable(detector.fitted_parameters_["score"]):
        raise TypeError("a model file cannot hold score=<a function>: keep the model, and make the detector anew")
    judges, calibration = detector._judges, detector._calibration
    arrays = {"scores": calibration.scores, "folds": calibration.folds, "codes": calibration.codes}
    models = {}
    for fold, judge in enumerate(judges):
        if judge.model is not judges[0].model:
            models[f"fold_{fold}"] = judge.model
        if judge.score.background is not None:
            models[f"background_{fold}"] = judge.score.background
        arrays |= {f"score_{fold}.{name}": array for name, array in judge.score.arrays().items()}
    tiling, given = judges[0].tiling, detector.fitted_parameters_["model"]
    classes = detector.classes_ if hasattr(detector, "classes_") else None
    state = {
        "seed": detector.seed_,
        "model": NONE if given is None else FITTED if given is judges[0].model else TO_FIT,
        "n_features_in": detector.n_features_in_,
        "image_shape": list(detector._image_shape),
        "tiling": None if tiling is None else [list(tiling.tile), list(tiling.overlap)],
        "n_judges": len(judges),
        "classes": None if classes is None else classes.tolist(),
        "rate": calibration.rate,
        "by_label": detector._by_label,
        "statistic_names": list(getattr(detector, "statistic_names_", ())),
    }
    return Attachment(NAME, _parameters(detector), state, arrays, models)


def _parameters(detector: Any) -> dict[str, Any]:
    parameters = {name: value for name, value in detector.fitted_parameters_.items() if name != "model"}
    if not isinstance(parameters["random_state"], int | type(None)):
        parameters["random_state"] = detector.seed_
    return {name: plain(value) for name, value in parameters.items()}


def plain(value: Any) -> Any:
    """A parameter as JSON can hold it: numpy's numbers as Python's, sequences as lists."""
    if isinstance(value, np.generic):
        return value.item()
    return [plain(part) for part in value] if isinstance(value, tuple | list | np.ndarray) else value


def restored(detector: Any, model: Any, attachment: Attachment) -> Any:
    """Set again what the detector learned.

    Raises:
        ValueError, KeyError, TypeError: the contents are none that `to_attachment` could have given.
    """
    state, arrays = attachment.state, attachment.arrays
    _require(isinstance(detector.score, str), "the score is a name")
    detector.n_features_in_ = read_count(state["n_features_in"])
    detector._image_shape = tuple(read_count(side) for side in state["image_shape"])
    _require(1 <= len(detector._image_shape) <= 3, "the shape of an image")
    _require(int(np.prod(detector._image_shape)) == detector.n_features_in_, "the size of an image")
    detector.seed_ = read_seed(state["seed"])
    tiling = _tiling(state["tiling"], detector, model)
    n_judges = read_count(state["n_judges"])
    _require(n_judges == (detector.n_folds or 1), "as many models as folds")
    judges = [
        _judge(
            detector.score,
            fold,
            model if fold == 0 else attachment.models.get(f"fold_{fold}", model),
            tiling,
            attachment,
        )
        for fold in range(n_judges)
    ]
    if state["classes"] is not None:
        detector.classes_ = np.asarray(state["classes"])
        kinds = detector.classes_.ndim == 1 and detector.classes_.dtype.kind in "buifU"
        _require(kinds and bool((detector.classes_[1:] > detector.classes_[:-1]).all()), "the classes")
    _require(
        (detector.calibration == "per_class") == hasattr(detector, "classes_"), "classes where they are told apart"
    )
    detector._by_label = state["by_label"]
    _require(type(detector._by_label) is bool, "whether images are scored by their label")
    _require(not detector._by_label or hasattr(model, "classes_"), "a model of labels where images are scored by them")
    names = state["statistic_names"]
    if detector.score == "typicality":
        _require(isinstance(names, list) and all(isinstance(name, str) for name in names), "names of the statistics")
        detector.statistic_names_ = tuple(names)
    n_classes = len(detector.classes_) if hasattr(detector, "classes_") else 1
    calibration = _calibration(arrays, float(detector.false_alarm_rate), detector.n_folds, n_classes)
    _require(state["rate"] == calibration.rate, "the false-alarm rate")
    what = state["model"]
    _require(what in (NONE, FITTED, TO_FIT), "what the model was")
    detector.model = None if what == NONE else model if what == FITTED else clone(model)
    detector.fitted_parameters_ = detector.get_params(deep=False)
    detector._set_learned(judges, calibration)
    return detector


def _judge(name: str, fold: int, model: Any, tiling: Tiling | None, attachment: Attachment) -> Judge:
    score, prefix = image_score(name), f"score_{fold}."
    score.restore({key.removeprefix(prefix): a for key, a in attachment.arrays.items() if key.startswith(prefix)})
    if score.learns_from == "training":
        score.background = attachment.models[f"background_{fold}"]
        _require(score.background.spec_ == model.spec_, "a background of the same images")
    if isinstance(score, Typicality):
        # One statistic is none of the model's.
        own = len(attachment.state["statistic_names"])
        _require(len(score.law.centre) == own, "as many statistics as the law has")
    return Judge(model, score, tiling)


def _tiling(data: Any, detector: Any, model: Any) -> Tiling | None:
    spec = model.spec_
    _require((data is None) == (detector.tile is None), "tiles where there are any")
    if data is None:
        _require(spec.n_dims == detector.n_features_in_, "images of the model's size")
        return None
    tile, overlap = ((read_count(pair[0]), read_count(pair[1])) for pair in data)
    _require(tile == (spec.height, spec.width), "tiles of the model's size")
    _require(overlap[0] < tile[0] and overlap[1] < tile[1], "an overlap that is less than a tile")
    shape = detector._image_shape
    _require(len(shape) >= 2 and shape[0] >= tile[0] and shape[1] >= tile[1], "images of at least a tile")
    return Tiling(tile, overlap)


def _calibration(arrays: Mapping[str, NDArray[Any]], rate: float, n_folds: int | None, n_classes: int) -> Calibration:
    scores, folds, codes = arrays["scores"], arrays["folds"], arrays["codes"]
    _require(scores.ndim == 1 and len(scores) > 0 and scores.shape == folds.shape == codes.shape, "calibration scores")
    _require(scores.dtype == np.float64 and bool(np.isfinite(scores).all()), "calibration scores")
    for numbers, end in ((folds, n_folds or 1), (codes, n_classes)):
        _require(numbers.dtype == np.int64 and bool(((numbers >= 0) & (numbers < end)).all()), "folds and classes")
    return Calibration(scores, folds, codes, rate, n_folds, n_classes)


def read_count(value: Any) -> int:
    """A number of a file that must be a count; ValueError for anything else."""
    _require(type(value) is int and value >= 0, f"{value!r} as a count")
    return int(value)


def read_seed(value: Any) -> int:
    """A number of a file that must be a seed; ValueError for anything else."""
    _require(read_count(value) < 2**32, f"{value!r} as a seed")
    return int(value)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"it does not have {what} as a detector has")
