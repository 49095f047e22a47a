"""Batches of images for a network, gathered straight from the user's array: nothing is copied in advance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.data.checking import mapped_file, release_pages
from pofx.data.images import ImageFormat
from pofx.data.labels import UNLABELLED
from pofx.data.levels import RealLevels

#: Images that pass through a network together where nothing fixes their number, and outputs that it may have, at most.
CHUNK_IMAGES, CHUNK_OUTPUTS = 512, 2**20


#: A memory-mapped array of at most so many bytes may stay in memory.
MAPPED_BYTES = 2**26
#: Rows of a larger one that are read before their pages are given back: with each of them the system may map two
#: megabytes of what lies around it (a huge page). Reading takes no longer than with four times as many.
ROWS_MAPPED = MAPPED_BYTES // 2**21


class ImageReader:
    """Checked rows (n, d) and labels, read as tensors.

    ``continuous=True`` gives real-valued data as they are, scaled (`RealLevels.scaled`, float32 or float64), instead of
    as levels.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        image_format: ImageFormat,
        *,
        labels: NDArray[np.int64] | None = None,
        continuous: bool = False,
        dtype: torch.dtype = torch.float32,
        indices: NDArray[np.int64] | None = None,
    ) -> None:
        self.rows = rows
        self.image_format = image_format
        self.labels = labels
        self.continuous = continuous
        self.dtype = dtype
        self.indices = np.arange(len(rows)) if indices is None else indices
        self._rows_mapped = 0

    def __len__(self) -> int:
        return len(self.indices)

    def subset(self, positions: NDArray[np.int64]) -> ImageReader:
        """A reader of some of these images only."""
        return ImageReader(
            self.rows,
            self.image_format,
            labels=self.labels,
            continuous=self.continuous,
            dtype=self.dtype,
            indices=self.indices[positions],
        )

    def labelled(self) -> ImageReader:
        """Those images that have a label; all, where there are no labels at all."""
        return self if self.labels is None else self.subset(np.flatnonzero(self.labels[self.indices] != UNLABELLED))

    def split(self, fraction: float, seed: int) -> tuple[ImageReader, ImageReader | None]:
        """Training and held-out images, at random; no held-out images if there are too few."""
        n_held_out = round(fraction * len(self))
        if n_held_out == 0 or n_held_out == len(self):
            return self, None
        order = np.random.default_rng([seed, 1]).permutation(len(self))
        return self.subset(order[n_held_out:]), self.subset(order[:n_held_out])

    def values(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """The user's own values of these images, (len(positions), d)."""
        indices = self.indices[positions]
        if mapped_file(self.rows) is None or self.rows.nbytes <= MAPPED_BYTES:
            return np.asarray(self.rows[indices])
        values = np.empty((len(indices), *self.rows.shape[1:]), self.rows.dtype)
        for start in range(0, len(indices), ROWS_MAPPED):
            part = slice(start, start + ROWS_MAPPED)
            np.take(self.rows, indices[part], axis=0, out=values[part])
            self._rows_mapped += len(indices[part])
            if self._rows_mapped >= ROWS_MAPPED:
                release_pages(self.rows)
                self._rows_mapped = 0
        return values

    def batch(self, positions: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        """Levels NCHW (uint8, or int32 above 256 levels; scaled floats if continuous) and labels (n,) int64."""
        values = self.values(positions)
        if self.continuous:
            assert isinstance(self.image_format.grid, RealLevels)
            scaled = self.image_format.rows_to_NCHW(self.image_format.grid.scaled(values))
            x_NCHW = torch.from_numpy(np.ascontiguousarray(scaled)).to(self.dtype)
        else:
            x_NCHW = torch.from_numpy(np.ascontiguousarray(self.image_format.levels_NCHW(values)))
        if self.labels is None:
            return x_NCHW, None
        return x_NCHW, torch.from_numpy(self.labels[self.indices[positions]])


def bounded_batches(reader: ImageReader, n_outputs_a_pixel: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """All images in order, in batches that bound what a network with so many outputs a pixel needs of memory."""
    spec = reader.image_format.spec
    size = max(1, min(CHUNK_IMAGES, CHUNK_OUTPUTS // (spec.height * spec.width * n_outputs_a_pixel)))
    for start in range(0, len(reader), size):
        yield reader.batch(np.arange(start, min(start + size, len(reader))))
