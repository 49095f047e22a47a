"""The sizes between an image and a map of at most 8 x 8, and how many channels each has."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def padded(stride: int, h_NCHW: Tensor) -> Tensor:
    """Before a stride of 2 the last row or column of an odd size is repeated: half of it, rounded up, comes out."""
    height, width = h_NCHW.shape[-2:]
    if stride == 1 or (height % 2 == 0 and width % 2 == 0):
        return h_NCHW
    return F.pad(h_NCHW, (0, width % 2, 0, height % 2), mode="replicate")


def pyramid(size_HW: tuple[int, ...]) -> list[tuple[int, int]]:
    """The sizes from the image down to at most 8 x 8, each half of the one before, rounded up."""
    height, width = size_HW
    sizes = [(height, width)]
    while max(height, width) > 8 and min(height, width) > 1:
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def stage_widths(width: int, n_sizes: int) -> list[int]:
    """Channels at each size of the pyramid below the full one: width at half size, 2 width at the smaller ones."""
    return [width, *([2 * width] * n_sizes)][: max(n_sizes - 1, 1)]
