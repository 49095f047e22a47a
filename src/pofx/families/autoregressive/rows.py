"""Evaluating a network row by row and pixel by pixel: what sampling needs so as not to start anew for every pixel.

Each layer has a companion (`LayerRows`) that remembers of the rows above no more than the layer looks at. For every row

    start     what the rows above contribute, for the whole row at once
    pixel     the features of one pixel, from its own input and what was remembered of the pixels to its left; or
    columns   the features of several neighbouring columns at once, teacher-forced
    finish    the row becomes one of the rows above

Shapes: N images, W columns, I features in, O features out; rows are NWI, channels last, so that a window of columns is
one matrix. ``active`` selects images: the indices of those that still change, or None for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from pofx.families.autoregressive.masks import MaskedConv2d


class LayerRows(ABC):
    """The companion of a layer for ``n`` images of ``width`` columns."""

    #: Whether `columns` evaluates its columns at the same time and not one after the other.
    columns_are_parallel = True

    @abstractmethod
    def start(self, above_NWI: Tensor | None) -> Tensor | None:
        """Begin a row. A layer of two stacks gets the vertical stack's row and returns its own; others pass None on."""

    @abstractmethod
    def pixel(self, h_NI: Tensor, column: int) -> Tensor:
        """The layer's output at one column, all columns to the left having been evaluated; NO. May overwrite h."""

    @abstractmethod
    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        """The layer's output at the columns from ``first`` to the last, given its input there; NWO."""

    @abstractmethod
    def finish(self) -> None:
        """End the row: every column was evaluated with its final input."""

    @abstractmethod
    def select(self, index: Tensor) -> None:
        """Keep the images of these indices, in this order; an index may come more than once."""


class PlacedRows(LayerRows):
    """A companion that reads a pixel's features from a place of its own, which the layer before may write to.

    Between layers of this kind nothing is copied or turned round. Features come first in these places, images last.
    """

    #: The place of each column, IN.
    places_IN: list[Tensor]

    @abstractmethod
    def evaluate(self, column: int, out_ON: Tensor) -> Tensor:
        """The layer's output at one column, from what is in its place; written to ``out_ON``, and returned."""

    def pixel(self, h_NI: Tensor, column: int) -> Tensor:
        here_IN = self.places_IN[column]
        here_IN.copy_(h_NI.T)
        return self.evaluate(column, torch.empty_like(here_IN)).T


def through_placed(layers: Sequence[PlacedRows], h_NI: Tensor, column: int, out_ON: Tensor) -> Tensor:
    """One pixel through layers that all have places, as `LayerRows.pixel` of one after the other would take it; NO.

    Args:
        out_ON: where the features end.
    """
    layers[0].places_IN[column].copy_(h_NI.T)
    for layer, after in pairwise(layers):
        layer.evaluate(column, after.places_IN[column])
    return layers[-1].evaluate(column, out_ON).T


class ConvolutionRows(LayerRows):
    """The companion of a `MaskedConv2d`. A row is evaluated pixel by pixel or by columns, not in both ways."""

    def __init__(self, convolution: MaskedConv2d, n: int, width: int) -> None:
        weight = convolution.masked_weight().detach()
        n_out, n_in, height = weight.shape[:3]
        self.reach, self.dilation = convolution.reach, convolution.dilation
        self.bias = weight.new_zeros(n_out) if convolution.bias is None else convolution.bias.detach()
        self.above_weight = weight[:, :, : height - 1].contiguous() if height > 1 else None
        # The window of a pixel, its columns from left to right and the features of each, as one vector.
        self.row_weight = weight[:, :, -1, : self.reach + 1].permute(2, 1, 0).flatten(0, 1).contiguous()
        self.above = weight.new_zeros(n, n_in, height - 1, width)
        # What sees one pixel only needs no memory.
        self.row = weight.new_zeros(n, self.reach * self.dilation + width if self.reach else 0, n_in)
        self.places = _places(self.reach, self.dilation, width) if self.reach else []
        self.base: Tensor = self.bias
        self._make_views()

    def _make_views(self) -> None:
        """Slicing for every pixel anew would take longer than the arithmetic."""
        flat, n_in = self.row.flatten(1), self.row.shape[2]
        self.slots = [self.row[:, place] for place in self.places]
        self.windows = [flat[:, (place - self.reach) * n_in : (place + 1) * n_in] for place in self.places]

    def start(self, above_NWI: Tensor | None, place_WO: Tensor | None = None) -> Tensor | None:
        """As said in `LayerRows`; ``place_WO`` is added to what comes out at each column of this row."""
        if self.above_weight is not None:
            summed_NO1W = F.conv2d(self.above, self.above_weight, self.bias, padding=(0, self.reach))
            self.base = summed_NO1W.squeeze(2).transpose(1, 2).contiguous()
            if place_WO is not None:
                self.base += place_WO
        elif place_WO is not None:
            self.base = self.bias + place_WO
        if self.dilation > 1:
            self.row.zero_()  # the row before may have been kept in another order
        return above_NWI

    def pixel(self, h_NI: Tensor, column: int, base_NO: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """As said in `LayerRows`; ``base_NO`` is added instead of the bias, in a layer that sees its own row only."""
        if self.reach == 0:
            return torch.addmm(self.bias if base_NO is None else base_NO, h_NI, self.row_weight, out=out)
        self.slots[column].copy_(h_NI)
        return self.evaluate(column, base_NO, out)

    def evaluate(self, column: int, base_NO: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """The output at one column of the row that is there."""
        if base_NO is None:
            base_NO = self.base if self.base.ndim == 1 else self.base[..., column, :]
        return torch.addmm(base_NO, self.windows[column], self.row_weight, out=out)

    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        if self.reach == 0:
            return h_NWI @ self.row_weight + self.bias
        left = self.reach * self.dilation
        if active is None:
            self.row[:, left + first :] = h_NWI
            row = self.row[:, first:]
        else:
            self.row[active, left + first :] = h_NWI
            row = self.row[active, first:]
        starts = range(0, left + 1, self.dilation)
        windows = torch.cat([row[:, start : start + h_NWI.shape[1]] for start in starts], 2)  # N W (reach + 1) * I
        base = self.base if self.base.ndim == 1 else self.base[..., first:, :]
        if base.ndim == 3 and active is not None:
            base = base[active]
        return windows @ self.row_weight + base

    def finish(self) -> None:
        if self.above_weight is not None:
            newest_NI1W = self.row[:, self.reach :].transpose(1, 2).unsqueeze(2)
            self.above = torch.cat([self.above[:, :, 1:], newest_NI1W], dim=2)

    def select(self, index: Tensor) -> None:
        self.above, self.row = self.above[index], self.row[index]
        self._make_views()
        if self.base.ndim == 3:
            self.base = self.base[index]


def _places(reach: int, dilation: int, width: int) -> list[int]:
    """Where the columns of a row are kept so that those of a window lie side by side, `reach` zeros at the left of all.

    Without dilation they keep their order; with it, first come the columns 0, d, 2d, ..., then 1, d + 1, and so on.
    """
    places, start = [0] * width, 0
    for phase in range(min(dilation, width)):
        columns = range(phase, width, dilation)
        for index, column in enumerate(columns):
            places[column] = start + reach + index
        start += reach + len(columns)
    return places
