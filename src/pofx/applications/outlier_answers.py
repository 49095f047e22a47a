"""What a fitted detector answers about images: scores, p-values, flags, and where an image is strange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OutlierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from pofx.applications.conformal import FalseAlarmRate, benjamini_hochberg
from pofx.applications.image_input import ImageInput
from pofx.applications.outlier_calibration import Calibration
from pofx.applications.outlier_judges import Judge
from pofx.data.checking import check_labels

Images = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Assessment:
    """What a detector says of n images.

    Attributes:
        scores: (n,), as `OutlierDetector.score_samples`.
        p_values: (n,), as `OutlierDetector.p_values`.
        is_outlier: (n,), whether the p-value is at most the false-alarm rate.
    """

    scores: Floats
    p_values: Floats
    is_outlier: NDArray[np.bool_]


def _has_map(detector: Any) -> bool:
    """Of the model that was fitted; before the fit, of the one that is to be."""
    model = detector.model_ if hasattr(detector, "model_") else detector._new_model()
    if not hasattr(model, "surprise_map"):
        raise AttributeError(f"{type(model).__name__} has no surprise_map: it cannot say which pixels are strange")
    return True


class OutlierAnswers(OutlierMixin, ImageInput):
    """The answers of a detector that has judges and a calibration; `OutlierDetector` fits them."""

    model: Any
    model_: Any
    fitted_parameters_: dict[str, Any]
    classes_: NDArray[Any]
    offset_: float
    _judges: tuple[Judge, ...]
    _calibration: Calibration
    _by_label: bool

    def assess(self, X: ArrayLike, y: ArrayLike | None = None) -> Assessment:
        """Scores, p-values and flags of images, in one pass over them.

        Args:
            X: images of the size of those of `fit`.
            y: labels, if they are known, of a conditional model or with calibration="per_class". Without them a
                conditional model that was calibrated with labels scores each image in every class, and the greatest
                p-value counts; one that was calibrated without does not look at labels.
        """
        check_is_fitted(self)
        images = self._images(X, reset=False)
        labels = None if y is None else self._used_labels(y, len(images))
        if labels is not None or not self._by_label:
            p_values, scores = self._ranked(images, labels)
        else:
            # As the true label, whichever it is, is one of these, the greatest p-value is no less than that of it.
            classes = self.classes_ if self._per_class else self.model_.classes_
            of_each = [self._ranked(images, np.full(len(images), label)) for label in classes]
            p_values, scores = (np.max(values, axis=0) for values in zip(*of_each, strict=True))
        return Assessment(scores, p_values, p_values <= self._calibration.rate)

    def _ranked(self, images: Images, labels: NDArray[Any] | None) -> tuple[Floats, Floats]:
        """p-values and scores, of a fit by label given these labels."""
        codes = None if labels is None or not self._per_class else self._codes(labels)
        given = labels if self._by_label else None
        scores_KN = np.stack([judge.scores(images, given) for judge in self._judges])
        return self._calibration.p_values(scores_KN, codes), self._calibration.normality(scores_KN, codes)

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> Floats:
        """How ordinary each image is, (n,): higher is more ordinary.

        The score itself (with calibration="per_class" less by how much the threshold of the class is above the lowest);
        with n_folds, whose scores cannot be compared, the p-value, made finer between two ranks.
        """
        return self.assess(X, y).scores

    def decision_function(self, X: ArrayLike, y: ArrayLike | None = None) -> Floats:
        """``score_samples - offset_``, (n,): negative where flagged."""
        return self.score_samples(X, y) - self.offset_

    def p_values(self, X: ArrayLike, y: ArrayLike | None = None) -> Floats:
        """The conformal p-value of each image, (n,): how often an ordinary image would have a score as low.

        With classes that of the label given, or else the greatest over classes.
        """
        return self.assess(X, y).p_values

    def predict(self, X: ArrayLike, y: ArrayLike | None = None, *, correction: str | None = None) -> NDArray[np.int64]:
        """+1 for ordinary images, -1 for flagged ones, (n,).

        Args:
            correction: None: each image for itself, p <= false_alarm_rate. "benjamini_hochberg": all of X together, so
                that of the images flagged on average at most the share ``false_alarm_rate`` is ordinary.
        """
        if correction not in (None, "benjamini_hochberg"):
            raise ValueError(f"correction must be None or 'benjamini_hochberg', not {correction!r}")
        found = self.assess(X, y)
        flagged = found.is_outlier
        if correction is not None:
            flagged = benjamini_hochberg(found.p_values, self._calibration.rate)
        return np.where(flagged, -1, 1)

    @available_if(_has_map)
    def explain(self, X: ArrayLike, y: ArrayLike | None = None) -> Floats:
        """Where each image is strange: the model's `surprise_map`, in the layout of X; the mean of those of all folds.

        Of tiles the maps are put together, see `pofx.data.tiles.stitch_each`.
        """
        check_is_fitted(self)
        images = self._images(X, reset=False)
        labels = None if y is None else self._used_labels(y, len(images))
        maps = self._judges[0].surprise(images, labels)
        for judge in self._judges[1:]:
            maps = maps + judge.surprise(images, labels)
        return maps / len(self._judges)

    def report_rate(self) -> FalseAlarmRate:
        """The false-alarm rate that is kept, and its interval with these calibration images."""
        check_is_fitted(self)
        return self._calibration.report()

    def _codes(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        unknown = np.unique(labels[self.classes_[codes] != labels])
        if len(unknown):
            raise ValueError(f"y holds labels that the detector was not fitted to: {unknown.tolist()[:10]}")
        return np.asarray(codes, dtype=np.int64)

    def _used_labels(self, y: ArrayLike, n: int) -> NDArray[Any] | None:
        """The labels, if anything uses them: scikit-learn passes y along to whatever is fitted."""
        model = self.model_ if hasattr(self, "model_") else self.model
        conditional = getattr(model, "conditional", False) or hasattr(model, "classes_")
        return check_labels(y, n) if self._per_class or conditional else None

    @property
    def _per_class(self) -> bool:
        """Of the fit, whatever `set_params` said since."""
        return bool(self.fitted_parameters_["calibration"] == "per_class")
