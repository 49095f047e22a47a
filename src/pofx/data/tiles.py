"""Images larger than a model's: cut into tiles that overlap, and maps of the tiles put together again.

The tiles of a collection are never all in memory unless one asks for them: `Tiles` knows where each lies, and
`Tiles.batches` and `stitch_each` go through them one batch and one image at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Tiles:
    """Where the tiles of a stack of images lie. Made by `cut_tiles`.

    Tiles are counted image by image, in an image row by row, in a row from the left; an image has
    ``len(tops) * len(lefts)`` of them. What is known of each tile, shape (n_tiles,), is of each image after
    ``values.reshape(len(tiles.images), -1)``: its greatest score, say, is that ``.max(axis=1)``.

    Attributes:
        images: (n, H, W) or (n, H, W, C), as given; not copied.
        tile: height h and width w of a tile.
        tops: first row of the tiles, ascending.
        lefts: first column of the tiles, ascending.
    """

    images: NDArray[Any]
    tile: tuple[int, int]
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images) * self.n_tiles_an_image

    @property
    def n_tiles_an_image(self) -> int:
        return len(self.tops) * len(self.lefts)

    @property
    def image_of_tile(self) -> NDArray[np.int64]:
        """(n_tiles,): which image each tile was cut from."""
        return np.repeat(np.arange(len(self.images)), self.n_tiles_an_image)

    @property
    def corner_of_tile(self) -> NDArray[np.int64]:
        """(n_tiles, 2): row and column of each tile's first pixel in its image."""
        corners = np.stack(np.meshgrid(self.tops, self.lefts, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.tile(corners, (len(self.images), 1))

    def stack(self) -> NDArray[Any]:
        """All tiles in memory, (n_tiles, h, w) or (n_tiles, h, w, C)."""
        return self._cut(0, len(self))

    def batches(self, batch_size: int = 256) -> Iterator[NDArray[Any]]:
        """Consecutive tiles, ``batch_size`` at a time; of a memory-mapped file no more than that is held.

        Raises:
            ValueError: a batch size below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        return self._batches(batch_size)

    def _batches(self, batch_size: int) -> Iterator[NDArray[Any]]:
        for start in range(0, len(self), batch_size):
            yield self._cut(start, min(start + batch_size, len(self)))
            if isinstance(self.images, np.memmap):
                from pofx.data.checking import release_pages  # imports scikit-learn, which nothing else here needs

                release_pages(self.images)

    def _cut(self, start: int, stop: int) -> NDArray[Any]:
        height, width = self.tile
        cut = np.empty((stop - start, height, width, *self.images.shape[3:]), self.images.dtype)
        for out, index in zip(cut, range(start, stop), strict=True):
            image, place = divmod(index, self.n_tiles_an_image)
            top, left = self._corner(place)
            out[...] = self.images[image, top : top + height, left : left + width]
        return cut

    def _corner(self, place: int) -> tuple[int, int]:
        row, column = divmod(place, len(self.lefts))
        return int(self.tops[row]), int(self.lefts[column])


def cut_tiles(images: NDArray[Any], tile: int | tuple[int, int], overlap: int | tuple[int, int] = 0) -> Tiles:
    """Cover images with tiles of one size.

    From the top and the left tiles lie ``tile - overlap`` pixels apart; the last ones lie flush with the bottom and the
    right, so that every pixel is covered and no tile leads outside. Neighbours share ``overlap`` pixels, the last two
    perhaps more.

    Args:
        images: (n, H, W) or (n, H, W, C), in memory or memory-mapped; nothing is read yet.
        tile: height and width of a tile; one number for a square.
        overlap: pixels that neighbours share, in height and width; less than the tile.

    Raises:
        ValueError: another number of axes, images smaller than the tile, an overlap that is no overlap.
    """
    if images.ndim not in (3, 4):
        raise ValueError(f"images must be (n, height, width) or (n, height, width, channels), not {images.shape}")
    height, width = _pair(tile, "tile")
    shared_rows, shared_columns = _pair(overlap, "overlap")
    if height < 1 or width < 1:
        raise ValueError(f"tile must be at least one pixel high and wide, not {height} x {width}")
    if not (0 <= shared_rows < height and 0 <= shared_columns < width):
        raise ValueError(
            f"overlap must be 0 or more and less than the tile of {height} x {width}, not "
            f"{shared_rows} x {shared_columns}"
        )
    if images.shape[1] < height or images.shape[2] < width:
        raise ValueError(
            f"the images are {images.shape[1]} x {images.shape[2]} pixels, smaller than the tile of {height} x {width}"
        )
    tops = _starts(images.shape[1], height, height - shared_rows)
    lefts = _starts(images.shape[2], width, width - shared_columns)
    return Tiles(images, (height, width), tops, lefts)


def stitch(maps: NDArray[Any] | Iterable[NDArray[Any]], tiles: Tiles) -> NDArray[np.float64]:
    """Put a map of each tile together to a map of each image; all of them in memory. See `stitch_each`.

    Returns:
        (n, H, W), followed by whatever axes the maps have after height and width.
    """
    stitched = None
    for index, image in enumerate(stitch_each(maps, tiles)):
        if stitched is None:
            stitched = np.empty((len(tiles.images), *image.shape))
        stitched[index] = image
    if stitched is None:
        raise ValueError("there are no images to stitch")
    return stitched


def stitch_each(maps: NDArray[Any] | Iterable[NDArray[Any]], tiles: Tiles) -> Iterator[NDArray[np.float64]]:
    """Put a map of each tile together to a map of each image, one image after the other.

    Where tiles overlap, a pixel is the mean of what they say of it, weighted by how far it lies inside each of them:

        w(i, j) = min(i + 1, h - i) * min(j + 1, w - j),    i in 0..h-1, j in 0..w-1,

    a tent over the tile. One tile fades into the next, so that no seam is seen where they disagree. Where they agree
    the result is their very value, to the last bit: the mean is updated as m <- m + (v - m) w / W, W the weights up to
    and including this one, whose increment is exactly 0 for v = m.

    Args:
        maps: a finite value for each pixel of each tile, (n_tiles, h, w) or (n_tiles, h, w, ...): as one array, or as
            consecutive batches of any sizes, which need then never be in memory together.
        tiles: what the maps are of.

    Yields:
        float64, (H, W) or (H, W, ...), an image at a time.

    Raises:
        ValueError: the maps are not of the tiles' size, too few or too many.
    """
    single = _one_by_one(maps, tiles)
    height, width = tiles.tile
    weight = np.outer(_tent(height), _tent(width))
    for _ in range(len(tiles.images)):
        mean: NDArray[np.float64] | None = None
        for place in range(tiles.n_tiles_an_image):
            value = next(single, None)
            if value is None:
                raise ValueError(f"there are fewer maps than the {len(tiles)} tiles")
            if mean is None:
                mean = np.zeros((*tiles.images.shape[1:3], *value.shape[2:]))
                total = np.zeros((*tiles.images.shape[1:3], *(1,) * (value.ndim - 2)))
                here = weight.reshape(height, width, *(1,) * (value.ndim - 2))
            top, left = tiles._corner(place)
            window = np.s_[top : top + height, left : left + width]
            total[window] += here
            mean[window] += (value - mean[window]) * (here / total[window])
        assert mean is not None
        yield mean
    if next(single, None) is not None:
        raise ValueError(f"there are more maps than the {len(tiles)} tiles")


def _one_by_one(maps: NDArray[Any] | Iterable[NDArray[Any]], tiles: Tiles) -> Iterator[NDArray[np.float64]]:
    shape = None
    for batch in [maps] if isinstance(maps, np.ndarray) else maps:
        shape = shape or batch.shape[1:]
        if batch.ndim < 3 or batch.shape[1:3] != tiles.tile or batch.shape[1:] != shape:
            raise ValueError(
                f"maps of tiles must have the shape (n_tiles, {tiles.tile[0]}, {tiles.tile[1]}, ...), "
                f"the same in every batch, not {batch.shape}"
            )
        for value in batch:
            yield np.asarray(value, dtype=np.float64)


def _starts(size: int, tile: int, step: int) -> NDArray[np.int64]:
    """Where tiles begin along an axis: every ``step`` pixels, and the last at ``size - tile``."""
    n_steps = math.ceil((size - tile) / step)
    return np.minimum(np.arange(n_steps + 1) * step, size - tile)


def _tent(size: int) -> NDArray[np.float64]:
    """min(i + 1, size - i)."""
    i = np.arange(size)
    return np.minimum(i + 1.0, size - i)


def _pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(isinstance(part, int | np.integer) and not isinstance(part, bool) for part in pair):
        raise ValueError(f"{name} must be a whole number of pixels, or two (height, width), not {value!r}")
    return int(pair[0]), int(pair[1])
