"""A fitted model with a score that has learned its reference images: what judges images, whole or tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.applications.image_parts import spans
from pofx.applications.outlier_scores import ImageScore, labels
from pofx.data.tiles import cut_tiles, stitch_each

Floats = NDArray[np.float64]
Images = NDArray[Any]


@dataclass(frozen=True)
class Tiling:
    """How images are cut: height and width of a tile, and the pixels that neighbours share."""

    tile: tuple[int, int]
    overlap: tuple[int, int]

    def tiles_of(self, X: Images, y: NDArray[Any] | None) -> tuple[Images, NDArray[Any] | None]:
        """All tiles of some images, and the label of its image for each."""
        tiles = cut_tiles(X, self.tile, self.overlap)
        return tiles.stack(), None if y is None else np.repeat(y, tiles.n_tiles_an_image)


@dataclass(frozen=True)
class Judge:
    """s(x) of images by one fitted model.

    Attributes:
        model: fitted to whole images, or to tiles.
        score: has learned what it needs.
        tiling: None for whole images. The score of an image is else that of its least ordinary tile, so that a small
            defect in a large image counts as much as in a small one.
    """

    model: Any
    score: ImageScore
    tiling: Tiling | None

    def scores(self, X: Images, y: NDArray[Any] | None) -> Floats:
        """(n,), whatever the images are scored with."""
        found = [np.empty(0)]
        for part, own in self._parts(X, y):
            if self.tiling is None:
                found.append(self.score(self.model, part, own))
            else:
                of_tiles = self.score(self.model, *self.tiling.tiles_of(part, own))
                found.append(of_tiles.reshape(len(part), -1).min(axis=1))
        return np.concatenate(found)

    def surprise(self, X: Images, y: NDArray[Any] | None) -> Floats:
        """The model's map of each image, in the layout of X; of tiles put together."""
        maps = []
        for part, own in self._parts(X, y):
            if self.tiling is None:
                maps.append(self.model.surprise_map(part, **labels(self.model, own)))
            else:
                tiles = cut_tiles(part, self.tiling.tile, self.tiling.overlap)
                cut, of_tile = self.tiling.tiles_of(part, own)
                maps.extend(
                    image[None]
                    for image in stitch_each(self.model.surprise_map(cut, **labels(self.model, of_tile)), tiles)
                )
        return np.concatenate(maps)

    def _parts(self, X: Images, y: NDArray[Any] | None) -> Iterator[tuple[Images, NDArray[Any] | None]]:
        # Of tiles that overlap an image takes more than its own bytes; maps and statistics are float64.
        bytes_an_image = 8 * X[:1].size
        if self.tiling is not None:
            bytes_an_image = 8 * cut_tiles(X[:1], self.tiling.tile, self.tiling.overlap).stack().size
        for start, stop in spans(X, max(1, bytes_an_image)):
            yield np.asarray(X[start:stop]), None if y is None else y[start:stop]
