"""Images of which a part is known: how they come in and go out, of every model that has a `complete`."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from pofx.base import GenerativeModel
from pofx.data.known import known_like
from pofx.data.reader import ImageReader
from pofx.engine.randomness import draw_seed
from pofx.fitted import CHUNK

#: So many sub-pixels of completions are held at once while the central ones are chosen.
HELD = 2**24

CompletionKind = Literal["chain rule", "Markov chain", "refined latents"]


@dataclass(frozen=True)
class PartlyKnown:
    """Checked images and their masks.

    Attributes:
        X, known: in the shape of the user's array; something that the model can read stands where X is not known.
        reader: of these images and their labels.
        known_NCHW: the mask as the network takes it, bool.
    """

    X: NDArray[Any]
    known: NDArray[np.bool_]
    reader: ImageReader
    known_NCHW: Tensor

    def seeds(self, seed: int, *, numbered: bool) -> NDArray[np.uint64]:
        """A seed for each image: of what is known of it and, if ``numbered``, of how many equal ones came before it."""
        seen: Counter[bytes] = Counter()
        seeds = np.empty(len(self.X), dtype=np.uint64)
        key = seed.to_bytes(8, "little")
        for start in range(0, len(seeds), CHUNK):
            positions = np.arange(start, min(start + CHUNK, len(seeds)))
            x_NCHW, codes = self.reader.batch(positions)
            known_NCHW = self.known_NCHW[positions]
            blank_NCHW = torch.where(known_NCHW, x_NCHW, torch.zeros((), dtype=x_NCHW.dtype))
            for i, position in enumerate(positions):
                content = blank_NCHW[i].contiguous().numpy().tobytes() + known_NCHW[i].contiguous().numpy().tobytes()
                if codes is not None:
                    content += int(codes[i]).to_bytes(8, "little")
                name = hashlib.blake2b(content, digest_size=16, key=key).digest()
                final = hashlib.blake2b(name + seen[name].to_bytes(8, "little"), digest_size=8).digest()
                seeds[position] = int.from_bytes(final, "little")
                seen[name] += numbered
        return seeds


def generators_of(seeds: NDArray[np.uint64], device: torch.device) -> list[torch.Generator]:
    """A generator for each seed."""
    return [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]


class CompletingModel(GenerativeModel):
    """A model with `complete`.

    Attributes:
        completes_by: "chain rule" and "Markov chain" draw from p(x_unknown | x_known), exactly or in a limit that is
            documented; "refined latents" seeks what fits the known part, and draws from no law.
    """

    completes_by: ClassVar[CompletionKind]

    @abstractmethod
    def complete(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Fill in the unknown sub-pixels of images.

        Args:
            X: images; what stands at unknown sub-pixels is not looked at, and may be NaN.
            mask: True where X is known; for all images (height, width), (height, width, channels) or, if X is (n, d),
                (d,); for each image the same with n in front, or the shape of X. Without channels it holds for all.
            y: labels of a conditional model.
            random_state: seed or generator; None as in `sample`.

        Returns:
            Images like the ones the model was fitted to, equal to X where it is known.

        Raises:
            ValueError: a mask that fits no image or holds no truth values, labels of a model that is not conditional,
                known values outside the support.
            TypeError: sparse X.
        """

    def central_completion(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_draws: int = 16,
        random_state: int | np.random.RandomState | None = None,
        **options: Any,
    ) -> NDArray[Any]:
        """Of several completions of each image the most central one: the medoid under the squared difference,

            argmin_s sum_t |x_s - x_t|^2 = argmin_s |x_s - mean_t x_t|^2.

        One draw is as unusual as draws are. The central one of many is nearer to the truth in the mean, and is, unlike
        their mean, an image that the model has drawn; but it is no draw from p(x_unknown | x_known) any more, and less
        varied.

        Args:
            X, mask, y: as in `complete`.
            n_draws: how many completions of each image.
            random_state: seed or generator; None as in `sample`.
            options: further ones of `complete`.

        Raises:
            ValueError: what `complete` raises; fewer than one draw.
        """
        if not isinstance(n_draws, int | np.integer) or n_draws < 1:
            raise ValueError(f"n_draws must be an integer of at least 1, not {n_draws!r}")
        known = self._partly_known(X, mask, y).known
        seeds = np.random.default_rng(draw_seed(self.random_state if random_state is None else random_state))
        size = max(1, HELD // (known[0].size * int(n_draws)))
        found = []
        for start in range(0, len(known), size):
            images = np.arange(start, min(start + size, len(known)))
            repeated = images.repeat(n_draws)
            drawn = self.complete(
                _safe_indexing(X, repeated),
                known[repeated],
                None if y is None else _safe_indexing(y, repeated),
                random_state=int(seeds.integers(2**31)),
                **options,
            ).reshape(len(images), n_draws, *known.shape[1:])
            squared = (drawn - drawn.mean(1, keepdims=True, dtype=np.float64)) ** 2
            central = squared.reshape(len(images), n_draws, -1).sum(2).argmin(1)
            found.append(drawn[np.arange(len(images)), central])
        return np.concatenate(found)

    def _partly_known(self, X: ArrayLike, mask: ArrayLike, y: ArrayLike | None) -> PartlyKnown:
        """X, mask and y of `complete`, checked."""
        check_is_fitted(self)
        self._refuse_labels_unless_conditional(y)
        if issparse(X):
            check_array(X, estimator=self)  # says so, as everywhere
        table: Any = X
        values = np.asarray(X)
        known = known_like(mask, values.shape, self.spec_.shape_HWC)
        filler = self.image_format_.images(
            np.zeros((1, *self.spec_.shape_CHW), dtype=np.int64), np.random.default_rng(0)
        )
        values = np.where(known, values, filler.flat[0])
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            image = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
            raise ValueError(
                f"image {image} has NaN or infinity where it is known: let the mask mark the place as unknown (False)"
            )
        # A data frame stays one: its names are held against those that the model was fitted to.
        reader = self._checked_reader(
            type(table)(values, columns=table.columns) if hasattr(table, "iloc") else values, y
        )
        known_NCHW = torch.from_numpy(self.image_format_.rows_to_NCHW(known.reshape(len(values), -1)).copy())
        return PartlyKnown(values, known, reader, known_NCHW)

    def _completed(self, partly: PartlyKnown, drawn_NCHW: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """What was drawn -> images as the user's, with the user's own values where they are known."""
        images = self._as_images(drawn_NCHW, rng)
        return np.where(partly.known, partly.X, images.reshape(partly.X.shape)).astype(images.dtype)


@dataclass(frozen=True)
class UnknownLogProb:
    """log p(x_unknown | x_known) of images that are known in full.

    Attributes:
        value (n,): nats an image; of real-valued data of the density, in the unit of the data.
        std_error (n,): standard error of each value over the noise of its estimate; 0 where it is exact.
        is_exact: whether it is no estimate.
    """

    value: NDArray[np.float64]
    std_error: NDArray[np.float64]
    is_exact: bool
