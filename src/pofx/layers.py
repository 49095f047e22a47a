"""What the layers of a network see in given images, of every model that has a network which reads images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pofx.base import GenerativeModel
from pofx.nn.pooling import rectified_field_means

#: Parts along a side of a layer's map over which its features are averaged, unless told otherwise.
FIELDS = 4
#: The layer that latents are read from, in models that have latents.
LATENT_LAYER = "latent"


def numbered(n_layers: int) -> tuple[str, ...]:
    """Names of so many layers, from the image on."""
    return tuple(f"layer_{number}" for number in range(1, n_layers + 1))


def pooled(h: Tensor, fields: int) -> Tensor:
    """What a layer gives, a map NFHW with values of either sign or numbers NF -> features (n, k)."""
    return rectified_field_means(h, fields) if h.ndim == 4 else h


class LayeredModel(GenerativeModel):
    """`feature_layers_` and `layer_features`."""

    @property
    @abstractmethod
    def _layer_names(self) -> tuple[str, ...]:
        """The layers of the fitted network that read an image, from the image on."""

    @abstractmethod
    def _layer_features(self, x_NCHW: Tensor, codes: Tensor | None, layers: Sequence[str], fields: int) -> Tensor:
        """What these layers say of each image, one after the other, (n, k); maps as means over their fields."""

    @property
    def feature_layers_(self) -> tuple[str, ...]:
        """Names of the layers that `layer_features` knows, from the image on; "latent" is what gives the latents.

        Raises:
            NotFittedError: before the fit.
        """
        check_is_fitted(self)
        return self._layer_names

    def layer_features(
        self, X: ArrayLike, layer: str | Sequence[str], y: ArrayLike | None = None, *, fields: int = FIELDS
    ) -> NDArray[Any]:
        """What a layer of the network says of each image, (n, k): features for a classifier, with more in them than
        `transform` gives.

        A layer that has a map gives for every channel two means over each of at most ``fields`` x ``fields`` parts of
        it: of the positive and of the negative values. Deterministic, and independent of what else is asked for beside
        an image; float32 for float32 images, else float64.

        Args:
            layer: one of `feature_layers_`, or several, whose features then stand side by side.
            y: labels, of a conditional model whose layers depend on them; without them the mean under p(y|x).
            fields: parts along a side. 1 gives the mean over the whole map: what is in the image, wherever it is.

        Raises:
            ValueError: a layer that does not exist, no layer at all, fields below 1.
        """
        check_is_fitted(self)
        names = (layer,) if isinstance(layer, str) else tuple(layer)
        unknown = [name for name in names if name not in self._layer_names]
        if unknown or not names:
            said = f"there is no layer {unknown[0]!r}" if unknown else "no layer was named"
            has = ", ".join(self._layer_names) or "no layers between an image and its logit"
            raise ValueError(f"{said}: this {type(self).__name__} has {has}")
        if not isinstance(fields, Integral) or isinstance(fields, bool) or fields < 1:
            raise ValueError(f"fields must be an integer of at least 1, not {fields!r}")
        reader = self._checked_reader(X, y)
        (values,) = self._map(reader, lambda x, codes: self._layer_features(x, codes, names, int(fields)))
        return values.astype(np.float32) if reader.rows.dtype == np.float32 else values
