"""What every application that takes images like a model's checks of them."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from pofx.data.checking import check_rows


class ImageInput(BaseEstimator):
    """An estimator whose images have the shape of those of its `fit`."""

    _image_shape: tuple[int, ...]

    def _images(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        """Checked images in the layout of X.

        Args:
            reset: whether the estimator learns the shape (in `fit`) or is held to it.
        """
        rows, shape = check_rows(self, X, reset=reset)
        if reset:
            self._image_shape = shape[1:]
        elif len(shape) > 2 and len(self._image_shape) > 1 and shape[1:] != self._image_shape:
            raise ValueError(
                f"X holds images of shape {shape[1:]}, but the {type(self).__name__} was fitted to {self._image_shape}"
            )
        return rows.reshape(shape)
