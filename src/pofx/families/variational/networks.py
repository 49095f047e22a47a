"""Encoders q(z|x) and decoders p(x|z): fully connected for small images, convolutional from 16 x 16 on, of any size.

Shapes: u_NCHW images scaled to [-1, 1]; z_NL latents; y_NK one-hot labels (K = 0 columns in an unconditional model);
parameters_NPHW what the pixel law takes, P numbers a pixel. No loss and no probability in here.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.nn.blocks import ResidualBlock, hidden_layers, mlp
from pofx.nn.pyramid import padded, pyramid, stage_widths
from pofx.nn.residual import ResidualReader

#: Bounds of log sigma^2 of q(z|x): a deviation from 0.0025 to 55 prior deviations, and no overflow in exp.
LOG_VARIANCE_RANGE = (-12.0, 8.0)


class MLPEncoder(nn.Module):
    """Image and label -> mean and log variance of q(z|x), through ``depth`` hidden layers of ``width`` units."""

    def __init__(
        self, shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
    ) -> None:
        super().__init__()
        self.hidden, n_features = mlp(math.prod(shape_CHW) + n_classes, width, depth)
        self.head = nn.Linear(n_features, 2 * latent_dim)

    def forward(self, u_NCHW: Tensor, y_NK: Tensor) -> tuple[Tensor, Tensor]:
        h = self.hidden(torch.cat([u_NCHW.flatten(1), y_NK], dim=1))
        return split_posterior(self.head(h))

    @property
    def n_layers(self) -> int:
        """How many layers come before q(z|x)."""
        return sum(isinstance(layer, nn.Linear) for layer in self.hidden)

    def layers(self, u_NCHW: Tensor, y_NK: Tensor) -> list[Tensor]:
        """What each of them gives, NF, behind its activation function."""
        return hidden_layers(self.hidden, torch.cat([u_NCHW.flatten(1), y_NK], dim=1))


class MLPDecoder(nn.Module):
    """Latent and label -> parameters of the pixel law, through ``depth`` hidden layers of ``width`` units."""

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
        self.out_shape = (n_parameters, *shape_CHW[1:])
        self.hidden, n_features = mlp(latent_dim + n_classes, width, depth)
        self.head = nn.Linear(n_features, math.prod(self.out_shape))

    def forward(self, z_NL: Tensor, y_NK: Tensor) -> Tensor:
        return self.head(self.hidden(torch.cat([z_NL, y_NK], dim=1))).unflatten(1, self.out_shape)


class ConvolutionalEncoder(nn.Module):
    """Strided convolutions down to at most 8 x 8, ``depth`` residual blocks there, one linear layer to q(z|x)."""

    def __init__(
        self, shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
    ) -> None:
        super().__init__()
        channels, *_ = shape_CHW
        sizes = pyramid(shape_CHW[1:])
        # The image itself is only read by strides: features at full size would cost most and are not needed here.
        widths = [channels, *stage_widths(width, len(sizes))]
        self.stride = 2 if len(sizes) > 1 else 1
        kernel = {1: 3, 2: 4}[self.stride]
        self.down = nn.ModuleList(
            nn.Conv2d(inner, outer, kernel, self.stride, padding=1) for inner, outer in pairwise(widths)
        )
        self.label = nn.Linear(n_classes, widths[1], bias=False) if n_classes else None
        self.blocks = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(depth)))
        self.head = nn.Linear(widths[-1] * math.prod(sizes[-1]), 2 * latent_dim)

    def maps(self, u_NCHW: Tensor, y_NK: Tensor) -> list[Tensor]:
        """The features after every convolution that makes the map smaller, and after the blocks, NCHW; before their
        activation function."""
        h_NCHW = self.down[0](padded(self.stride, u_NCHW))
        if self.label is not None:
            h_NCHW = h_NCHW + self.label(y_NK)[:, :, None, None]
        maps = [h_NCHW]
        for down in self.down[1:]:
            maps.append(down(padded(self.stride, F.silu(maps[-1]))))
        return [*maps, self.blocks(maps[-1])] if len(self.blocks) else maps

    def forward(self, u_NCHW: Tensor, y_NK: Tensor) -> tuple[Tensor, Tensor]:
        return split_posterior(self.head(F.silu(self.maps(u_NCHW, y_NK)[-1]).flatten(1)))

    @property
    def n_layers(self) -> int:
        """How many layers come before q(z|x)."""
        return len(self.down) + (len(self.blocks) > 0)

    def layers(self, u_NCHW: Tensor, y_NK: Tensor) -> list[Tensor]:
        """What each of them gives, NCHW, before its activation function."""
        return self.maps(u_NCHW, y_NK)


class ConvolutionalDecoder(nn.Module):
    """Linear, residual blocks at the smallest size, transposed convolutions up, a shuffle of pixels to full size.

    The last doubling gives four pixels' parameters at each place of the half-sized map (Shi et al. 2016, arXiv
    1609.05158): features at full size would cost as much as all the rest.
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
        self.sizes = pyramid(shape_CHW[1:])[::-1]
        widths = stage_widths(width, len(self.sizes))[::-1]
        self.foot_shape = (widths[0], *self.sizes[0])
        self.foot = nn.Linear(latent_dim + n_classes, math.prod(self.foot_shape))
        self.blocks = nn.Sequential(*(ResidualBlock(widths[0]) for _ in range(depth)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1) for inner, outer in pairwise(widths)
        )
        self.shuffle = 2 if len(self.sizes) > 1 else 1
        self.head = nn.Conv2d(widths[-1], n_parameters * self.shuffle**2, 3, padding=1)

    def forward(self, z_NL: Tensor, y_NK: Tensor) -> Tensor:
        h_NCHW = self.foot(torch.cat([z_NL, y_NK], dim=1)).unflatten(1, self.foot_shape)
        h_NCHW = self.blocks(h_NCHW)
        for up, (height, width) in zip(self.up, self.sizes[1:], strict=False):
            # An odd size came from half a row more: what the doubling adds to it is cut off.
            h_NCHW = up(F.silu(h_NCHW))[:, :, :height, :width]
        height, width = self.sizes[-1]
        return F.pixel_shuffle(self.head(F.silu(h_NCHW)), self.shuffle)[:, :, :height, :width]


def split_posterior(head_NM: Tensor) -> tuple[Tensor, Tensor]:
    """The encoder's last layer -> mean and log variance (kept in `LOG_VARIANCE_RANGE`), each (n, latent_dim)."""
    mean_NL, log_variance_NL = head_NM.chunk(2, dim=1)
    return mean_NL, log_variance_NL.clamp(*LOG_VARIANCE_RANGE)


class ResidualEncoder(ResidualReader):
    """Mean and log variance of q(z|x), read by a `ResidualReader`."""

    def __init__(
        self, shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
    ) -> None:
        super().__init__(shape_CHW, n_classes, 2 * latent_dim, width, depth)

    def forward(self, u_NCHW: Tensor, y_NK: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return split_posterior(super().forward(u_NCHW, y_NK))

    @property
    def n_layers(self) -> int:
        """How many sizes come before q(z|x)."""
        return len(self.down)

    def layers(self, u_NCHW: Tensor, y_NK: Tensor) -> list[Tensor]:
        """The features at each of them, NCHW, before their activation function."""
        return self.maps(u_NCHW, y_NK)
