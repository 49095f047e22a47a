"""A generative classifier as the contents of a model file, and back: its detector's contents, and a few numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from pofx.applications import outlier_file
from pofx.applications.outlier_file import FITTED, NONE, TO_FIT, plain, read_count, read_seed
from pofx.applications.outliers import OutlierDetector
from pofx.attachment import Attachment

NAME = "generative_classifier"
#: Parameters of the model that the fit of a classifier sets anew.
SET_BY_FIT = ("conditional", "levels", "max_minutes")


def to_attachment(classifier: Any) -> Attachment:
    """What is kept of a fitted classifier besides its model.

    Raises:
        TypeError: the score that rejects is a function.
    """
    detector = outlier_file.to_attachment(classifier.detector_)
    given = classifier.fitted_parameters_["model"]
    what = NONE if given is None else FITTED if given is classifier.model_ else TO_FIT
    parameters = {name: plain(value) for name, value in classifier.fitted_parameters_.items() if name != "model"}
    if not isinstance(parameters["random_state"], int | type(None)):
        parameters["random_state"] = classifier.seed_
    state = {
        "seed": classifier.seed_,
        "model": what,
        "given": _given(given) if what == TO_FIT else {},
        "temperature": classifier.temperature_,
        "image_shape": list(classifier._image_shape),
        "detector": {"parameters": dict(detector.parameters), "state": dict(detector.state)},
    }
    return Attachment(NAME, parameters, state, detector.arrays, detector.models)


def _given(model: Any) -> dict[str, Any]:
    """What the fit of a classifier sets anew in the clone that it fits, as it is in the model that was given."""
    parameters = model.get_params(deep=False)
    return {name: plain(parameters[name]) for name in SET_BY_FIT if name in parameters}


def _model_to_fit(model: Any, given: dict[str, Any]) -> Any:
    """A model to be fitted like the one that was given; ValueError for what none was."""
    if not set(given) <= set(SET_BY_FIT):
        raise ValueError(f"{sorted(given)} are not the parameters that a classifier sets")
    unfitted = clone(model).set_params(**given)
    unfitted._validate_params()
    return unfitted


def restored(classifier: Any, model: Any, attachment: Attachment) -> Any:
    """Set again what the classifier learned.

    Raises:
        ValueError, KeyError, TypeError: the contents are none that `to_attachment` could have given.
    """
    state = attachment.state
    inner = state["detector"]
    detector = OutlierDetector.from_attachment(
        model, Attachment(outlier_file.NAME, inner["parameters"], inner["state"], attachment.arrays, attachment.models)
    )
    shape, temperature, what = (
        tuple(read_count(side) for side in state["image_shape"]),
        state["temperature"],
        state["model"],
    )
    if shape != detector._image_shape or detector.score != classifier.rejection or not hasattr(model, "classes_"):
        raise ValueError("its detector is not that of a classifier")
    if type(temperature) is not float or not 0 < temperature < np.inf:
        raise ValueError(f"{temperature!r} is no temperature")
    if what not in (NONE, FITTED, TO_FIT):
        raise ValueError(f"{what!r} is nothing that a model was")
    classifier.seed_, classifier._image_shape = read_seed(state["seed"]), shape
    classifier.n_features_in_ = detector.n_features_in_
    # Files of before have no "given".
    to_fit = _model_to_fit(model, state.get("given", {}))
    classifier.model = None if what == NONE else model if what == FITTED else to_fit
    classifier.fitted_parameters_ = classifier.get_params(deep=False)
    classifier.model_, classifier.detector_, classifier.temperature_ = model, detector, temperature
    classifier.classes_ = model.classes_
    n_classes = len(model.classes_)
    uniform = classifier.prior == "uniform"
    classifier.class_prior_ = np.full(n_classes, 1 / n_classes) if uniform else np.asarray(model.class_prior_)
    return classifier
