"""Classes for images that have no label, by what a model without labels has learned to see in all of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pofx.applications.image_parts import spans, taken
from pofx.data.labels import LearnedClasses
from pofx.logistic import OneThreadLogisticRegression

Images = NDArray[Any]
#: C, the inverse of the penalty: one of these, by the labelled images; the moderate one where they cannot tell.
PENALTIES, MODERATE = (1e-3, 1e-2, 1e-1, 1.0), 1e-2
#: Parts of the labelled images each of which judges once; fewer where a class has not as many.
FOLDS = 5
MAX_ITERATIONS = 300
#: Bytes that the features of one image take, about: how many images are read at a time follows from it.
FEATURE_BYTES = 2**16


def imputed_labels(model: Any, images: Images, learned: LearnedClasses, seed: int) -> NDArray[Any]:
    """Labels of all images: their own, and the likeliest class by the features of ``model`` of those without.

    A logistic regression learns from the labelled images what `layer_features` of all layers say of a class, as Kingma
    et al. (2014, arXiv 1406.5298, section 2, M1) classify by the latents of a VAE that saw all images and no label.

    Args:
        model: fitted without labels to images like these; with ``layer_features``, or with ``transform`` alone.
        learned: what the labels say, see `learn_classes`.
    """
    labelled = np.flatnonzero(learned.codes >= 0)
    unlabelled = np.flatnonzero(learned.codes < 0)
    codes = learned.codes.copy()
    reader = _reader(learned.codes[labelled], seed)
    with warnings.catch_warnings():
        # The labels are good long before lbfgs could not go on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        reader.fit(_features(model, taken(images, labelled)), learned.codes[labelled])
    for start, stop in spans(unlabelled, FEATURE_BYTES):
        some = unlabelled[start:stop]
        codes[some] = reader.predict(_features(model, taken(images, some)))
    return np.asarray(learned.classes[codes])


def without_labels(model: Any) -> Any:
    """An unfitted clone of a model of p(x|y) that learns p(x), in half the minutes.

    Raises:
        ValueError: it has no features.
    """
    if not hasattr(model, "layer_features") and not hasattr(model, "transform"):
        raise ValueError(
            f"{type(model).__name__} has no features by which images without a label could get one: "
            'give each image a label, or unlabelled="marginal"'
        )
    alone = halved(clone(model).set_params(conditional=False))
    folder = alone.get_params(deep=False).get("checkpoint_dir")
    if folder is not None:
        alone.set_params(checkpoint_dir=Path(folder) / "unlabelled")  # another run than that of p(x|y)
    return alone


def halved(model: Any) -> Any:
    """The model with half its minutes, if it has any: two fits share them."""
    minutes = model.get_params(deep=False).get("max_minutes")
    return model if minutes is None else model.set_params(max_minutes=minutes / 2)


def _reader(codes: NDArray[np.int64], seed: int) -> Pipeline:
    n_folds = min(FOLDS, int(np.bincount(codes).min()))
    regression: Any = OneThreadLogisticRegression(C=MODERATE, max_iter=MAX_ITERATIONS)
    if n_folds > 1:
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        regression = GridSearchCV(regression, {"C": PENALTIES}, cv=folds, scoring="neg_log_loss")
    return make_pipeline(StandardScaler(), regression)


def _features(model: Any, images: Images) -> NDArray[np.float32]:
    layers = getattr(model, "feature_layers_", ())
    values = model.layer_features(images, layers) if layers else model.transform(images)
    return np.asarray(values, dtype=np.float32)
