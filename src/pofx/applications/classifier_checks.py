"""What can be said of images, labels and a model before a classifier's model is fitted, which may take hours."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.applications.classifier_answers import REJECTED
from pofx.applications.conformal import greatest_rank
from pofx.applications.outlier_scores import Function, image_score, require_capability
from pofx.applications.outlier_split import Sizes
from pofx.applications.outliers import is_fitted
from pofx.data.labels import UNLABELLED

#: Shares of the held-out images that are the detector's reference and its calibration images.
REFERENCE = CALIBRATION = 0.5


def require_classes(model: Any) -> None:
    """ValueError unless this is a model of p(x|y)."""
    if not hasattr(model, "class_log_probs"):
        is_one = (
            "is not conditional"
            if is_fitted(model) and not getattr(model, "conditional", False)
            else "has no class_log_probs"
        )
        raise ValueError(f"{type(model).__name__} {is_one}: a generative classifier needs a model of p(x|y)")


def require_a_label(labels: NDArray[Any]) -> None:
    """ValueError where all that there is to learn classes from is "no label"."""
    if labels.dtype.kind in "if" and (labels == UNLABELLED).all():
        raise ValueError(f"no image has a label: all of y is {UNLABELLED}, which stands for none")


def known_codes(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Class numbers of held-out images, `UNLABELLED` of those without a label.

    Raises:
        ValueError: labels that are none of the classes; a class that has the name of images of no class.
    """
    if classes.dtype.kind not in "biuf" and REJECTED in classes:
        raise ValueError(f"a class is called {REJECTED!r}, as images of no class are")
    codes = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    known = classes[codes] == labels
    unknown = np.unique(labels[~known])
    if len(unknown) and not (unknown.tolist() == [UNLABELLED] and unknown.dtype.kind in "if"):
        raise ValueError(f"y holds labels that the model was not fitted to: {unknown.tolist()[:10]}")
    return np.where(known, codes, UNLABELLED).astype(np.int64)


def require_labelled(codes: NDArray[np.int64]) -> None:
    """ValueError where no held-out image has a label, by which probabilities could be calibrated."""
    if (codes == UNLABELLED).all():
        raise ValueError("calibrated=True needs held-out images that have a label, and none of them has one")


def calibration_images(model: Any, rejection: str | Function, n: int, n_held_out: int) -> int:
    """How many of the held-out images calibrate the detector.

    Raises:
        ValueError: the score that rejects needs what the model has not, or the images are too few.
    """
    score = image_score(rejection)
    require_capability(score, model)
    sizes = Sizes(REFERENCE, CALIBRATION, trains=False, refers=score.learns_from is not None)
    try:
        return sizes.counts(n_held_out)[2]
    except ValueError:
        held_out = "" if is_fitted(model) else f": of {n} images {n_held_out} are held out"
        raise ValueError(
            f"Found array with {n} sample(s), too few to reject by{held_out}. {more_images(model)}"
        ) from None


def warn_if_nothing_can_be_rejected(model: Any, n_calibration: int, rate: float) -> None:
    """UserWarning, at the caller of the caller, where no p-value is as low as the false-alarm rate."""
    if greatest_rank(rate, n_calibration) == 0:
        warnings.warn(
            f"with {n_calibration} calibration images no p-value is as low as false_alarm_rate={rate}, and nothing can "
            f"be rejected: it takes at least {math.ceil(1 / rate) - 1}, half of the images held out. "
            f"{more_images(model)}",
            UserWarning,
            stacklevel=3,
        )


def more_images(model: Any) -> str:
    """What one can do where too few images are held out; all are of a fitted model."""
    return "Give more images" if is_fitted(model) else "Give more images, or raise holdout_fraction"
