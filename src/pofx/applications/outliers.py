"""`OutlierDetector`: which images do not belong, with a false-alarm rate that holds."""

from __future__ import annotations

import math
import os
import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from pofx import registry
from pofx.applications.conformal import greatest_rank
from pofx.applications.image_parts import taken
from pofx.applications.outlier_answers import OutlierAnswers
from pofx.applications.outlier_calibration import Calibration
from pofx.applications.outlier_file import restored, to_attachment
from pofx.applications.outlier_judges import Judge, Tiling, tiling_of
from pofx.applications.outlier_scores import (
    SCORES,
    Function,
    Typicality,
    image_score,
    image_statistics,
    require_capability,
)
from pofx.applications.outlier_split import Parts, Sizes, divided, in_folds
from pofx.attachment import Attachment
from pofx.data.images import shape_HWC

Images = NDArray[Any]
#: The family that judges where no model is given: quick on any machine, and no worse at this than the exact ones.
DEFAULT_FAMILY = "vae"


class OutlierDetector(OutlierAnswers):
    """Finds the images that do not belong to a collection, by any model of it.

    A score s(x), higher for ordinary images, becomes a conformal p-value,

        p(x) = (1 + #{calibration scores <= s(x)}) / (n_cal + 1),

    and an image is flagged where p <= ``false_alarm_rate``. If a new image is like the calibration images (exchangeable
    with them), it is flagged with at most that probability, whatever the model and the score are worth; how many of the
    others are found is what they are worth. `report_rate` tells the interval of the rate with these calibration images.

    The images of `fit` are divided into three disjoint parts: the training part fits the model (which may hold out some
    of it for itself), the reference part teaches the score what is ordinary, and the calibration part is only ranked.
    Up to about 5 % outliers among them make the detector flag somewhat less, and not more, than it should.

    Args:
        model: a model of pofx that is not fitted (a clone of it is) or one that is: it is then used as it is, and the
            images of `fit`, which must be none of those that it was fitted to, are reference and calibration. None: a
            `VAE` with its defaults.
        score: "typicality", how like the reference images the model's statistics of an image are (`TypicalLaw`);
            "log_prob", log p(x), which simple foreign images have high; "complexity", log p(x) less what a PNG needs;
            "likelihood_ratio", against the same estimator fitted to images with 30 % of their sub-pixels redrawn; or a
            function (model, X) -> (n,), higher for ordinary images.
        false_alarm_rate: alpha, of ordinary images.
        calibration: "marginal", one set of calibration images; or "per_class", the rate holds in each class of the
            labels given to `fit` (in the one that an image is most like, where none is given later).
        reference_fraction, calibration_fraction: shares of the images of `fit`; the rest trains. A score that needs no
            reference leaves its share to the training.
        n_folds: K: for small collections; each of K models calibrates the fold that it has not seen (cross-conformal),
            so that every image calibrates. Only twice the false-alarm rate is then guaranteed.
        tile: side of the square tiles, or (height, width), into which larger images are cut; "model": the size that a
            fitted model has. An image is as ordinary as its least ordinary tile, and calibration is of whole images.
            None: images are judged whole.
        overlap: pixels that neighbouring tiles share, or (in height, in width); None: half a tile.
        random_state: seed of the division (and of the redrawn sub-pixels).

    Attributes set by `fit`:
        model_: the fitted model (of the first fold).
        fitted_parameters_: the parameters of the fit, which all answers are by, whatever `set_params` said since.
        offset_: `score_samples` below it are flagged.
        calibration_scores_ (n_cal,): ascending.
        parts_: indices of the training, reference and calibration images (a `Parts` of each fold); not kept
            in a file.
        statistic_names_: what the typicality looks at, with score="typicality".
        classes_: of calibration="per_class".
        n_features_in_: sub-pixels an image.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().images
        >>> detector = pofx.OutlierDetector(pofx.VAE(max_epochs=5, random_state=0), random_state=0).fit(X[:1500])
        >>> detector.p_values(X[1500:]).shape
        (297,)
        >>> bool(detector.predict(16 - X[1500:]).mean() < -0.9)          # -1: flagged
        True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [HasMethods(["fit", "save"]), None],
        "score": [StrOptions(set(SCORES)), callable],
        "false_alarm_rate": [Interval(Real, 0, 1, closed="neither")],
        "calibration": [StrOptions({"marginal", "per_class"})],
        "reference_fraction": [Interval(Real, 0, 1, closed="neither")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_folds": [Interval(Integral, 2, None, closed="left"), None],
        "tile": [Interval(Integral, 1, None, closed="left"), "array-like", StrOptions({"model"}), None],
        "overlap": [Interval(Integral, 0, None, closed="left"), "array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        model: Any = None,
        score: str | Function = "typicality",
        *,
        false_alarm_rate: float = 0.05,
        calibration: str = "marginal",
        reference_fraction: float = 0.2,
        calibration_fraction: float = 0.2,
        n_folds: int | None = None,
        tile: int | tuple[int, int] | str | None = None,
        overlap: int | tuple[int, int] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.score = score
        self.false_alarm_rate = false_alarm_rate
        self.calibration = calibration
        self.reference_fraction = reference_fraction
        self.calibration_fraction = calibration_fraction
        self.n_folds = n_folds
        self.tile = tile
        self.overlap = overlap
        self.random_state = random_state

    # ---- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit the model, and learn what scores ordinary images have.

        Args:
            X: ordinary images, (n, H, W), (n, H, W, C) or, without tiles, (n, d).
            y: class labels (n,): for a conditional model, and for calibration="per_class"; not used otherwise.

        Raises:
            ValueError, TypeError: scikit-learn's own, for parameters and data that cannot be used; a model without what
                the score needs; too few images; most of the images are of those that a fitted model was fitted to.

        Warns:
            UserWarning: with so few calibration images nothing could ever be flagged.
        """
        self._learn(X, y, refuses_known=True)
        self._warn_if_nothing_can_be_flagged()
        return self

    def _learn(self, X: ArrayLike, y: ArrayLike | None, *, refuses_known: bool) -> Self:
        """`fit` without a warning.

        Args:
            refuses_known: whether images that a fitted model knows are refused; not where it was just fitted to others
                of the same collection, which may hold an image twice.
        """
        for name in ("model_", "classes_", "_judges", "statistic_names_"):
            self.__dict__.pop(name, None)
        self._validate_params()
        self.fitted_parameters_ = self.get_params(deep=False)
        images = self._images(X, reset=True)
        trains = not is_fitted(self.model)
        score = image_score(self.score)
        require_capability(score, self._new_model())
        tiling = tiling_of(self.tile, self.overlap, images, None if trains else self.model.spec_)
        labels = None if y is None else self._used_labels(y, len(images))
        codes = self._learn_classes(labels)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.seed_ = seed
        rng = np.random.default_rng(seed)
        refers = score.learns_from == "reference" or (score.learns_from == "training" and not trains)
        sizes = Sizes(self.reference_fraction, self.calibration_fraction, trains=trains, refers=refers)
        if self.reference_fraction + self.calibration_fraction >= 1 and trains and self.n_folds is None:
            raise ValueError("reference_fraction and calibration_fraction leave no images to fit the model to")
        if refuses_known and not trains and (tiling is None or shape_HWC(images.shape)[:2] == tiling.tile):
            refuse_known_images(self.model, images, labels)
        told_apart = codes if self._per_class else None
        if self.n_folds is None:
            parts = [divided(len(images), sizes, rng, told_apart)]
        else:
            parts = list(in_folds(len(images), self.n_folds, sizes, rng, told_apart))
        judges, scores = [], []
        for part in parts:
            judge = self._judge(images, labels, part, tiling, rng)
            own = None if labels is None else labels[part.calibration]
            scores.append(judge.scores(taken(images, part.calibration), own))
            judges.append(judge)
        order = np.concatenate([part.calibration for part in parts])
        calibration = Calibration(
            np.concatenate(scores),
            np.repeat(np.arange(len(parts)), [len(part.calibration) for part in parts]),
            codes[order] if self._per_class else np.zeros(len(order), dtype=np.int64),
            float(self.false_alarm_rate),
            self.n_folds,
            len(self.classes_) if self._per_class else 1,
        )
        self.parts_ = tuple(parts)
        # Scores given labels and scores without are two scores: new images must get the one that was calibrated.
        self._by_label = labels is not None and hasattr(judges[0].model, "classes_")
        self._set_learned(judges, calibration)
        if isinstance(score, Typicality):
            some = taken(images, parts[0].calibration[:1])
            some = some if tiling is None else tiling.tiles_of(some, None)[0][:1]
            self.statistic_names_ = image_statistics(self.model_, some, None)[1]
        return self

    def _judge(
        self, images: Images, labels: NDArray[Any] | None, part: Parts, tiling: Tiling | None, rng: np.random.Generator
    ) -> Judge:
        """The model of one division and what its score learned."""

        def of(indices: NDArray[np.int64]) -> tuple[Images, NDArray[Any] | None]:
            some, own = taken(images, indices), None if labels is None else labels[indices]
            return (some, own) if tiling is None else tiling.tiles_of(some, own)

        model, score = self.model, image_score(self.score)
        if len(part.training):
            model = self._new_model()
            training, own = of(part.training)
            model.fit(training, own) if model.get_params(deep=False).get("conditional") else model.fit(training)
        if score.learns_from is not None:
            known = part.training if score.learns_from == "training" and len(part.training) else part.reference
            score.fit(model, *of(known), rng)
        return Judge(model, score, tiling)

    def _set_learned(self, judges: list[Judge], calibration: Calibration) -> None:
        self._judges, self._calibration = tuple(judges), calibration
        self.model_ = judges[0].model
        self.offset_ = calibration.offset
        self.calibration_scores_ = np.sort(calibration.scores)

    def _new_model(self) -> Any:
        model = registry.family(DEFAULT_FAMILY)() if self.model is None else self.model
        return model if is_fitted(model) else clone(model)

    def _learn_classes(self, labels: NDArray[Any] | None) -> NDArray[np.int64]:
        if not self._per_class:
            return np.zeros(0, dtype=np.int64)
        if labels is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None: "
                'calibration="per_class" keeps the rate in each class.'
            )
        self.classes_, codes = np.unique(labels, return_inverse=True)
        return np.asarray(codes, dtype=np.int64)

    def _warn_if_nothing_can_be_flagged(self) -> None:
        least = int(self._calibration.counts().min())
        if greatest_rank(self.false_alarm_rate, least) == 0:
            of_class = " of a class" if self._per_class else ""
            hint = "" if self.n_folds is not None else ", or set n_folds, so that every image calibrates"
            warnings.warn(
                f"with {least} calibration images{of_class} no p-value is as low as "
                f"false_alarm_rate={self.false_alarm_rate}, and nothing can be flagged: it takes at least "
                f"{math.ceil(1 / self.false_alarm_rate) - 1}. Give more images{hint}",
                UserWarning,
                stacklevel=3,
            )

    # ---- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the detector, its models and its calibration to one model file; `pofx.load` gives it back, and its
        p-values are the same to the last bit.

        Raises:
            TypeError: the score is a function, or a parameter of the model is something that no file can hold.
        """
        check_is_fitted(self)
        saved: Path = self.model_.save(path, attachment=to_attachment(self))
        return saved

    @classmethod
    def from_attachment(cls, model: Any, attachment: Attachment) -> Self:
        """The detector that was saved with ``model``; ValueError, KeyError or TypeError for what is none."""
        pairs = {name: tuple(value) for name, value in attachment.parameters.items() if isinstance(value, list)}
        detector = cls(**{**attachment.parameters, **pairs})
        detector._validate_params()
        return restored(detector, model, attachment)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_judges")


def refuse_known_images(model: Any, images: Images, labels: NDArray[Any] | None) -> None:
    """ValueError if most of these are images that a model was fitted to, whatever their order and labels."""
    if not hasattr(model, "knows_most_of"):
        return
    # A file of before has a fingerprint alone; and images that all come twice are known by nothing else.
    if model.knows_most_of(images) or model.was_fitted_to(images, labels):
        raise ValueError(
            f"these are the images that the {type(model).__name__} was fitted to: it knows them too well for their "
            "scores to be those of ordinary images. Give others, or a model that is not fitted"
        )


def is_fitted(model: Any) -> bool:
    """Whether this is a model of pofx that has been fitted; None is not."""
    return model is not None and hasattr(model, "module_")
