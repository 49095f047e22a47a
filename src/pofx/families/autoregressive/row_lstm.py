"""The Row LSTM: a recurrent layer that reads an image from the top to the bottom, a whole row at a time.

    o, f, i, g = K_is * x + K_ss * h_above,   o, f, i = sigmoid, g = tanh
    c = f c_above + i g,   h = o tanh(c),     and the layer gives x + conv_1x1(h)

K_is is a convolution of width k along the row, under mask B; K_ss one of width k over the hidden states of the row
above, without a mask, as everything there comes before. What a pixel sees gets wider by k // 2 columns for every row
up: a triangle, and what lies beyond its sides is a blind spot.

Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, sections 3.1, 3.3 and 3.4.
Shapes: F = 2h features in and out, G = 4h gates in the order o, f, i, g, K labels (0 columns without), N images, H
rows, M numbers of a row, one for each pixel and image; R and E as in `row_wavefront`. Inside, the images come last in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.families.autoregressive.lstm_scan import activate_, gate_parts
from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.row_lstm_staggered import RowLSTMWeights, StaggeredRowLSTM
from pofx.families.autoregressive.row_wavefront import row_wavefront
from pofx.families.autoregressive.rows import LayerRows
from pofx.families.autoregressive.staggered import Stagger


class RowLSTM(nn.Module):
    """h + conv_1x1(LSTM(h)), through half of the features; the LSTM runs down the rows.

    Above the image all columns have the same learned state (h0, c0); beyond its sides h is zero. Under autocast the
    layer computes in the precision of its parameters, as errors would add up over the rows.

    Args:
        n_features: F, even; F / 2 must split into the colour groups.
        kernel: k, odd: the width of both convolutions.
        n_groups: colour groups.
        n_classes: of the labels, whose contribution is added to the gates; 0 without.
    """

    def __init__(self, n_features: int, kernel: int, n_groups: int, n_classes: int) -> None:
        super().__init__()
        width = n_features // 2
        outer, inner = colour_groups(n_features, n_groups), colour_groups(width, n_groups)
        self.input_to_state = MaskedConv2d(outer, colour_groups(width, n_groups, parts=4), kernel, "B", one_row=True)
        self.state_to_state = nn.Parameter((2 * torch.rand(kernel, 4 * width, width) - 1) * (kernel * width) ** -0.5)
        self.h0, self.c0 = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        self.out = MaskedConv2d(inner, outer, 1, "B")
        self.label = nn.Linear(n_classes, 4 * width, bias=False) if n_classes else None

    def forward(self, h_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
        return wavefront([self], h_NFHW, None, y_NK)

    def window_weight(self) -> Tensor:
        """Input-to-state, masked, for a window of columns from left to right and the features of each; G (r+1)F."""
        return self.input_to_state.masked_weight()[:, :, 0].transpose(1, 2).flatten(1)

    def above_weight(self) -> Tensor:
        """State-to-state, for a window of columns of the row above from left to right; G kh."""
        return self.state_to_state.transpose(0, 1).flatten(1)

    def above_and_given_weight(self) -> Tensor:
        """As `above_weight`, with a one and the label behind each state; what they give belongs to the pixel's own
        column, and comes with the state straight above."""
        given_GE = self._given_weight()
        reach, n_given = self.input_to_state.reach, given_GE.shape[1]
        columns = [F.pad(weight_Gh, (0, n_given)) for weight_Gh in self.state_to_state]
        columns[reach] = torch.cat([self.state_to_state[reach], given_GE], 1)
        return torch.cat(columns, 1)

    def _given_weight(self) -> Tensor:
        """From a one and the label to the gates; GE."""
        assert self.input_to_state.bias is not None
        bias_G1 = self.input_to_state.bias[:, None]
        return bias_G1 if self.label is None else torch.cat([bias_G1, self.label.weight], 1)

    def gates_weight(self) -> Tensor:
        """From all that the gates look at to the gates, in the order of `row_wavefront`; G R."""
        reach = self.input_to_state.reach
        # Both from the pixel's own column to the left.
        features = self.input_to_state.masked_weight()[:, :, 0].flip(2).unbind(2)
        above = self.state_to_state[: reach + 1].flip(0).unbind(0)
        to_the_right = self.state_to_state[reach + 1 :].unbind(0)
        to_the_left = [part for pair in zip(features[1:], above[1:], strict=True) for part in pair]
        return torch.cat([features[0], above[0], self._given_weight(), *to_the_left, *to_the_right], 1)

    def given(self, y_NK: Tensor) -> Tensor:
        """What the gates get from elsewhere: the bias and the label; GN."""
        assert self.input_to_state.bias is not None
        bias_G1 = self.input_to_state.bias[:, None]
        if self.label is None:
            return bias_G1.expand(-1, len(y_NK))
        return bias_G1 + self.label(y_NK).T

    def out_weight(self) -> Tensor:
        """From the hidden state to the features, masked; Fh."""
        return self.out.masked_weight()[:, :, 0, 0]

    def out_bias(self) -> Tensor:
        assert self.out.bias is not None
        return self.out.bias

    def out_and_bias(self) -> Tensor:
        """From the hidden state and a one behind it; F h+1."""
        return torch.cat([self.out_weight(), self.out_bias()[:, None]], 1)

    def rows(self, n: int, width: int, y_NK: Tensor) -> RowLSTMRows:
        return RowLSTMRows(self, n, width, y_NK)

    @property
    def looks_right(self) -> int:
        """How many columns to its right a pixel looks into the row above."""
        return self.input_to_state.reach


def wavefront(layers: Iterable[nn.Module], h_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
    """What Row LSTM layers one above the other give, each with the same number of features, quicker than one by one.

    Raises:
        TypeError: a layer that is no `RowLSTM`.
    """
    stack = _row_lstms(layers)
    if not stack:
        return h_NFHW, None
    n, *_, width = h_NFHW.shape
    with torch.autocast(h_NFHW.device.type, enabled=False):
        h_HFM = h_NFHW.to(stack[0].h0.dtype).permute(2, 1, 3, 0).flatten(2)
        given_EN = torch.cat([y_NK.new_ones(1, n), y_NK.T])
        out_HFM = row_wavefront(
            h_HFM,
            given_EN.repeat(1, width),
            torch.stack([layer.gates_weight() for layer in stack]),
            torch.stack([layer.out_and_bias() for layer in stack]),
            torch.stack([layer.h0 for layer in stack]),
            torch.stack([layer.c0 for layer in stack]),
            n,
        )
    return out_HFM.unflatten(2, (width, n)).permute(3, 1, 0, 2), None


def staggered(layers: Iterable[nn.Module], stagger: Stagger, y_NK: Tensor, seen_once: bool) -> StaggeredRowLSTM:
    """The companion of Row LSTM layers that draws several rows at once.

    Raises:
        TypeError: a layer that is no `RowLSTM`.
    """
    stack = _row_lstms(layers)
    with torch.no_grad():
        weights = RowLSTMWeights(
            torch.stack([layer.window_weight() for layer in stack]),
            torch.stack([layer.above_and_given_weight() for layer in stack]),
            # The features see the one, and not the label behind it.
            F.pad(torch.stack([layer.out_and_bias() for layer in stack]), (0, y_NK.shape[1])),
            torch.stack([layer.h0 for layer in stack]),
            torch.stack([layer.c0 for layer in stack]),
        )
    given_EN = torch.cat([y_NK.new_ones(1, len(y_NK)), y_NK.T])
    return StaggeredRowLSTM(weights, stagger, given_EN, seen_once=seen_once)


def _row_lstms(layers: Iterable[nn.Module]) -> list[RowLSTM]:
    stack: list[RowLSTM] = []
    for layer in layers:
        if not isinstance(layer, RowLSTM):
            raise TypeError(f"a wavefront is made of Row LSTM layers, and {type(layer).__name__} is none")
        stack.append(layer)
    return stack


class RowLSTMRows(LayerRows):
    """The companion of a `RowLSTM`: of the rows above it keeps the last one's state.

    What that row gives to the gates is known before the first pixel (`start`). The columns come first in memory and the
    images last: what a pixel looks at is a block of rows of a matrix. The views for all pixels are made once, as for so
    few numbers a slice takes as long as a product.
    """

    def __init__(self, layer: RowLSTM, n: int, width: int, y_NK: Tensor) -> None:
        self.reach, self.width = layer.input_to_state.reach, width
        self.window_weight, self.above_weight = layer.window_weight().detach(), layer.above_weight().detach()
        self.out_weight, self.out_bias = layer.out_weight().detach(), layer.out_bias().detach()
        # With the bias as the weight of a one behind the hidden state: an operation less for every pixel.
        self.out_and_bias = torch.cat([self.out_weight.T, self.out_bias[None]])
        self.given_GN = layer.given(y_NK).detach()
        n_features, self.n_hidden = self.out_weight.shape
        new = self.given_GN.new_zeros
        self.input_WFN = new(self.reach + width, n_features, n)
        self.above_WhN = new(width + 2 * self.reach, self.n_hidden, n)
        self.above_WhN[self.reach : self.reach + width] = layer.h0.detach()[:, None]
        self.above_c_WhN = layer.c0.detach()[:, None].repeat(width, 1, n)
        self.base_WGN = new(width, *self.given_GN.shape)
        self.hidden_and_one_WhN = new(width, self.n_hidden + 1, n)
        self.hidden_and_one_WhN[:, self.n_hidden] = 1
        self.c_WhN = new(width, self.n_hidden, n)
        self._make_views()

    def _make_views(self) -> None:
        self.gates_GN, self.tanh_hN = torch.empty_like(self.given_GN), torch.empty_like(self.c_WhN[0])
        self.parts = gate_parts(self.gates_GN)
        self.views = list(
            zip(
                self.input_WFN[self.reach :].transpose(1, 2).unbind(0),
                _windows(self.input_WFN, self.reach + 1).unbind(0),
                self.base_WGN.unbind(0),
                self.above_c_WhN.unbind(0),
                self.c_WhN.unbind(0),
                self.hidden_and_one_WhN[:, : self.n_hidden].unbind(0),
                self.hidden_and_one_WhN.transpose(1, 2).unbind(0),
                strict=True,
            )
        )

    def start(self, above_NWI: Tensor | None) -> Tensor | None:
        weight = self.above_weight.expand(self.width, -1, -1)
        torch.baddbmm(self.given_GN, weight, _windows(self.above_WhN, 2 * self.reach + 1), out=self.base_WGN)
        return above_NWI

    def pixel(self, h_NI: Tensor, column: int) -> Tensor:
        input_NF, window, base_GN, above_c, c, h, h_and_one = self.views[column]
        input_NF.copy_(h_NI)
        torch.addmm(base_GN, self.window_weight, window, out=self.gates_GN)
        activate_(self.parts, above_c, c, c, self.tanh_hN, h)
        return torch.addmm(h_NI, h_and_one, self.out_and_bias)

    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        images = slice(None) if active is None else active
        self.input_WFN[self.reach + first :, :, images] = h_NWI.permute(1, 2, 0)
        windows = _windows(self.input_WFN[first:, :, images].contiguous(), self.reach + 1)
        weight = self.window_weight.expand(len(windows), -1, -1)
        gates_WGN = torch.baddbmm(self.base_WGN[first:, :, images], weight, windows)
        c_WhN = self.above_c_WhN[first:, :, images].clone()
        h_WhN = torch.empty_like(c_WhN)
        activate_(gate_parts(gates_WGN), c_WhN, c_WhN, c_WhN, torch.empty_like(c_WhN), h_WhN)
        self.c_WhN[first:, :, images] = c_WhN
        self.hidden_and_one_WhN[first:, : self.n_hidden, images] = h_WhN
        return h_NWI + (h_WhN.permute(2, 0, 1) @ self.out_weight.T + self.out_bias)

    def finish(self) -> None:
        self.above_WhN[self.reach : self.reach + self.width] = self.hidden_and_one_WhN[:, : self.n_hidden]
        self.above_c_WhN.copy_(self.c_WhN)

    def select(self, index: Tensor) -> None:
        for name in ("given_GN", "input_WFN", "above_WhN", "above_c_WhN", "base_WGN", "hidden_and_one_WhN", "c_WhN"):
            setattr(self, name, getattr(self, name)[..., index])
        self._make_views()


def _windows(rows_WFN: Tensor, k: int) -> Tensor:
    """Every k neighbouring columns as one block of k F rows; a view, W-k+1 kF N."""
    _, n_features, n = rows_WFN.shape
    flat = rows_WFN.flatten().unfold(0, k * n_features * n, n_features * n)
    return flat.unflatten(1, (k * n_features, n))
