"""Models as the applications see them: something that turns images into latents and latents into images."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

#: A dimension is dead if it carries less of the image than this many nats (`latent_importance_`) ...
DEAD_NATS = 0.01
#: ... or, in a model that knows no nats, has less than this part of the variance of the most varied dimension.
DEAD_VARIANCE = 1e-4


def require(model: Any, *methods: str) -> None:
    """Refuse a model that lacks one of these methods (TypeError that names it) or is not fitted (NotFittedError)."""
    missing = [method for method in methods if not hasattr(model, method)]
    if missing:
        raise TypeError(
            f"{type(model).__name__} has no {' and no '.join(missing)}: this needs a model with {' and '.join(methods)}"
        )
    if hasattr(model, "fit"):
        check_is_fitted(model)


def encode(model: Any, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
    """The latents of images, (n, L), float64."""
    Z = np.asarray(model.transform(X) if y is None else model.transform(X, y), dtype=np.float64)
    if Z.ndim != 2:
        raise ValueError(f"{type(model).__name__}.transform gives an array of shape {Z.shape}, not (n, latent_dim)")
    return Z


def decode(model: Any, Z: NDArray[np.float64], y: ArrayLike | None = None) -> NDArray[np.float64]:
    """The images of latents of shape (..., L), in the shape (..., *image); y labels of shape (...)."""
    rows = Z.reshape(-1, Z.shape[-1])
    images = np.asarray(
        model.inverse_transform(rows) if y is None else model.inverse_transform(rows, np.asarray(y).ravel())
    )
    return images.reshape(*Z.shape[:-1], *images.shape[1:])


def repeated(y: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """One label, or labels (n,), for latents of shape (n, ...): the same along all axes but the first."""
    if y is None:
        return None
    labels = np.asarray(y)
    return np.broadcast_to(labels.reshape(-1, *[1] * (len(shape) - 1)) if labels.ndim else labels, shape)


def known_importance(model: Any) -> NDArray[np.float64] | None:
    """``latent_importance_`` of a model, or of the last step of a pipeline, (L,), in nats; None where there is none."""
    steps = getattr(model, "steps", None)
    nats = getattr(steps[-1][1] if steps else model, "latent_importance_", None)
    return None if nats is None else np.asarray(nats, dtype=np.float64)


def importance(model: Any, variances: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much each dimension says about an image, (L,), and which dimensions are dead: say nothing.

    Nats, where the model knows them (`known_importance`); otherwise the variances of the latents.
    """
    nats = known_importance(model)
    if nats is not None:
        return nats, nats < DEAD_NATS
    return variances, variances < DEAD_VARIANCE * variances.max()


def unknown_name(name: object, known: Iterable[str], what: str) -> ValueError:
    """The error about a name that is not there, with the nearest one that is."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"there is no {what} {name!r}; there is {', '.join(names) or 'none'}.{hint}")
