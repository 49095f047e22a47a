"""The images of a two-dimensional section of a latent space."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.applications.directions import principal_axes
from pofx.applications.latents import decode, encode, importance, known_importance, repeated, require
from pofx.applications.paths import normal_quantiles


def latent_grid(
    model: Any,
    X: ArrayLike | None = None,
    *,
    n: int = 15,
    dims: Sequence[int] | Literal["principal"] | None = None,
    y: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Images of latents on an n x n grid over two dimensions, all others at their mean.

    The grid is that of the inverse distribution function of the normal law, Phi^-1((i + 1/2) / n), so that each image
    stands for as much of the prior as any other (Kingma & Welling 2013, arXiv 1312.6114, appendix A, figure 4).
    Without X the law is N(0, 1) and the mean 0, as the prior of a plain VAE; with X mean and standard deviation are
    those of the latents of X, for models whose latents lie otherwise, such as those with a learned prior.

    Args:
        model: anything fitted that has `transform` and `inverse_transform`.
        X: images that tell where latents lie, of a conditional model images of the class ``y``.
        n: images a side.
        dims: two dimensions, the one along the rows first; "principal": the two principal directions of the latents of
            X; None: the two most important dimensions.
        y: one class label, of a conditional model.

    Returns:
        (n, n, *image): from left to right the first dimension rises, from the lowest row up the second.

    Raises:
        TypeError: the model lacks a method.
        ValueError: dims or n that there are not; nothing that tells which dimensions are important.
    """
    require(model, "transform", "inverse_transform")
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an integer of at least 1, not {n!r}")
    Z = None if X is None else encode(model, X, repeated(y, (len(np.asarray(X)),)))
    variances = None if Z is None else Z.var(axis=0)
    size = _latent_dim(model, Z)
    if size < 2:
        raise ValueError("a grid needs a model with two latent dimensions or more")
    if isinstance(dims, str):
        if dims != "principal":
            raise ValueError(f"dims must be two numbers or 'principal', not {dims!r}")
        if Z is None:
            raise ValueError("principal directions are those of images: give X")
        axes, spread = principal_axes(Z)
        chosen, scale = axes[:2], np.sqrt(spread[:2])
    else:
        first, second = _most_important(model, variances) if dims is None else _checked_dims(dims, size)
        chosen = np.eye(size)[[first, second]]
        scale = np.ones(2) if variances is None else np.sqrt(variances[[first, second]])
    centre = np.zeros(size) if Z is None else Z.mean(axis=0)
    steps = normal_quantiles(n)
    rising_rows = steps[::-1, None, None] * (scale[1] * chosen[1])
    rising_columns = steps[None, :, None] * (scale[0] * chosen[0])
    grid_RCL = centre + rising_rows + rising_columns
    return decode(model, grid_RCL, repeated(y, grid_RCL.shape[:-1]))


def _latent_dim(model: Any, Z: NDArray[np.float64] | None) -> int:
    if Z is not None:
        return Z.shape[1]
    if hasattr(model, "get_feature_names_out"):
        return len(model.get_feature_names_out())
    raise ValueError(f"{type(model).__name__} does not tell how many latent dimensions it has: give X")


def _most_important(model: Any, variances: NDArray[np.float64] | None) -> tuple[int, int]:
    values = known_importance(model) if variances is None else importance(model, variances)[0]
    if values is None:
        raise ValueError(f"{type(model).__name__} does not tell which dimensions are important: give dims or X")
    first, second = np.argsort(-values, kind="stable")[:2]
    return int(first), int(second)


def _checked_dims(dims: Sequence[int], size: int) -> tuple[int, int]:
    numbers = list(dims)
    if (
        len(numbers) != 2
        or not all(isinstance(one, Integral) and 0 <= one < size for one in numbers)
        or numbers[0] == numbers[1]
    ):
        raise ValueError(f"dims must be two different numbers of 0..{size - 1}, not {dims}")
    return int(numbers[0]), int(numbers[1])
