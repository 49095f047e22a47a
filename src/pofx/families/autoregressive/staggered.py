"""Evaluating several rows at once, each a few columns behind the row above it.

Where a pixel looks fewer than ``lag`` columns to its right into the rows above, a row need not wait for their end. In
step s the rows r with 0 <= s - lag r < W are evaluated together, each at its column s - lag r, and H rows take
W + lag (H - 1) steps instead of H W. The Row LSTM is such a network at any depth: a layer takes from the row above its
own states only, so that how far it looks to the right does not add up over the layers, but over the rows.

Shapes: N images, K rows of a step, M = K N columns of a matrix, images innermost; L layers, T steps, C channels, F
features, P parameters, X places of the image with zeros around it, I numbers of a window.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.families.autoregressive.input_layer import InputLayer
from pofx.families.autoregressive.masks import MaskedConv2d


@dataclass(frozen=True)
class Stagger:
    """Which pixels are evaluated in which step: row r has column s - lag r in step s."""

    height: int
    width: int
    lag: int

    @property
    def n_steps(self) -> int:
        return self.width + self.lag * (self.height - 1)

    def rows(self, step: int) -> range:
        """The rows of a step; if an image is narrower than the lag, some steps have none."""
        first = -((self.width - 1 - step) // self.lag)
        return range(max(0, first), min(self.height - 1, step // self.lag) + 1)

    @property
    def most_rows(self) -> int:
        """Of a step."""
        return min(self.height, -(-self.width // self.lag))

    def column(self, step: int, row: int) -> int:
        return step - self.lag * row

    def pixels(self, step: int, pitch: int) -> slice:
        """Where the pixels of a step lie in an image whose rows begin ``pitch`` numbers apart; the step has rows."""
        rows = self.rows(step)
        # From one row to the next; a step of several rows has pitch >= width > lag.
        gap = max(1, pitch - self.lag)
        first = rows[0] * pitch + self.column(step, rows[0])
        return slice(first, first + gap * (len(rows) - 1) + 1, gap)


class StepMemory:
    """What the last steps left in each layer, a matrix for each: (layers, steps, features, columns).

    Args:
        n_back: how many steps back one looks.
        start_LFM: what the steps before the first one left.
    """

    def __init__(self, n_back: int, start_LFM: Tensor) -> None:
        self.n_back = n_back
        # What is still needed moves to the front when the end is reached; with this room it seldom has to.
        self.kept_LTFM = start_LFM[:, None].repeat(1, 3 * n_back + 2, 1, 1)
        self.now = n_back

    def advance(self, wanted: slice) -> None:
        """Begin the next step.

        Args:
            wanted: the columns of the steps before that will still be looked at. All others may go stale, but for those
                that nobody has written to yet: they still are as they were at the start, in all steps.
        """
        self.now += 1
        n_kept = self.kept_LTFM.shape[1]
        if self.now == n_kept:
            self.kept_LTFM[:, : self.n_back, :, wanted] = self.kept_LTFM[:, n_kept - self.n_back :, :, wanted]
            self.now = self.n_back

    def step(self, columns: slice, back: int = 0) -> Tensor:
        """The matrices of one step, a view, LFM."""
        return self.kept_LTFM[:, self.now - back, :, columns]

    def steps(self, first: int, last: int, columns: slice) -> Tensor:
        """From ``first`` steps ago to ``last`` steps ago, one below the other, a view."""
        return self.kept_LTFM[:, self.now - first : self.now - last + 1].flatten(1, 2)[..., columns]


class StaggeredLayers(ABC):
    """The companion of the layers of a network: they are evaluated step after step, over neighbouring rows."""

    @abstractmethod
    def begin(self, step: int) -> None:
        """Begin a step; every step is begun, in order, also one without rows."""

    @abstractmethod
    def evaluate(self, h_FM: Tensor) -> Tensor:
        """The last layer's output at the pixels of the step, given the first one's input, which it overwrites.
        May be called again in a step."""


class StaggeredNetwork:
    """The companion of a network: the parameters of the pixels of a step, given those before.

    Args:
        first: the first layer, from the image to the features.
        layers: the layers' companion.
        head: the convolutions, of one pixel, from the features to the parameters.
    """

    def __init__(
        self, first: InputLayer, layers: StaggeredLayers, head: Iterable[MaskedConv2d], stagger: Stagger, n: int
    ) -> None:
        look = first.look
        weight = look.masked_weight().detach()
        self.stagger, self.layers, self.reach = stagger, layers, look.reach
        self.pitch = stagger.width + 2 * look.reach
        self.weight_FI, self.bias = weight.flatten(1), _column(look.bias)
        self.head = [
            (convolution.masked_weight().detach()[:, :, 0, 0], _column(convolution.bias)) for convolution in head
        ]
        # Of every pixel the terms that do not depend on the image.
        self.base_FX1: Tensor | None = None
        if first.place is not None:
            self.base_FX1 = (first.place().detach() + self.bias[:, :, None]).flatten(1).unsqueeze(2)
        # The image with zeros around it.
        n_channels = weight.shape[1]
        self.u_CXN = weight.new_zeros(n_channels, (stagger.height + look.reach) * self.pitch, n)

    def begin(self, step: int) -> None:
        """Begin a step; every step is begun, in order, also one without rows."""
        self.layers.begin(step)

    def parameters(self, step: int) -> Tensor:
        """Of the pixels of the step, NP1K."""
        rows, n = self.stagger.rows(step), self.u_CXN.shape[2]
        here = self.stagger.pixels(step, self.pitch)
        n_channels, length, _ = self.u_CXN.shape
        windows = self.u_CXN.as_strided(
            (n_channels, self.reach + 1, 2 * self.reach + 1, len(rows), n),
            (length * n, self.pitch * n, n, here.step * n, 1),
            here.start * n,
        )
        base_FM = self.bias
        if self.base_FX1 is not None:
            base_FM = self.base_FX1[:, self.stagger.pixels(step, self.stagger.width)].expand(-1, -1, n).flatten(1)
        h_FM = torch.addmm(base_FM, self.weight_FI, windows.reshape(self.weight_FI.shape[1], -1))
        h_FM = self.layers.evaluate(h_FM)
        for weight, bias in self.head:
            h_FM = torch.addmm(bias, weight, h_FM.relu())
        return h_FM.unflatten(1, (1, len(rows), n)).permute(3, 0, 1, 2)

    def write(self, step: int, u_NCK: Tensor) -> None:
        """The pixels of the step have these levels, scaled to [-1, 1]."""
        here = self.stagger.pixels(step, self.pitch)
        offset = self.reach * self.pitch + self.reach
        self.u_CXN[:, here.start + offset : here.stop + offset : here.step] = u_NCK.permute(1, 2, 0)


def _column(bias: Tensor | None) -> Tensor:
    assert bias is not None
    return bias.detach()[:, None]
