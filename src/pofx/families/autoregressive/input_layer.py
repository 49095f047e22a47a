"""The first layer of an autoregressive network: what is seen of the image, and where in it a pixel is.

Shapes: u_NCHW scaled levels, h_NFHW features; rows NWC and NWF, see `rows`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.rows import ConvolutionRows

#: Width of the first convolution.
INPUT_KERNEL = 7


class Place(nn.Module):
    """What the features know of where they are: a term for each row and one for each column, both learned; FHW.

    Convolutions take a blank surrounding for the same everywhere: with these terms they know how far an image has come
    without seeing its edge. They begin as zero, and are no part of any mask: they say nothing of the pixels.
    """

    def __init__(self, n_features: int, height: int, width: int) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.zeros(n_features, height))
        self.column = nn.Parameter(torch.zeros(n_features, width))

    def forward(self) -> Tensor:
        return self.row[:, :, None] + self.column[:, None]

    def of_rows(self) -> Tensor:
        """The same, row by row, HWF."""
        return self().detach().permute(1, 2, 0).contiguous()


class InputLayer(nn.Module):
    """A 7 x 7 convolution under mask A, from the image to F features, and the place of each.

    Args:
        two_stacks: whether there is a vertical stack, of the rows strictly above.
        size: height and width of the images; None: of any size, and no feature knows its place.
    """

    def __init__(
        self, channels: int, n_features: int, n_groups: int, *, two_stacks: bool, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        image, features = colour_groups(channels, n_groups), colour_groups(n_features, n_groups)
        self.look = MaskedConv2d(image, features, INPUT_KERNEL, "A", one_row=two_stacks)
        self.reach = self.look.reach
        self.vertical = nn.Conv2d(channels, n_features, (self.reach, INPUT_KERNEL)) if two_stacks else None
        self.place = None if size is None else Place(n_features, *size)
        self.vertical_place = None if size is None or not two_stacks else Place(n_features, *size)

    def forward(self, u_NCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """The features of the image, and of the rows strictly above in networks of two stacks."""
        look = _placed(self.look(u_NCHW), self.place)
        if self.vertical is None:
            return look, None
        above = self.vertical(F.pad(u_NCHW, (self.reach, self.reach, self.reach, 0)))[:, :, :-1]
        above = _placed(above, self.vertical_place)
        # Channels last in memory: the convolutions after this one keep it so, and are a sixth quicker.
        return (
            look.contiguous(memory_format=torch.channels_last),
            above.contiguous(memory_format=torch.channels_last),
        )


def _placed(h_NFHW: Tensor, place: Place | None) -> Tensor:
    return h_NFHW if place is None else h_NFHW + place()


class InputRows:
    """The companion of an `InputLayer`."""

    def __init__(self, layer: InputLayer, n: int, width: int) -> None:
        self.look = ConvolutionRows(layer.look, n, width)
        self.vertical, self.reach = layer.vertical, layer.reach
        weight = layer.look.weight
        self.above_NCRW = weight.new_zeros(n, weight.shape[1], layer.reach, width)
        self.row = 0
        self.place_HWF, self.vertical_place_HWF = (
            None if place is None else place.of_rows() for place in (layer.place, layer.vertical_place)
        )

    def start(self) -> Tensor | None:
        self.look.start(None, None if self.place_HWF is None else self.place_HWF[self.row])
        if self.vertical is None:
            return None
        above = F.conv2d(self.above_NCRW, self.vertical.weight, self.vertical.bias, padding=(0, self.reach))
        above_NWF = above.squeeze(2).transpose(1, 2)
        return above_NWF if self.vertical_place_HWF is None else above_NWF + self.vertical_place_HWF[self.row]

    def finish(self, u_NWC: Tensor) -> None:
        self.row += 1
        self.look.row[:, self.reach :] = u_NWC
        self.look.finish()
        if self.vertical is not None:
            newest = u_NWC.transpose(1, 2).unsqueeze(2)
            self.above_NCRW = torch.cat([self.above_NCRW[:, :, 1:], newest], dim=2)

    def select(self, index: Tensor) -> None:
        self.look.select(index)
        self.above_NCRW = self.above_NCRW[index]
