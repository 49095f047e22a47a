"""Residual networks from images to numbers and back that are quick on a CPU: blocks at half size and below.

Shapes: u_NCHW images scaled to [-1, 1]; z_NL latents; y_NK one-hot labels (K = 0 columns in an unconditional model);
NPHW what comes out for each pixel.

Maps are kept channels last, which CPU convolutions of few channels run up to twice as fast on.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.nn.blocks import ResidualBlock
from pofx.nn.pyramid import padded, pyramid, stage_widths


class ResidualReader(nn.Module):
    """Strided convolutions down to at most 8 x 8 with residual blocks between, one linear layer to the outputs.

    Args:
        shape_CHW: of an image.
        n_classes: columns of y.
        n_outputs: numbers an image.
        width: channels at half size; twice as many below.
        depth: residual blocks at each size.
    """

    def __init__(self, shape_CHW: tuple[int, int, int], n_classes: int, n_outputs: int, width: int, depth: int) -> None:
        super().__init__()
        channels, *_ = shape_CHW
        sizes = pyramid(shape_CHW[1:])
        widths = stage_widths(width, len(sizes))
        self.stride = 2 if len(sizes) > 1 else 1
        kernel = {1: 3, 2: 4}[self.stride]
        self.down = nn.ModuleList(
            nn.Conv2d(inner, outer, kernel, self.stride, padding=1) for inner, outer in pairwise([channels, *widths])
        )
        self.blocks = nn.ModuleList(_stack(channels, depth) for channels in widths)
        self.label = nn.Linear(n_classes, widths[0], bias=False) if n_classes else None
        self.head = nn.Linear(widths[-1] * math.prod(sizes[-1]), n_outputs)

    def maps(self, u_NCHW: Tensor, y_NK: Tensor) -> list[Tensor]:
        """The features at every size, NCHW, largest first."""
        h_NCHW, maps = u_NCHW.contiguous(memory_format=torch.channels_last), []
        for number, (down, blocks) in enumerate(zip(self.down, self.blocks, strict=True)):
            h_NCHW = down(padded(self.stride, F.silu(h_NCHW) if number else h_NCHW))
            if number == 0 and self.label is not None:
                h_NCHW = h_NCHW + self.label(y_NK)[:, :, None, None]
            h_NCHW = blocks(h_NCHW)
            maps.append(h_NCHW)
        return maps

    def forward(self, u_NCHW: Tensor, y_NK: Tensor) -> Tensor:
        output_NM: Tensor = self.head(F.silu(self.maps(u_NCHW, y_NK)[-1]).flatten(1))
        return output_NM


class ResidualDecoder(nn.Module):
    """One linear layer to at most 8 x 8, residual blocks at every size up to half, a shuffle of pixels between them.

    Each doubling, the last one to the pixels' parameters too, gives what belongs to four places at one (Shi et al.
    2016, arXiv 1609.05158).

    Args:
        shape_CHW: of an image.
        n_parameters: numbers a pixel.
        n_classes: columns of y.
        latent_dim: L.
        width: channels at half size; twice as many below.
        depth: residual blocks at each size.
    """

    def __init__(
        self,
        shape_CHW: tuple[int, int, int],
        n_parameters: int,
        n_classes: int,
        latent_dim: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        sizes = pyramid(shape_CHW[1:])
        widths = stage_widths(width, len(sizes))[::-1]
        #: What every doubling ends at; an odd size came from half a row more, which is cut off again.
        self.sizes = sizes[::-1][1:] or sizes
        self.foot_shape = (widths[0], *sizes[-1])
        self.foot = nn.Linear(latent_dim + n_classes, math.prod(self.foot_shape))
        self.blocks = nn.ModuleList(_stack(channels, depth) for channels in widths)
        self.up = nn.ModuleList(nn.Conv2d(inner, 4 * outer, 1) for inner, outer in pairwise(widths))
        self.shuffle = 2 if len(sizes) > 1 else 1
        self.head = nn.Conv2d(widths[-1], n_parameters * self.shuffle**2, 3, padding=1)

    def forward(self, z_NL: Tensor, y_NK: Tensor) -> Tensor:
        h_NCHW = self.foot(torch.cat([z_NL, y_NK], dim=1)).unflatten(1, self.foot_shape)
        h_NCHW = h_NCHW.contiguous(memory_format=torch.channels_last)
        for blocks, up, (height, width) in zip(self.blocks, [*self.up, self.head], self.sizes, strict=True):
            h_NCHW = F.pixel_shuffle(up(F.silu(blocks(h_NCHW))), self.shuffle)[:, :, :height, :width]
        return h_NCHW


def _stack(channels: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, gated=True) for _ in range(depth)))
