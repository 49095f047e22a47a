"""Convolutions over cells: networks that are quick on a CPU even where the slope's own derivative is needed.

An image is cut into at most 8 x 8 cells of s x s pixels, whose numbers become channels of one place (the shuffle of Shi
et al. 2016, arXiv 1609.05158, and its inverse); all convolutions then are 3 x 3 on that small map. At 28 x 28 a step
with both penalties takes a third of the time of strided convolutions of as many channels.

Shapes: u_NCHW images as the networks see them; y_NK one-hot labels (K = 0 columns in an unconditional model).
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Slope of the leaky ReLU below zero.
LEAK = 0.2
#: Cells along the longer side of an image, at most.
CELLS = 8


Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def he(layer: Layer) -> Layer:
    """Weights at the scale at which features keep their size from layer to layer through leaky ReLUs (He et al. 2015,
    arXiv 1502.01852, section 2.2): a discriminator that begins smaller is all but constant, and stays so for long.
    """
    nn.init.kaiming_normal_(layer.weight, LEAK)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def cell_side(height: int, width: int) -> int:
    """s, the least power of two that leaves at most `CELLS` cells a side."""
    side = 1
    while max(height, width) > CELLS * side:
        side *= 2
    return side


class CellReader(nn.Module):
    """``depth`` convolutions over the cells of an image, one linear layer to the outputs.

    Sides that are no multiple of s are continued by their last row or column.

    Args:
        shape_CHW: of an image.
        n_outputs: numbers an image.
        width: channels.
        depth: convolutions, at least 1.
    """

    def __init__(self, shape_CHW: tuple[int, int, int], n_outputs: int, width: int, depth: int) -> None:
        super().__init__()
        channels, height, image_width = shape_CHW
        self.side = cell_side(height, image_width)
        self.rest = (-image_width % self.side, -height % self.side)
        n_cells = -(-height // self.side) * -(-image_width // self.side)
        widths = [channels * self.side**2, *([width] * depth)]
        self.layers = nn.ModuleList(he(nn.Conv2d(n_in, width, 3, padding=1)) for n_in in widths[:-1])
        self.head = he(nn.Linear(width * n_cells, n_outputs))

    def maps(self, u_NCHW: Tensor) -> list[Tensor]:
        """The features after every convolution, NCHW."""
        h_NCHW = F.pad(u_NCHW, (0, self.rest[0], 0, self.rest[1]), mode="replicate") if any(self.rest) else u_NCHW
        h_NCHW, maps = F.pixel_unshuffle(h_NCHW, self.side), []
        for layer in self.layers:
            h_NCHW = F.leaky_relu(layer(h_NCHW), LEAK)
            maps.append(h_NCHW)
        return maps

    def forward(self, u_NCHW: Tensor) -> Tensor:
        output_NM: Tensor = self.head(self.maps(u_NCHW)[-1].flatten(1))
        return output_NM


class CellGenerator(nn.Module):
    """Latent and label -> image: one linear layer to the cells, ``depth`` convolutions over them, the last of which
    gives the pixels of each cell.
    """

    def __init__(
        self, shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
    ) -> None:
        super().__init__()
        channels, self.height, self.width = shape_CHW
        self.side = cell_side(self.height, self.width)
        self.map_shape = (width, -(-self.height // self.side), -(-self.width // self.side))
        self.foot = he(nn.Linear(latent_dim + n_classes, self.map_shape[0] * self.map_shape[1] * self.map_shape[2]))
        widths = [width] * depth + [channels * self.side**2]
        self.layers = nn.ModuleList(he(nn.Conv2d(width, n_out, 3, padding=1)) for n_out in widths[1:])

    def forward(self, z_NL: Tensor, y_NK: Tensor) -> Tensor:
        h_NCHW = self.foot(torch.cat([z_NL, y_NK], dim=1)).unflatten(1, self.map_shape)
        for layer in self.layers:
            h_NCHW = layer(F.leaky_relu(h_NCHW, LEAK))
        return F.pixel_shuffle(h_NCHW, self.side)[:, :, : self.height, : self.width]
