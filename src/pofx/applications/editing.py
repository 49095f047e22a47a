"""`LatentEditor`: images changed by moving their latents."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from pofx.applications import directions
from pofx.applications.attributes import check_attributes
from pofx.applications.latents import decode, encode, importance, repeated, require, unknown_name
from pofx.applications.learned_directions import DIMENSION, PRINCIPAL, Direction, is_reserved, learned_directions
from pofx.applications.paths import Mode, interpolate_linearly, interpolate_spherically

#: The values of a traversal, in standard deviations.
VALUES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class PrincipalDirections:
    """The directions in which latents vary most.

    Attributes:
        directions: of length 1 and orthogonal, (k, L), the most varied first.
        explained_variance: of the latents along each, (k,).
        explained_variance_ratio: the same as part of the whole variance, (k,).
    """

    directions: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]


@dataclass(frozen=True)
class EditReport:
    """What an edit did.

    Attributes:
        latents: of the images as they are, (n, L); refined, if that was asked for.
        edited_latents: those moved, (n, L).
        error_encoded: root mean squared difference between each image and the image of its latents as `transform`
            gave them, (n,), in the unit of the images.
        error: the same for ``latents``: what the edited image lacks of the given one before it is edited. Without
            refinement equal to ``error_encoded``.
    """

    latents: NDArray[np.float64]
    edited_latents: NDArray[np.float64]
    error_encoded: NDArray[np.float64]
    error: NDArray[np.float64]


class LatentEditor(MetaEstimatorMixin, BaseEstimator):
    """Changes images through the latents of a fitted model: encode, move, decode.

    The model is anything fitted that has `transform` (images to latents) and `inverse_transform` (latents to images): a
    `pofx.VAE`, scikit-learn's PCA, a pipeline. It is used as it is; `fit` learns directions only.

    Args:
        model: the fitted model.
        method: how directions are learned: "mean_difference", from the mean latents of images with the attribute and
            without (of a real-valued one: the slope of the latents on it), or "logistic", from the plane that tells
            them apart (of a real-valued one: the linear regression on the latents).
        orthogonal: True makes each attribute's direction orthogonal to those of all others, so that an edit leaves the
            others' coordinates as they are; a list of names makes it orthogonal to those of the named ones.
        n_folds: parts of the images that are held out in turn to score the directions.
        random_state: seed of how the images fall into those parts.

    Strength 1 of a binary attribute moves by the distance between the means of its two classes along the direction:
    what on average lies between an image without it and one with it. Of a real-valued attribute it moves by what goes
    with one standard deviation of it; of a principal direction or a single dimension by one standard deviation of the
    latents.

    Attributes set by `fit`:
        directions_: name -> `Direction` of each attribute.
        scores_: name -> held-out score; those at chance are also warned of.
        latent_mean_, latent_std_ (L,): of the latents of the images.
        latent_importance_ (L,): of the model, in nats; of a model without any, the variances of the latents.
        live_dims_: the dimensions that are not dead (`pofx.applications.latents.DEAD_NATS`), most important first.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> X, y = load_digits(return_X_y=True)
        >>> editor = LatentEditor(PCA(20).fit(X)).fit(X, {"zero": y == 0})
        >>> zeros = editor.edit(X[y == 6], {"zero": 1.0})
        >>> zeros.shape
        (181, 64)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [object],
        "method": [StrOptions({"mean_difference", "logistic"})],
        "orthogonal": ["boolean", list, tuple],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        model: Any,
        *,
        method: str = "mean_difference",
        orthogonal: bool | Sequence[str] = False,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.method = method
        self.orthogonal = orthogonal
        self.n_folds = n_folds
        self.random_state = random_state

    # ---- learning directions ----------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, attributes: Any = None, *, y: ArrayLike | None = None) -> Self:
        """Learn the directions of attributes from images that are known to have them or not.

        Args:
            X: images as the model takes them.
            attributes: name -> values (n,): truth values, two numbers (the greater one: has it), or real numbers; NaN
                where unknown. Or a table with columns, or an array (n,) or (n, k). None: no attributes, only what the
                latents tell by themselves.
            y: class labels (n,), for a conditional model.

        Raises:
            TypeError: the model lacks `transform` or `inverse_transform`; values that are no numbers.
            ValueError: values that do not fit the images; an attribute that is the same for all of them, or whose
                direction is a combination of those that it has to be orthogonal to.
        """
        require(self.model, "transform", "inverse_transform")
        self._validate_params()
        Z = encode(self.model, X, y)
        found = [] if attributes is None else check_attributes(attributes, len(Z))
        for attribute in found:
            if is_reserved(attribute.name):
                raise ValueError(
                    f"{attribute.name!r} is the name of a direction that every model has; name it otherwise"
                )
        self.latent_mean_, self.latent_std_ = Z.mean(axis=0), Z.std(axis=0)
        self.latent_importance_, dead = importance(self.model, self.latent_std_**2)
        order = np.argsort(-self.latent_importance_, kind="stable")
        self.live_dims_: NDArray[np.int64] = order[~dead[order]]
        self._axes, self._variances = directions.principal_axes(Z)
        method: Any = self.method
        self.directions_ = learned_directions(
            Z, found, method=method, orthogonal=self.orthogonal, n_folds=self.n_folds, random_state=self.random_state
        )
        self.scores_ = {name: direction.score for name, direction in self.directions_.items()}
        chance = [one.name for one in found if directions.is_at_chance(self.scores_[one.name], one)]
        if chance:
            said = ", ".join(f"{name!r} ({self.scores_[name]:.2f})" for name in chance)
            warnings.warn(
                f"the latents do not tell better than chance, on images held out: {said}; edits along such directions "
                "mean nothing",
                stacklevel=2,
            )
        return self

    def fit_examples(
        self,
        examples: Mapping[str, tuple[ArrayLike, ArrayLike]],
        *,
        y: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    ) -> Self:
        """Learn directions from examples: of each attribute images that have it, and images that do not.

        Args:
            examples: name -> (images with it, images without it).
            y: of a conditional model the labels of the same images, in the same form.
        """
        if not isinstance(examples, Mapping) or not examples:
            raise TypeError("examples must be a mapping from names to (images with it, images without it)")
        groups = [(name, np.asarray(part)) for name, pair in examples.items() for part in _pair(name, pair)]
        sizes = [len(part) for _, part in groups]
        owner = np.repeat(np.arange(len(groups)), sizes)
        attributes = {}
        for position, name in enumerate(examples):
            has, has_not = 2 * position, 2 * position + 1
            attributes[name] = np.where(owner == has, 1.0, np.where(owner == has_not, 0.0, np.nan))
        labels = None
        if y is not None:
            if set(y) != set(examples):
                raise ValueError("y must hold labels for the examples of each attribute, under the same names")
            labels = np.concatenate([np.asarray(part) for name in examples for part in _pair(name, y[name])])
        return self.fit(np.concatenate([part for _, part in groups]), attributes, y=labels)

    # ---- directions by name -----------------------------------------------------------------------------------------

    def direction(self, name: str) -> Direction:
        """The direction of an attribute, "pc1", "pc2", ... for the principal ones, or "z0", "z1", ... for a dimension.

        Raises:
            ValueError: there is none of that name.
        """
        check_is_fitted(self, "directions_")
        if name in self.directions_:
            return self.directions_[name]
        size = len(self.latent_mean_)
        found = PRINCIPAL.fullmatch(str(name))
        if found and int(found[1]) <= size:
            k = int(found[1]) - 1
            return Direction(name, "principal", self._axes[k], float(np.sqrt(self._variances[k])))
        found = DIMENSION.fullmatch(str(name))
        if found and int(found[1]) < size:
            j = int(found[1])
            return Direction(name, "dimension", np.eye(size)[j], float(self.latent_std_[j]))
        raise unknown_name(name, [*self.directions_, f"pc1 to pc{size}", f"z0 to z{size - 1}"], "direction")

    def principal_directions(self, k: int | None = None) -> PrincipalDirections:
        """The k directions in which the latents of the images vary most (all of them if None).

        In `edit` and `traverse` they go by the names "pc1", "pc2", ...
        """
        check_is_fitted(self, "directions_")
        k = len(self._axes) if k is None else k
        if not 1 <= k <= len(self._axes):
            raise ValueError(f"k must lie between 1 and {len(self._axes)}, the latent dimensions, not be {k}")
        total = self._variances.sum()
        ratio = self._variances / total if total > 0 else np.zeros_like(self._variances)
        return PrincipalDirections(self._axes[:k].copy(), self._variances[:k].copy(), ratio[:k])

    # ---- changing images --------------------------------------------------------------------------------------------

    def edit(
        self,
        X: ArrayLike,
        strengths: Mapping[str, float | ArrayLike],
        *,
        y: ArrayLike | None = None,
        refine: bool = False,
        return_report: bool = False,
    ) -> Any:
        """Images with more or less of some attributes: the image of z + sum_i strength_i unit_i u_i.

        Args:
            X: images.
            strengths: name -> how much, for all images or for each (n,); negative for less. Strengths of 0, or of
                nothing, give the reconstructions.
            y: class labels, of a conditional model. (Without them its images are means over all classes.)
            refine: begin at latents that fit these images better than those of `transform` do (`refine_latents` of the
                model), so that what is not edited stays nearer to the image given.
            return_report: also return an `EditReport`.

        Returns:
            Images as `inverse_transform` gives them, or a pair of them and a report.

        Raises:
            ValueError: an unknown direction, a strength that is no number. TypeError: the model cannot refine.
        """
        check_is_fitted(self, "directions_")
        moves = {name: self.direction(name) for name in strengths}
        encoded, Z = self._latents(X, y, refine)
        moved = Z.copy()
        for name, direction in moves.items():
            moved += _strength(name, strengths[name], len(Z))[:, None] * direction.unit * direction.vector
        edited = decode(self.model, moved, repeated(y, (len(Z),)))
        if not return_report:
            return edited
        error_encoded = self._error(X, encoded, y)
        error = error_encoded if Z is encoded else self._error(X, Z, y)
        return edited, EditReport(Z, moved, error_encoded, error)

    def traverse(
        self,
        X: ArrayLike | None = None,
        dims: Sequence[int | str] | None = None,
        values: ArrayLike = VALUES,
        *,
        y: ArrayLike | None = None,
        refine: bool = False,
    ) -> NDArray[np.float64]:
        """What each dimension does: images whose coordinate along it is set to one value after the other.

        Args:
            X: images to begin from; None begins from the mean latent.
            dims: dimensions by number, or names as for `direction`; None takes `live_dims_`: all that are not dead, the
                most important first.
            values: in standard deviations from the mean, both of the latents of the images given to `fit`.
            y: class labels, of a conditional model; for X None one label.
            refine: as for `edit`.

        Returns:
            (n, number of dims, number of values, *image), n = 1 for X None.
        """
        check_is_fitted(self, "directions_")
        steps = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if steps.ndim != 1 or not len(steps) or not np.isfinite(steps).all():
            raise ValueError("values must be finite numbers, at least one")
        names = self.live_dims_ if dims is None else dims
        along = [self.direction(f"z{name}" if isinstance(name, Integral) else str(name)) for name in names]
        if not along:
            raise ValueError("there are no dimensions to traverse: name them" if dims is None else "dims is empty")
        _, Z = (None, self.latent_mean_[None]) if X is None else self._latents(X, y, refine)
        moved_NDVL = np.empty((len(Z), len(along), len(steps), Z.shape[1]))
        for position, direction in enumerate(along):
            u = direction.vector
            spread = float(np.sqrt(max(self._variance_along(u), 0.0)))
            wanted = self.latent_mean_ @ u + steps * spread
            moved_NDVL[:, position] = Z[:, None] + (wanted - (Z @ u)[:, None])[..., None] * u
        return decode(self.model, moved_NDVL, repeated(y, moved_NDVL.shape[:-1]))

    def interpolate(
        self,
        a: ArrayLike,
        b: ArrayLike,
        steps: int = 8,
        mode: Mode = "linear",
        *,
        y: ArrayLike | None = None,
        refine: bool = False,
    ) -> NDArray[np.float64]:
        """The images on the way from each image of a to that of b, both ends among them.

        Args:
            a, b: images, as many of one as of the other.
            steps: images of each way, at least 2.
            mode: "linear", or "spherical": along the arc around 0 (see `pofx.applications.paths`). The arc assumes
                latents like draws of N(0, I), as those of a VAE with the standard normal prior are about. Its centre is
                0 for every model, not the mean of its latents: where these have another centre or other scales, as
                with a learned prior, it may lead through places where the model has none, and "linear" is the choice.
            y: class labels of the pairs, of a conditional model.
            refine: as for `edit`.

        Returns:
            (n, steps, *image).

        Raises:
            ValueError: an unknown mode, fewer than two steps, or not as many images of one as of the other;
                "spherical": latents at 0, or on opposite sides of it, between which there is no single arc.
        """
        require(self.model, "transform", "inverse_transform")
        if mode not in ("linear", "spherical"):
            raise ValueError(f"mode must be 'linear' or 'spherical', not {mode!r}")
        if not isinstance(steps, Integral) or steps < 2:
            raise ValueError(f"steps must be an integer of at least 2, not {steps!r}")
        ends = [self._latents(X, y, refine)[1] for X in (a, b)]
        if len(ends[0]) != len(ends[1]):
            raise ValueError(f"there are {len(ends[0])} images to begin from and {len(ends[1])} to end at")
        t = np.linspace(0.0, 1.0, steps)
        way = interpolate_linearly if mode == "linear" else interpolate_spherically
        path_NSL = way(*ends, t)
        path_NSL[:, 0], path_NSL[:, -1] = ends  # exactly, whatever was rounded on the way
        return decode(self.model, path_NSL, repeated(y, path_NSL.shape[:-1]))

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _latents(
        self, X: ArrayLike, y: ArrayLike | None, refine: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latents as `transform` gives them, and refined (the same array if that is not asked for)."""
        if refine:
            require(self.model, "transform", "inverse_transform", "refine_latents")
        Z = encode(self.model, X, y)
        return Z, np.asarray(self.model.refine_latents(X, Z, y), dtype=np.float64) if refine else Z

    def _error(self, X: ArrayLike, Z: NDArray[np.float64], y: ArrayLike | None) -> NDArray[np.float64]:
        images = np.asarray(X, dtype=np.float64).reshape(len(Z), -1)
        rebuilt = decode(self.model, Z, repeated(y, (len(Z),))).reshape(len(Z), -1)
        error: NDArray[np.float64] = np.sqrt(np.mean((images - rebuilt) ** 2, axis=1))
        return error

    def _variance_along(self, u: NDArray[np.float64]) -> float:
        return float(((self._axes @ u) ** 2) @ self._variances)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "directions_")


def _pair(name: str, pair: Any) -> tuple[Any, Any]:
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(len(part) for part in pair):
        raise ValueError(f"{name!r} needs two sets that are not empty: of images with it, and of images without it")
    return pair[0], pair[1]


def _strength(name: str, strength: Any, n: int) -> NDArray[np.float64]:
    values = np.asarray(strength, dtype=np.float64)
    if values.shape not in ((), (n,)) or not np.isfinite(values).all():
        raise ValueError(f"the strength of {name!r} must be a finite number, or one for each of the {n} images")
    return np.broadcast_to(values, (n,))
