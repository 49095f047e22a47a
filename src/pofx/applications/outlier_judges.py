"""A fitted model with a score that has learned its reference images: what judges images, whole or tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.applications.image_parts import spans
from pofx.applications.outlier_scores import ImageScore, labels
from pofx.data.images import ImageSpec
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


def tiling_of(tile: Any, overlap: Any, images: Images, spec: ImageSpec | None) -> Tiling | None:
    """What the parameters ``tile`` and ``overlap`` of a detector say of these images.

    Args:
        spec: of the images that a fitted model was fitted to; None: it is still to be fitted.

    Raises:
        ValueError: rows (n, d) have no tiles; a size that is none; overlap without tile.
    """
    if tile is None:
        if overlap is not None:
            raise ValueError("overlap is of tiles: give tile, too")
        return None
    if images.ndim == 2:
        raise ValueError("with tile X must be (n, height, width) or (n, height, width, channels), not rows (n, d)")
    if isinstance(tile, str):
        if spec is None:
            raise ValueError('tile="model" is the size of a fitted model, and this one is not fitted: give pixels')
        sides = (spec.height, spec.width)
    else:
        sides = _pair(tile, "tile")
    tiling = Tiling(sides, (sides[0] // 2, sides[1] // 2) if overlap is None else _pair(overlap, "overlap"))
    cut_tiles(images, tiling.tile, tiling.overlap)  # refuses what cannot be
    return tiling


def _pair(value: Any, name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, Integral) else tuple(value)
    if len(pair) != 2 or not all(isinstance(side, Integral) for side in pair):
        raise ValueError(f"{name} must be a number of pixels, or two (height, width), not {value!r}")
    return int(pair[0]), int(pair[1])


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
