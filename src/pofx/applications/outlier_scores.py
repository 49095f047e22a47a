"""Scores of how ordinary a fitted model finds an image: higher is more ordinary.

A score is a function of a fitted model and images, and of what it learned from reference images, which neither the
model nor the calibration have seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from pofx.applications.png_bits import png_bits
from pofx.applications.typicality import TypicalLaw

Floats = NDArray[np.float64]
Images = NDArray[Any]
Function = Callable[[Any, Images], Any]
#: Share of the sub-pixels that the background model of a likelihood ratio has seen redrawn (Ren et al. 2019, arXiv
#: 1906.02845, call it the mutation rate).
REDRAWN = 0.3
#: The name of the one statistic that is none of the model's.
PNG_STATISTIC = "log_png_bits"


class ImageScore(ABC):
    """s(x) under a fitted model, (n,), finite."""

    #: Which images `fit` learns from: ordinary ones that the model has not seen, those that it was fitted to (of a
    #: model that was fitted before, again the reference images), or none.
    learns_from: ClassVar[Literal["reference", "training"] | None] = None
    #: What the model must have.
    capability: ClassVar[str] = "score_samples"

    def fit(self, model: Any, X: Images, y: NDArray[Any] | None, rng: np.random.Generator) -> None:
        """Learn what the score needs from images (and their labels, of a conditional model); see `learns_from`."""
        return

    @abstractmethod
    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        """The scores of these images."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `fit` learned, for a file."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set it again; ValueError or KeyError for what cannot be it."""
        return

    #: A further fitted model that the score needs, or None.
    background: Any = None


class Typicality(ImageScore):
    """log N(t(x); mean, S) of the model's statistics t and of the logarithm of the PNG size; see `TypicalLaw`."""

    learns_from = "reference"
    capability = "typicality_statistics"
    law: TypicalLaw

    def fit(self, model: Any, X: Images, y: NDArray[Any] | None, rng: np.random.Generator) -> None:
        statistics, _ = image_statistics(model, X, y)
        self.law = TypicalLaw.fit(statistics)

    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        return self.law.log_density(image_statistics(model, X, y)[0])

    def arrays(self) -> dict[str, NDArray[Any]]:
        law = self.law
        return {"centre": law.centre, "scale": law.scale, "mean": law.mean, "covariance": law.covariance}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        values = [np.asarray(arrays[name], dtype=np.float64) for name in ("centre", "scale", "mean", "covariance")]
        centre, scale, mean, covariance = values
        k = len(centre)
        fits = scale.shape == mean.shape == (k,) and covariance.shape == (k, k)
        if (
            not fits
            or not all(np.isfinite(value).all() for value in (centre, mean, covariance))
            or not (scale > 0).all()
        ):
            raise ValueError("the law of typical images is damaged")
        np.linalg.cholesky(covariance)  # LinAlgError is a ValueError
        self.law = TypicalLaw(centre, scale, mean, covariance)


class LogProb(ImageScore):
    """log p(x), as the model has it. Simple images of any kind get a high one: the score that fails most."""

    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        return finite(model.score_samples(X, **labels(model, y)))


class Complexity(ImageScore):
    """log p(x) + L(x), L the length of the image as a PNG file, in nats (Serra et al. 2020, arXiv 1909.11480, eq. 3,
    with the sign turned): how much better the model knows the image than a compressor that knows nothing."""

    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        return finite(model.score_samples(X, **labels(model, y)) + np.log(2) * png_bits(_levels_NHWC(model, X)))


class LikelihoodRatio(ImageScore):
    """log p(x) - log p_0(x), p_0 the same estimator fitted to images of which 30 % of the sub-pixels were redrawn
    evenly over the levels: it knows the background, and not what stands before it (Ren et al. 2019, arXiv 1906.02845).
    """

    learns_from = "training"

    def fit(self, model: Any, X: Images, y: NDArray[Any] | None, rng: np.random.Generator) -> None:
        image_format = model.image_format_
        levels_NCHW = image_format.nearest_levels_NCHW(X)
        redrawn = rng.integers(0, image_format.spec.levels, size=levels_NCHW.shape, dtype=levels_NCHW.dtype)
        changed = np.where(rng.random(levels_NCHW.shape) < REDRAWN, redrawn, levels_NCHW)
        background = clone(model)
        if y is None and hasattr(model, "classes_"):  # then images are scored by the marginal, and so by this
            background.set_params(conditional=False)
        self.background = background.fit(image_format.images(changed, rng), **labels(model, y))

    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        given = labels(model, y)
        return finite(model.score_samples(X, **given) - self.background.score_samples(X, **given))


class OwnScore(ImageScore):
    """A user's function of the fitted model and images."""

    capability = "fit"

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, model: Any, X: Images, y: NDArray[Any] | None) -> Floats:
        values = np.asarray(self.function(model, X), dtype=np.float64)
        if values.shape != (len(X),) or np.isnan(values).any():
            raise ValueError(
                f"score= must give one number for each of the {len(X)} images, higher for ordinary ones, not "
                f"{'NaN' if values.shape == (len(X),) else f'an array of shape {values.shape}'}"
            )
        return finite(values)


SCORES: dict[str, type[ImageScore]] = {
    "typicality": Typicality,
    "log_prob": LogProb,
    "complexity": Complexity,
    "likelihood_ratio": LikelihoodRatio,
}


def image_score(score: str | Function) -> ImageScore:
    """A new score, that has learned nothing yet."""
    return OwnScore(score) if callable(score) else SCORES[score]()


def require_capability(score: ImageScore, model: Any) -> None:
    """ValueError that tells which scores a model has, unless it has this one."""
    if hasattr(model, score.capability):
        return
    possible = [name for name, kind in SCORES.items() if hasattr(model, kind.capability)]
    raise ValueError(
        f"{type(model).__name__} has no {score.capability}, which this score needs; it has "
        f"score={' or '.join(map(repr, possible)) or 'a function of your own'}"
    )


def image_statistics(model: Any, X: Images, y: NDArray[Any] | None) -> tuple[Floats, tuple[str, ...]]:
    """t(x): the model's own statistics and the logarithm of the PNG size in bits, (n, k), and their names."""
    values, names = model.typicality_statistics(X, **labels(model, y))
    return np.column_stack([values, np.log(png_bits(_levels_NHWC(model, X)))]), (*names, PNG_STATISTIC)


def labels(model: Any, y: NDArray[Any] | None) -> dict[str, Any]:
    """The labels as keyword for a model that learned p(x|y); nothing for others."""
    return {} if y is None or not hasattr(model, "classes_") else {"y": y}


def _levels_NHWC(model: Any, X: Images) -> NDArray[Any]:
    levels: NDArray[Any] = model.image_format_.nearest_levels_NCHW(X).transpose(0, 2, 3, 1)
    return levels


def finite(values: Any) -> Floats:
    """Scores as finite numbers: what is infinitely improbable is as improbable as can be."""
    largest = float(np.finfo(np.float64).max)
    return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-largest, posinf=largest, neginf=-largest)
