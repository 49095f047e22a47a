"""`GenerativeClassifier`: labels by p(x|y), and none for images that are like no class."""

from __future__ import annotations

import os
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from pofx import registry
from pofx.applications.classification import fitted_temperature
from pofx.applications.classifier_answers import ClassifierAnswers
from pofx.applications.classifier_checks import (
    CALIBRATION,
    REFERENCE,
    calibration_images,
    known_codes,
    require_a_label,
    require_classes,
    require_labelled,
    warn_if_nothing_can_be_rejected,
)
from pofx.applications.classifier_file import restored, to_attachment
from pofx.applications.image_parts import taken
from pofx.applications.imputation import halved, imputed_labels, without_labels
from pofx.applications.outlier_scores import SCORES, Function
from pofx.applications.outlier_split import set_aside
from pofx.applications.outliers import DEFAULT_FAMILY, OutlierDetector, is_fitted, refuse_known_images
from pofx.attachment import Attachment
from pofx.data.checking import check_labels, integer_levels
from pofx.data.labels import UNLABELLED, learn_classes


class GenerativeClassifier(ClassifierAnswers):
    """Tells the class of an image by how likely it is in each, and that it is of none where it is atypical of all.

    A conditional model p(x|y) gives by Bayes' rule

        p(y|x) = p(x|y) p(y) / p(x),        p(x) = sum_y p(x|y) p(y).

    A discriminative classifier has p(y|x) alone: every image gets a label, however strange. This one knows p(x), too:
    `predict_or_reject` gives no label to images that an `OutlierDetector` around the same model flags.

    Args:
        model: a model of pofx with a p(x) that is not fitted (a clone of it is, with ``conditional=True``), or a
            conditional one that is: it is then used as it is, and the images of `fit`, which must be none of those that
            it was fitted to, calibrate. None: a `VAE` with its defaults.
        prior: p(y): "empirical", the frequencies of the labels that the model was fitted to; or "uniform". (Rejection
            goes by the empirical one.)
        false_alarm_rate: share of ordinary images that are rejected, at most, on average.
        rejection: the score that rejects, see `OutlierDetector`.
        holdout_fraction: share of the images that the model is not fitted to: half of them are reference and half
            calibration images of the detector, and those that have a label calibrate the probabilities.
        calibrated: whether the probabilities get the temperature that fits the held-out images best
            (`fitted_temperature`); otherwise they are those of Bayes' rule.
        unlabelled: how training images without a label (-1) are learned from. "imputed": a clone of the model is fitted
            to all training images without labels; a logistic regression of the labelled ones on its features gives each
            image its likeliest class, and p(x|y) is fitted to these. Both fits share ``max_minutes``. "marginal":
            through p(x) = sum_y p(x|y) p(y), as `fit` of the model does it; it takes many labels.
        random_state: seed of the division.

    Attributes set by `fit`:
        model_: the fitted conditional model. detector_: the `OutlierDetector` around it.
        classes_ (n_classes,), class_prior_ (n_classes,): labels, and p(y) as ``prior`` has it.
        temperature_: T; 1 unless ``calibrated``. reject_label_: see `predict_or_reject`.
        held_out_: indices of the images that the model was not fitted to; not kept in a file.
        n_features_in_: sub-pixels an image.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits().images, load_digits().target
        >>> model = pofx.VAE(max_epochs=20, random_state=0)
        >>> classifier = pofx.GenerativeClassifier(model, random_state=0).fit(X[:1500], y[:1500])
        >>> classifier.score(X[1500:], y[1500:]) > 0.85
        True
        >>> bool((classifier.predict_or_reject(16 - X[1500:]) == -1).mean() > 0.9)      # inverted: no digits
        True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [HasMethods(["fit", "save"]), None],
        "prior": [StrOptions({"empirical", "uniform"})],
        "false_alarm_rate": [Interval(Real, 0, 1, closed="neither")],
        "rejection": [StrOptions(set(SCORES)), callable],
        "holdout_fraction": [Interval(Real, 0, 1, closed="neither")],
        "calibrated": ["boolean"],
        "unlabelled": [StrOptions({"imputed", "marginal"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        model: Any = None,
        prior: str = "empirical",
        *,
        false_alarm_rate: float = 0.05,
        rejection: str | Function = "typicality",
        holdout_fraction: float = 0.2,
        calibrated: bool = False,
        unlabelled: str = "imputed",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.prior = prior
        self.false_alarm_rate = false_alarm_rate
        self.rejection = rejection
        self.holdout_fraction = holdout_fraction
        self.calibrated = calibrated
        self.unlabelled = unlabelled
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit p(x|y), and learn which images are ordinary.

        Args:
            X: images, (n, H, W), (n, H, W, C) or (n, d).
            y: labels (n,). The integer -1 stands for "no label" (as long as there are two other labels): see
                ``unlabelled``; they calibrate the rejection, too.

        Raises:
            ValueError, TypeError: scikit-learn's own, for parameters and data that cannot be used; a model without
                p(x|y); too few images; images that a fitted model was fitted to, or labels that it was not.

            KeyboardInterrupt: Ctrl-C during the fit without labels of ``unlabelled="imputed"``; its checkpoint stays.

        Warns:
            UserWarning: with so few held-out images nothing could ever be rejected.
        """
        for name in ("model_", "detector_", "classes_"):
            self.__dict__.pop(name, None)
        self._validate_params()
        self.fitted_parameters_ = self.get_params(deep=False)
        images = self._images(X, reset=True)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        labels = check_labels(y, len(images))
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        model, held_out = self._model_and_held_out(images, labels)
        training = np.delete(np.arange(len(images)), held_out)
        classes = model.classes_ if is_fitted(model) else learn_classes(labels[training]).classes
        # Whatever can be wrong is said before the hours that a fit may take.
        codes = known_codes(labels[held_out], classes)
        if self.calibrated:
            require_labelled(codes)
        n_calibration = calibration_images(model, self.rejection, len(images), len(held_out))
        warn_if_nothing_can_be_rejected(model, n_calibration, self.false_alarm_rate)
        if not is_fitted(model):
            model = self._fitted(model, taken(images, training), labels[training])
        self.model_, self.classes_ = model, model.classes_
        n_classes = len(self.classes_)
        uniform = self.prior == "uniform"
        self.class_prior_ = np.full(n_classes, 1 / n_classes) if uniform else np.asarray(model.class_prior_)
        own = taken(images, held_out)
        detector = OutlierDetector(
            model,
            self.rejection,
            false_alarm_rate=self.false_alarm_rate,
            reference_fraction=REFERENCE,
            calibration_fraction=CALIBRATION,
            random_state=self.seed_,
        )
        self.detector_ = detector._learn(own, None, refuses_known=False)
        self.temperature_ = self._temperature(own, codes) if self.calibrated else 1.0
        self.held_out_ = held_out
        return self

    def _model_and_held_out(self, images: NDArray[Any], labels: NDArray[Any]) -> tuple[Any, NDArray[np.int64]]:
        """The model, fitted or to be, and the images that it is not fitted to."""
        if is_fitted(self.model):
            require_classes(self.model)
            refuse_known_images(self.model, images, labels)
            return self.model, np.arange(len(images))
        require_a_label(labels)
        model = clone(registry.family(DEFAULT_FAMILY)() if self.model is None else self.model)
        require_classes(model.set_params(conditional=True))
        if model.get_params(deep=False).get("levels", 0) is None:
            # Those of all images: the model may get none that has the greatest value.
            model.set_params(levels=integer_levels(images))
        rng = np.random.default_rng(self.seed_)
        return model, set_aside(learn_classes(labels).codes, self.holdout_fraction, rng)

    def _fitted(self, model: Any, images: NDArray[Any], labels: NDArray[Any]) -> Any:
        learned = learn_classes(labels)
        if self.unlabelled == "marginal" or not learned.n_unlabelled:
            return model.fit(images, labels)
        without = without_labels(model).fit(images)
        if getattr(without, "stopped_by_", None) == "interrupt":
            raise KeyboardInterrupt("interrupted before p(x|y) was fitted: there is no classifier yet")
        return halved(model).fit(images, imputed_labels(without, images, learned, self.seed_))

    def _temperature(self, images: NDArray[Any], codes: NDArray[np.int64]) -> float:
        known = codes != UNLABELLED
        joint_NK = self.model_.class_log_probs(images[known]) + np.log(self.class_prior_)
        return fitted_temperature(joint_NK, codes[known])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the classifier with its model and detector to one model file; `pofx.load` gives it back, and its
        probabilities and p-values are the same to the last bit.

        Raises:
            TypeError: the score that rejects is a function, or a parameter of the model is something that no file can
                hold.
        """
        check_is_fitted(self)
        saved: Path = self.model_.save(path, attachment=to_attachment(self))
        return saved

    @classmethod
    def from_attachment(cls, model: Any, attachment: Attachment) -> Self:
        """The classifier that was saved with ``model``; ValueError, KeyError or TypeError for what is none."""
        classifier = cls(**attachment.parameters)
        classifier._validate_params()
        return restored(classifier, model, attachment)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "detector_")
