"""What an image is: its shape and levels (`ImageSpec`), and how a user's arrays hold it (`ImageFormat`).

Inside pofx images are levels in the order (n, channels, height, width), NCHW. Outside they look as the user gave them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.levels import LevelGrid, RealLevels


@dataclass(frozen=True)
class ImageSpec:
    """The support of p(x): height x width x channels sub-pixels, each an integer 0..levels-1."""

    height: int
    width: int
    channels: int
    levels: int

    @property
    def n_dims(self) -> int:
        """D, the number of sub-pixels."""
        return self.height * self.width * self.channels

    @property
    def shape_CHW(self) -> tuple[int, int, int]:
        return (self.channels, self.height, self.width)

    @property
    def shape_HWC(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)

    def __str__(self) -> str:
        colour = "" if self.channels == 1 else f" x {self.channels} channels"
        return f"{self.height} x {self.width}{colour}, {self.levels} levels"


@dataclass(frozen=True)
class ImageFormat:
    """How arrays of a user hold images: ``n_axes`` 2 for (n, d), 3 for (n, H, W), 4 for (n, H, W, C); dtype; levels."""

    spec: ImageSpec
    n_axes: int
    dtype: str
    grid: LevelGrid

    def array_shape(self, n: int) -> tuple[int, ...]:
        spec = self.spec
        return {2: (n, spec.n_dims), 3: (n, spec.height, spec.width), 4: (n, *spec.shape_HWC)}[self.n_axes]

    def rows_to_NCHW(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(n, d) rows in the user's order (row, column, channel) -> (n, C, H, W), a view."""
        return rows.reshape(len(rows), *self.spec.shape_HWC).transpose(0, 3, 1, 2)

    def layout(self, values_NCHW: NDArray[Any]) -> NDArray[Any]:
        """(n, C, H, W) -> the user's layout, of whatever dtype."""
        return np.ascontiguousarray(values_NCHW.transpose(0, 2, 3, 1)).reshape(self.array_shape(len(values_NCHW)))

    def levels_NCHW(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows of user values -> levels (n, C, H, W); ValueError outside the support."""
        return self.rows_to_NCHW(self.grid.levels_of(rows))

    def nearest_levels_NCHW(self, images: NDArray[Any]) -> NDArray[Any]:
        """Images in the user's layout, on the grid or between its values -> the nearest levels (n, C, H, W)."""
        return self.rows_to_NCHW(self.grid.nearest_levels(images.reshape(len(images), -1)))

    def images(self, levels_NCHW: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Levels (n, C, H, W) -> images like the ones the model was fitted to, in layout, dtype and values."""
        return self.layout(self.grid.values_of(levels_NCHW, rng)).astype(self.dtype, copy=False)

    def expected_images(self, levels_NCHW: NDArray[Any]) -> NDArray[np.float64]:
        """Real-valued levels (means) -> float64 images in the user's layout and range."""
        return self.layout(self.grid.expected_values(levels_NCHW))

    def unscaled_images(self, scaled_NCHW: NDArray[Any]) -> NDArray[np.float64]:
        """Scaled reals (`RealLevels.scaled`) -> float64 images in the user's layout and unit."""
        assert isinstance(self.grid, RealLevels)
        return self.layout(self.grid.unscaled(scaled_NCHW))

    def to_json(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "height": spec.height,
            "width": spec.width,
            "channels": spec.channels,
            "n_axes": self.n_axes,
            "dtype": self.dtype,
            "grid": self.grid.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ImageFormat:
        """The format that `to_json` described; ValueError, KeyError or TypeError where it is none."""
        height, width, channels = sizes = [data[key] for key in ("height", "width", "channels")]
        grid = LevelGrid.from_json(data["grid"])
        counts_are_right = all(type(size) is int and size > 0 for size in sizes) and type(data["n_axes"]) is int
        axes_are_right = data["n_axes"] in (2, 4) or (data["n_axes"] == 3 and channels == 1)
        if not (counts_are_right and axes_are_right and type(grid.levels) is int and 2 <= grid.levels <= 2**16):
            raise ValueError(f"impossible image format {data}")
        dtype = np.dtype(data["dtype"])
        if dtype.kind == "b" and grid.levels != 2:
            raise ValueError("images of truth values have two levels")
        if dtype.kind not in "buif":
            raise ValueError(f"images of type {dtype} do not exist")
        return cls(ImageSpec(height, width, channels, grid.levels), data["n_axes"], dtype.str, grid)


def shape_HWC(array_shape: Sequence[int], image_shape: Sequence[int] | None = None) -> tuple[int, int, int]:
    """Height, width and channels of the images in an array of this shape.

    (n, H, W) and (n, H, W, C) speak for themselves. Of (n, d), ``image_shape`` (H, W) or (H, W, C) tells; without it an
    image is square where d is a square number, otherwise 1 x d.

    Raises:
        ValueError: another number of axes, an ``image_shape`` that does not fit, or channels in front.
    """
    if image_shape is not None:
        shape = tuple(image_shape)
        if len(shape) not in (2, 3) or not all(isinstance(size, Integral) and size > 0 for size in shape):
            raise ValueError(f"image_shape must be (height, width) or (height, width, channels), not {image_shape}")
    if len(array_shape) == 2:
        d = array_shape[1]
        if image_shape is None:
            side = math.isqrt(d)
            return (side, side, 1) if side * side == d else (1, d, 1)
        if math.prod(shape) != d:
            raise ValueError(f"image_shape={image_shape} has {math.prod(shape)} values, but X has {d} features")
        return (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    if len(array_shape) not in (3, 4):
        raise ValueError(
            "X must be (n, d), (n, height, width) or (n, height, width, channels); it has the shape "
            f"{tuple(array_shape)}"
        )
    found = tuple(array_shape[1:])
    if image_shape is None and len(found) == 3 and found[0] in (1, 3) and found[2] > 4:
        raise ValueError(
            f"X has the shape {tuple(array_shape)}, which looks like channels first; pofx takes (n, height, width, "
            "channels): use np.moveaxis(X, 1, -1)"
        )
    if image_shape is not None and shape not in (found, found[:2] if found[2:] == (1,) else found, (*found, 1)):
        raise ValueError(f"image_shape={image_shape}, but the images in X have the shape {found}")
    return (found[0], found[1], found[2] if len(found) == 3 else 1)
