"""The way of images and labels through a fitted network, in chunks of one size: what all families answer by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from pofx.data.checking import check_labels, check_rows, check_shape
from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double
from pofx.engine.counting import CountedWork
from pofx.engine.devices import full_float32, resolve_device
from pofx.nn.rowwise import IndependentRows

#: Images that pass through a network together when scoring, at most. Every chunk is padded to the same size, so that
#: an image gets the same bits whatever it is scored with.
CHUNK = 64
#: Network outputs that a chunk may have; large images with many parameters a pixel come in smaller chunks.
CHUNK_OUTPUTS = 2**23


class FittedNetwork(BaseEstimator):
    """What a model learned, and the helpers of the families that ask it; `GenerativeModel` makes a model of it."""

    spec_: ImageSpec
    image_format_: ImageFormat
    module_: nn.Module
    continuous_: bool
    classes_: NDArray[Any]
    device: str
    precision: str
    verbose: bool

    @property
    def _dtype_to_fit(self) -> torch.dtype:
        return torch.float64 if self.precision == "float64" else torch.float32

    # What was fitted is read off what was learned, not off the parameters: those may have been set anew since.

    @property
    def _is_conditional(self) -> bool:
        return hasattr(self, "classes_")

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.module_.parameters()).dtype

    @property
    def _chunk_size(self) -> int:
        """Images a chunk: fixed for a model, whatever is scored."""
        outputs = self.spec_.height * self.spec_.width * getattr(self.module_, "n_outputs_a_pixel", 1)
        return max(1, min(CHUNK, CHUNK_OUTPUTS // outputs))

    def _counted(self, unit: str = "images") -> CountedWork:
        """Shows how many images, or rows of them, a call has done, if that takes over two seconds and ``verbose``."""
        return CountedWork(type(self).__name__, unit, self.verbose)

    def _refuse_labels_unless_conditional(self, y: ArrayLike | None) -> None:
        if y is not None and not self._is_conditional:
            raise ValueError("y was given, but this model is not conditional: fit it with conditional=True and labels")

    def _codes(self, y: ArrayLike | None, n: int) -> NDArray[np.int64] | None:
        """Labels (n,) or one label -> class codes (n,); None stays None: the marginal over classes is meant."""
        if y is None or not self._is_conditional:
            # A pipeline passes y along to score; a model that is not conditional does not use it.
            return None
        labels = np.full(n, y) if np.ndim(y) == 0 else check_labels(y, n)
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        unknown = np.unique(labels[self.classes_[codes] != labels])
        if len(unknown):
            raise ValueError(f"y holds labels that the model was not fitted to: {unknown.tolist()[:10]}")
        return np.asarray(codes, dtype=np.int64)

    def _checked_reader(self, X: ArrayLike, y: ArrayLike | None, *, continuous: bool | None = None) -> ImageReader:
        """Check X and y against what the model was fitted to."""
        check_is_fitted(self)
        rows, array_shape = check_rows(self, X, reset=False)
        check_shape(array_shape, self.spec_)
        return ImageReader(
            rows,
            self.image_format_,
            labels=self._codes(y, len(rows)),
            continuous=self.continuous_ if continuous is None else continuous,
            dtype=self._dtype,
        )

    def _map(
        self, reader: ImageReader, function: Callable[[Tensor, Tensor | None], Tensor | tuple[Tensor, ...]]
    ) -> tuple[NDArray[np.float64], ...]:
        """Apply ``function(x_NCHW, codes)`` to chunks of one fixed size; its outputs (n, ...) as float64."""
        device = resolve_device(self.device, self._dtype)
        self.module_.to(device)
        size = self._chunk_size
        outputs: tuple[NDArray[np.float64], ...] = ()
        with torch.inference_mode(), full_float32(), IndependentRows(), self._counted() as count:
            for start in range(0, len(reader), size):
                n = min(size, len(reader) - start)
                # The last image fills up the last chunk.
                positions = np.minimum(np.arange(start, start + size), len(reader) - 1)
                x_NCHW, codes = reader.batch(positions)
                result = function(x_NCHW.to(device), None if codes is None else codes.to(device))
                parts = result if isinstance(result, tuple) else (result,)
                # Copied out of each chunk: small pieces that stay among the large ones that go keep the memory between
                # them from being used again, and the more chunks the more of it.
                outputs = outputs or tuple(np.empty((len(reader), *part.shape[1:])) for part in parts)
                for output, part in zip(outputs, parts, strict=True):
                    output[start : start + n] = in_double(part[:n]).cpu().numpy()
                count(start + n, len(reader))
        return outputs

    def _weighted_over_classes(
        self, values: Tensor, weights_NK: Tensor, function: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """sum_y weight_y function(values, y), float64, one class after the other."""
        weights_NK = in_double(weights_NK)
        total = torch.zeros((), dtype=torch.float64, device=weights_NK.device)
        for code, weight_N in enumerate(weights_NK.unbind(dim=1)):
            answer = in_double(function(values, torch.full((len(values),), code, device=values.device)))
            total = total + answer * weight_N.reshape(-1, *[1] * (answer.ndim - 1))
        return total

    def _as_images(self, drawn_NCHW: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """What `_draw` gave -> images as the user's."""
        image_format = self.image_format_
        if self.continuous_:
            return image_format.unscaled_images(drawn_NCHW).astype(image_format.dtype)
        return image_format.images(drawn_NCHW, rng)

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "module_"):
            self.module_.to("cpu")  # a pickle made beside a GPU opens where there is none
        state: dict[str, Any] = super().__getstate__()
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")
