"""The noise of draws and chains: one stream an image, so that an image's numbers depend on no other image.

Shapes: S draws or chains an image, N images, L latent dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class NoiseStreams:
    """Noise for N images, each from a generator of its own; how it is cut into calls does not change it.

    Args:
        streams: a generator for each image.
        latent_dim: L.
        like: a tensor of the dtype and on the device of what `normal` gives.
    """

    def __init__(self, streams: Sequence[np.random.Generator], latent_dim: int, like: Tensor) -> None:
        self._streams = streams
        self._latent_dim = latent_dim
        self._dtype: Any = np.float64 if like.dtype == torch.float64 else np.float32
        self._device = like.device

    def normal(self, n: int) -> Tensor:
        """Standard normal noise, (n, N, L)."""
        size, dtype = (n, self._latent_dim), self._dtype
        noise_NSL = self._stacked(lambda stream: stream.standard_normal(size, dtype=dtype))
        return noise_NSL.to(self._device).transpose(0, 1)

    def uniform(self, n: int) -> Tensor:
        """Uniform noise on [0, 1), (n, N), in the dtype of `normal`."""
        dtype = self._dtype
        return self._stacked(lambda stream: stream.random(n, dtype=dtype)).to(self._device).T

    def exponential(self, n: int) -> Tensor:
        """Standard exponential noise, (n, N), float64, on the CPU."""
        return self._stacked(lambda stream: stream.standard_exponential(n)).T

    def _stacked(self, draw: Callable[[np.random.Generator], NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack([draw(stream) for stream in self._streams]))
