"""The Diagonal BiLSTM: a recurrent layer that reads an image along its diagonals, from both upper corners.

    o, f, i, g = K_is x(r, c) + U_left h(r, c-1) + U_up h(r-1, c),   o, f, i = sigmoid, g = tanh
    c(r, c) = f c(r, c-1) + i g,   h = o tanh(c)

from the left, and with weights of its own the mirror image of that from the right. The map from the right is shifted
down by one row before the two are added,

    the layer gives x + conv_1x1(h_left(r, c) + h_right(r-1, c)),

so that it tells what the row above holds to the right, and nothing of the pixel's own row. The cells of a diagonal
r + c = s do not depend on one another: H + W - 1 steps for an image, both directions side by side.

Left of the first column lies a learned state (h0, c0); above the first row h is zero, and so is, in row 0, the map from
the right. K_is is 1 x 1 under mask B in both directions; the states are those of earlier pixels and have no mask.

Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, sections 3.2 to 3.4.
Shapes: F = 2h features in and out, D = 2 directions, G = 4h gates in the order o, f, i, g, K labels (0 columns
without), N images, M pixels. Inside, the images come last in memory.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from pofx.families.autoregressive.gathering import Gathering
from pofx.families.autoregressive.lstm_scan import ScanPlan, activate_, gate_parts, lstm_scan, scan_plan
from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.rows import LayerRows


class DiagonalBiLSTM(nn.Module):
    """h + conv_1x1(LSTM from the left + LSTM from the right, a row lower), through half of the features.

    One layer sees all of its input that comes before a pixel. Of the image, the last pixel of the row above is missing
    where the network's first convolution does not reach it: no feature of its row has seen it. Under autocast the layer
    computes in the precision of its parameters, as errors would add up over the diagonals.

    Args:
        n_features: F, even; F / 2 must split into the colour groups.
        n_groups: colour groups.
        n_classes: of the labels, whose contribution is added to the gates; 0 without.
    """

    def __init__(self, n_features: int, n_groups: int, n_classes: int) -> None:
        super().__init__()
        width = n_features // 2
        outer, inner = colour_groups(n_features, n_groups), colour_groups(width, n_groups)
        # The gates of both directions, one after the other.
        self.input_to_state = MaskedConv2d(outer, colour_groups(width, n_groups, parts=8), 1, "B")
        # From the cell before in the same row, and from the cell above.
        self.state_to_state = nn.Parameter((2 * torch.rand(2, 2, 4 * width, width) - 1) * (2 * width) ** -0.5)
        self.h0, self.c0 = nn.Parameter(torch.zeros(2, width)), nn.Parameter(torch.zeros(2, width))
        self.out = MaskedConv2d(inner, outer, 1, "B")
        self.label = nn.Linear(n_classes, 8 * width, bias=False) if n_classes else None

    def forward(self, h_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
        n, n_features, height, width = h_NFHW.shape
        with torch.autocast(h_NFHW.device.type, enabled=False):
            # The layer before has left it so; a copy is made of other layouts only.
            h_FMN = h_NFHW.to(self.h0.dtype).permute(1, 2, 3, 0).contiguous().flatten(1, 2)
            plan, to_diagonals, to_image = diagonal_plan(height, width, h_NFHW.device)
            states_DhS = lstm_scan(
                to_diagonals(h_FMN).view(n_features, 2, -1).transpose(0, 1),
                self.given(y_NK),
                self.input_weight(),
                self.state_to_state,
                self.h0,
                self.c0,
                plan,
            )
            both_hM = to_image(states_DhS.transpose(0, 1).reshape(n_features // 2, -1, n)).flatten(1)
            out_FM = torch.addmm(h_FMN.flatten(1), self.out_weight(), both_hM).add_(self.out_bias()[:, None])
            return out_FM.view(-1, height, width, n).permute(3, 0, 1, 2), None

    def input_weight(self) -> Tensor:
        """Input-to-state, masked; DGF."""
        return self.input_to_state.masked_weight()[:, :, 0, 0].unflatten(0, (2, -1))

    def given(self, y_NK: Tensor) -> Tensor:
        """What the gates get from elsewhere: the bias and the label; DGN."""
        assert self.input_to_state.bias is not None
        bias_DG1 = self.input_to_state.bias.unflatten(0, (2, -1))[..., None]
        if self.label is None:
            return bias_DG1.expand(-1, -1, len(y_NK))
        return bias_DG1 + self.label(y_NK).T.unflatten(0, (2, -1))

    def out_weight(self) -> Tensor:
        """From the hidden state to the features, masked; Fh."""
        return self.out.masked_weight()[:, :, 0, 0]

    def out_bias(self) -> Tensor:
        assert self.out.bias is not None
        return self.out.bias

    def rows(self, n: int, width: int, y_NK: Tensor) -> DiagonalBiLSTMRows:
        return DiagonalBiLSTMRows(self, n, width, y_NK)


@lru_cache(maxsize=64)
def diagonal_plan(height: int, width: int, device: torch.device) -> tuple[ScanPlan, Gathering, Gathering]:
    """A diagonal a step; from the image to the cells of both directions, and from their states back to the image.

    The plan counts columns from where a direction begins, so that it is the same for both.
    """
    last = height + width - 2
    groups = [
        # Column -1 is the state that the next diagonal begins with.
        [(row, s - row) for row in range(max(0, s - width + 1), min(height - 1, s + 1) + 1)]
        for s in range(-1, last + 1)
    ]
    plan = scan_plan(groups, lambda cell: cell[1] < 0, [(0, -1), (-1, 0)], device)

    def place(row: int, column: int) -> int:
        return row * width + column

    from_left = [place(row, column) for row, column in plan.cells]
    from_right = [place(row, width - 1 - column) for row, column in plan.cells]
    pixels = [(row, column) for row in range(height) for column in range(width)]
    left = [plan.slot_of[pixel] for pixel in pixels]
    right = [plan.n_slots + plan.slot_of[row - 1, width - 1 - column] if row else -1 for row, column in pixels]
    return (
        plan,
        Gathering([[*from_left, *from_right]], height * width, device),
        Gathering([left, right], 2 * plan.n_slots, device),
    )


class DiagonalBiLSTMRows(LayerRows):
    """The companion of a `DiagonalBiLSTM`: it keeps one row.

    `start` reads the row above from the right, as it is complete by then, and finds what it gives to the gates from the
    left; a pixel is then one cell from the left. Laid out as in the companion of the Row LSTM. A column's memory holds
    its input, the state from the right one row above, a one (whose weight is the bias) and the state from the left, and
    is followed by the input of the next column: [h_left(c-1), x(c)], which the gates see, and [h_right, 1, h_left(c)],
    which the output sees, are both blocks of rows.
    """

    columns_are_parallel = False

    def __init__(self, layer: DiagonalBiLSTM, n: int, width: int, y_NK: Tensor) -> None:
        self.width = width
        inputs_DGF, (before_DGh, up_DGh) = layer.input_weight().detach(), layer.state_to_state.detach()
        self.out_weight, self.out_bias = layer.out_weight().detach(), layer.out_bias().detach()
        n_features, self.n_hidden = self.out_weight.shape
        self.left_input_weight, self.left_before_weight, self.left_up_weight = inputs_DGF[0], before_DGh[0], up_DGh[0]
        self.left_weight = torch.cat([before_DGh[0], inputs_DGF[0]], 1)
        self.right_weight, self.right_before_weight = torch.cat([inputs_DGF[1], up_DGh[1]], 1), before_DGh[1]
        self.out_twice = torch.cat([self.out_weight.T, self.out_bias[None], self.out_weight.T])
        self.left_given_GN, self.right_given_GN = layer.given(y_NK).detach()
        new = self.left_given_GN.new_zeros
        # Column 0 is what lies left of the image.
        self.memory_WRN = new(width + 1, n_features + 2 * self.n_hidden + 1, n)
        self.memory_WRN[:, n_features + self.n_hidden] = 1
        self.memory_WRN[0, -self.n_hidden :] = layer.h0.detach()[0][:, None]
        self.c_WhN = new(width + 1, self.n_hidden, n)
        self.c_WhN[0] = layer.c0.detach()[0][:, None]
        self.right_start_hN, self.right_start_c_hN = (
            start.detach()[1][:, None].repeat(1, n) for start in (layer.h0, layer.c0)
        )
        self.base_WGN = self.left_given_GN.repeat(width, 1, 1)
        self.is_first_row = True
        self._make_views()

    def _make_views(self) -> None:
        n_features, n_rows = len(self.out_weight), self.memory_WRN.shape[1]
        self.columns_WRN = self.memory_WRN[1:]
        self.inputs_WFN = self.columns_WRN[:, :n_features]
        self.right_WhN = self.columns_WRN[:, n_features : n_features + self.n_hidden]
        self.left_WhN = self.columns_WRN[:, -self.n_hidden :]
        # What the right-to-left scan reads: a column's input, and the state from the right of the row above it.
        self.right_windows = self.columns_WRN[:, : n_features + self.n_hidden]
        flat = self.memory_WRN.flatten(0, 1)
        ends = [(column + 1) * n_rows for column in range(self.width)]
        self.right_gates_WGN = torch.empty_like(self.base_WGN)
        self.gates_GN, self.tanh_hN = torch.empty_like(self.base_WGN[0]), torch.empty_like(self.c_WhN[0])
        self.right_c_hN = torch.empty_like(self.tanh_hN)
        self.parts = gate_parts(self.gates_GN)
        self.views = list(
            zip(
                self.inputs_WFN.transpose(1, 2).unbind(0),
                [flat[end - self.n_hidden : end + n_features] for end in ends],
                self.base_WGN.unbind(0),
                self.c_WhN[:-1].unbind(0),
                self.c_WhN[1:].unbind(0),
                self.left_WhN.unbind(0),
                self.columns_WRN[:, n_features:].transpose(1, 2).unbind(0),
                strict=True,
            )
        )
        self.right_views = [
            (gates, gate_parts(gates), h) for gates, h in zip(self.right_gates_WGN, self.right_WhN, strict=True)
        ]

    def start(self, above_NWI: Tensor | None) -> Tensor | None:
        if not self.is_first_row:
            self._read_from_the_right()
            weight = self.left_up_weight.expand(self.width, -1, -1)
            torch.baddbmm(self.left_given_GN, weight, self.left_WhN, out=self.base_WGN)
        self.is_first_row = False
        return above_NWI

    def _read_from_the_right(self) -> None:
        """Over the row in memory, which becomes the row above; the state there was that of the row above it."""
        weight = self.right_weight.expand(self.width, -1, -1)
        torch.baddbmm(self.right_given_GN, weight, self.right_windows, out=self.right_gates_WGN)
        before_hN, c_hN = self.right_start_hN, self.right_c_hN
        c_hN.copy_(self.right_start_c_hN)
        for gates_GN, parts, h_hN in reversed(self.right_views):
            gates_GN.addmm_(self.right_before_weight, before_hN)
            activate_(parts, c_hN, c_hN, c_hN, self.tanh_hN, h_hN)
            before_hN = h_hN

    def pixel(self, h_NI: Tensor, column: int) -> Tensor:
        input_NF, window, base_GN, before_c, c, h, right_one_left = self.views[column]
        input_NF.copy_(h_NI)
        torch.addmm(base_GN, self.left_weight, window, out=self.gates_GN)
        activate_(self.parts, before_c, c, c, self.tanh_hN, h)
        return torch.addmm(h_NI, right_one_left, self.out_twice)

    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        images = slice(None) if active is None else active
        inputs_WFN = h_NWI.permute(1, 2, 0)
        self.inputs_WFN[first:, :, images] = inputs_WFN
        weight = self.left_input_weight.expand(len(inputs_WFN), -1, -1)
        gates_WGN = torch.baddbmm(self.base_WGN[first:, :, images], weight, inputs_WFN)
        before_hN = self.memory_WRN[first, -self.n_hidden :, images]
        c_hN = self.c_WhN[first, :, images]
        h_WhN, c_WhN = (gates_WGN.new_empty(len(gates_WGN), *c_hN.shape) for _ in range(2))
        tanh_hN = torch.empty_like(c_hN)
        for gates_GN, h_hN, next_c_hN in zip(gates_WGN, h_WhN, c_WhN, strict=True):
            gates_GN.addmm_(self.left_before_weight, before_hN)
            activate_(gate_parts(gates_GN), c_hN, next_c_hN, next_c_hN, tanh_hN, h_hN)
            before_hN, c_hN = h_hN, next_c_hN
        self.left_WhN[first:, :, images] = h_WhN
        self.c_WhN[first + 1 :, :, images] = c_WhN
        both_WhN = h_WhN + self.right_WhN[first:, :, images]
        return h_NWI + (both_WhN.permute(2, 0, 1) @ self.out_weight.T + self.out_bias)

    def finish(self) -> None:
        """Nothing: the row is read from the right in `start` of the next."""

    def select(self, index: Tensor) -> None:
        for name in (
            "left_given_GN", "right_given_GN", "memory_WRN", "c_WhN", "right_start_hN", "right_start_c_hN", "base_WGN",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name)[..., index])
        self._make_views()
