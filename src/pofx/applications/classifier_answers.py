"""What a fitted generative classifier answers about images: probabilities of classes, labels, and rejection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from pofx.applications.classification import class_posterior
from pofx.applications.image_input import ImageInput

Floats = NDArray[np.float64]
#: What text labels are rejected by; numbers by -1, or the next one below all labels.
REJECTED = "rejected"


class ClassifierAnswers(ClassifierMixin, ImageInput):
    """The answers of a classifier that has a conditional model and a detector; `GenerativeClassifier` fits them."""

    model_: Any
    detector_: Any
    classes_: NDArray[Any]
    class_prior_: Floats
    temperature_: float

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """log p(y|x) for each of ``classes_``, (n, n_classes), by Bayes' rule; see `class_posterior`."""
        check_is_fitted(self)
        images = self._images(X, reset=False)
        with np.errstate(divide="ignore"):
            log_prior_K = np.log(self.class_prior_)
        return class_posterior(self.model_.class_log_probs(images), log_prior_K, self.temperature_)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """p(y|x) for each of ``classes_``, (n, n_classes)."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest class of each image, (n,), whether the image is like any of them or not."""
        numbers = self.predict_log_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[numbers]
        return labels

    def p_values(self, X: ArrayLike) -> Floats:
        """How often an ordinary image is as atypical as this one or more, whatever its class, (n,): the conformal
        p-value under p(x) = sum_y p(x|y) p(y), see `OutlierDetector.p_values`."""
        check_is_fitted(self)
        p_values: Floats = self.detector_.p_values(self._images(X, reset=False))
        return p_values

    def predict_or_reject(self, X: ArrayLike) -> NDArray[Any]:
        """`predict`, and ``reject_label_`` where the p-value is at most ``false_alarm_rate``, (n,).

        So images are named that belong to no class; of ordinary images at most that share is rejected, on average.
        """
        check_is_fitted(self)
        images = self._images(X, reset=False)
        return with_rejected(self.predict(images), self.detector_.predict(images) == -1, self.reject_label_)

    @property
    def reject_label_(self) -> Any:
        """What `predict_or_reject` calls images of no class: -1 or below, or for labels that are text "rejected"."""
        if self.classes_.dtype.kind in "biuf":
            return min(-1, int(np.floor(float(self.classes_.min()))) - 1)
        return REJECTED


def with_rejected(labels: NDArray[Any], rejected: NDArray[np.bool_], reject_label: Any) -> NDArray[Any]:
    """The labels, and ``reject_label`` where images are rejected, in a type that holds both."""
    if labels.dtype.kind in "bui":
        limits = np.iinfo(np.int64)
        fits = reject_label >= limits.min and int(labels.max(initial=0)) <= limits.max
        labels = labels.astype(np.int64 if fits else object)  # Python's integers have no greatest
    elif labels.dtype.kind == "U":
        labels = labels.astype(np.result_type(labels.dtype, np.array(reject_label).dtype))
    return np.where(rejected, np.asarray(reject_label, dtype=labels.dtype), labels)
