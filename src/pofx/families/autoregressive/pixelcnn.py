"""The convolutional layers: the masked residual block of 2016, and the gated layer with two stacks.

Shapes: F features; h_NFHW, y_NK one-hot labels (K = 0 columns without). Every layer maps (h, above, y) to (h, above);
``above`` are the features of the vertical stack, None in networks without one.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.rows import ConvolutionRows, LayerRows, PlacedRows


class ResidualBlock(nn.Module):
    """h + conv_1x1(relu(conv_kxk(relu(conv_1x1(relu(h)))))), all under mask B, through half of the features.

    Its stack has a blind spot: what lies above a pixel and to the right of the cone of the kernels is never seen,
    although it comes before the pixel. `GatedLayer` has none.
    Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, figure 5.
    """

    def __init__(self, n_features: int, kernel: int, n_groups: int, n_classes: int) -> None:
        super().__init__()
        outer, inner = colour_groups(n_features, n_groups), colour_groups(n_features // 2, n_groups)
        self.reduce = MaskedConv2d(outer, inner, 1, "B")
        self.look = MaskedConv2d(inner, inner, kernel, "B")
        self.expand = MaskedConv2d(inner, outer, 1, "B")
        self.label = nn.Linear(n_classes, len(inner), bias=False) if n_classes else None

    def forward(self, h_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
        inner = self.reduce(F.relu(h_NFHW))
        if self.label is not None:
            inner = inner + self.label(y_NK)[:, :, None, None]
        return h_NFHW + self.expand(F.relu(self.look(F.relu(inner)))), None

    def rows(self, n: int, width: int, y_NK: Tensor) -> ResidualBlockRows:
        return ResidualBlockRows(self, n, width, y_NK)


class ResidualBlockRows(LayerRows):
    """The companion of a `ResidualBlock`."""

    def __init__(self, block: ResidualBlock, n: int, width: int, y_NK: Tensor) -> None:
        self.reduce, self.look, self.expand = (
            ConvolutionRows(part, n, width) for part in (block.reduce, block.look, block.expand)
        )
        self.label_NF = None if block.label is None else block.label(y_NK)

    def start(self, above_NWI: Tensor | None) -> Tensor | None:
        self.look.start(None)
        return above_NWI

    def pixel(self, h_NI: Tensor, column: int) -> Tensor:
        inner = self.reduce.pixel(h_NI.relu(), column)
        if self.label_NF is not None:
            inner = inner + self.label_NF
        inner = self.look.pixel(inner.relu_(), column)
        return h_NI + self.expand.pixel(inner.relu_(), column)

    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        inner = self.reduce.columns(h_NWI.relu(), first, active)
        if self.label_NF is not None:
            label_NF = self.label_NF if active is None else self.label_NF[active]
            inner = inner + label_NF[:, None]
        inner = self.look.columns(inner.relu(), first, active)
        return h_NWI + self.expand.columns(inner.relu(), first, active)

    def finish(self) -> None:
        self.look.finish()

    def select(self, index: Tensor) -> None:
        self.look.select(index)
        if self.label_NF is not None:
            self.label_NF = self.label_NF[index]


class GatedLayer(nn.Module):
    """Two stacks, gated: a vertical one for all rows above, a horizontal one for the row to the left.

        g = gate(conv(v)),  over k//2 rows up to r of v (v at row r knows the image's rows before r)
        v <- v + conv_1x1(g)
        h <- h + conv_1x1(gate(conv(h) + conv_1x1(g))),     gate(a, b) = tanh(a) sigmoid(b),

    with the label's contribution added inside each gate. Together they see every pixel before their own within reach:
    no blind spot. Source: van den Oord et al. 2016, arXiv 1606.05328, section 2.2 and figure 2. There v has no
    residual connection, and h is shown conv(v) before its gate; this way 400 training steps on binarized MNIST end 3
    nats better, and cost less. Both residual branches begin as zero: an untrained layer passes on what it gets.

    The rows and columns that both convolutions see lie ``dilation`` apart (Yu & Koltun 2016, arXiv 1511.07122): a stack
    of layers whose dilations are 1, 2, 4 in turn misses nothing and sees further.

    Args:
        n_features: F.
        kernel: odd, the width of both convolutions.
        n_groups: colour groups of the horizontal stack; the vertical one sees whole pixels only.
        n_classes: of the labels; 0 without.
        is_last: no layer comes after that would look at v: None comes out instead.
    """

    def __init__(
        self, n_features: int, kernel: int, n_groups: int, n_classes: int, dilation: int = 1, *, is_last: bool = False
    ) -> None:
        super().__init__()
        features, gates = colour_groups(n_features, n_groups), colour_groups(n_features, n_groups, parts=2)
        self.reach, self.n_groups = kernel // 2 * dilation, n_groups
        self.vertical = nn.Conv2d(n_features, 2 * n_features, (kernel // 2 + 1, kernel), dilation=dilation)
        self.vertical_out = None if is_last else nn.Conv2d(n_features, n_features, 1)
        self.link = nn.Conv2d(n_features, 2 * n_features, 1)
        self.horizontal = MaskedConv2d(features, gates, kernel, "B", one_row=True, dilation=dilation, bias=False)
        self.out = MaskedConv2d(features, features, 1, "B")
        self.label = nn.Linear(n_classes, 2 * n_features, bias=False) if n_classes else None
        for branch in (self.vertical_out, self.out):
            if branch is not None:
                for parameter in branch.parameters():
                    nn.init.zeros_(parameter)

    def forward(self, h_NFHW: Tensor, above_NFHW: Tensor, y_NK: Tensor) -> tuple[Tensor, Tensor | None]:
        vertical = self.vertical(F.pad(above_NFHW, (self.reach, self.reach, self.reach, 0)))
        label = None if self.label is None else self.label(y_NK)[:, :, None, None]
        gated = gate(vertical if label is None else vertical + label, 1)
        horizontal = self.horizontal(h_NFHW) + self.link(gated)
        if label is not None:
            horizontal = horizontal + label
        above = None if self.vertical_out is None else above_NFHW + self.vertical_out(gated)
        return h_NFHW + self.out(gate(horizontal, 1)), above

    def rows(self, n: int, width: int, y_NK: Tensor) -> GatedLayerRows:
        return GatedLayerRows(self, n, width, y_NK)


class GatedLayerRows(PlacedRows):
    """The companion of a `GatedLayer`: of the vertical stack it keeps ``reach`` rows, of the horizontal one its own.

    What is done for every row and pixel is few operations: with s = sigmoid of (2a, b), -tanh(a) sigmoid(b) is
    s_b - 2 s_a s_b. So the weights that give a are doubled here, and those that take the gate have their sign changed.
    A whole row is evaluated images first. What a pixel reads and writes lies images last, as one block of memory and
    not as a piece for every image: a batch of 64 images then takes two thirds of the time.
    """

    def __init__(self, layer: GatedLayer, n: int, width: int, y_NK: Tensor) -> None:
        vertical, n_features = layer.vertical, layer.vertical.weight.shape[1]
        new_zeros = vertical.weight.new_zeros
        self.dilation, self.reach = vertical.dilation[1], layer.reach
        self.past_NWF = deque([new_zeros(n, width, n_features)] * layer.reach, maxlen=layer.reach)
        doubled_a = vertical.weight.new_tensor([2.0, 1.0]).repeat_interleave(n_features)
        assert vertical.bias is not None and layer.link.bias is not None and layer.out.bias is not None
        # A row lies in memory as an image of channels last does.
        doubled = vertical.weight * doubled_a[:, None, None, None]
        self.vertical_weight = doubled.contiguous(memory_format=torch.channels_last)
        self.vertical_bias, self.vertical_out = vertical.bias * doubled_a, layer.vertical_out
        self.link_weight_GF = -layer.link.weight[:, :, 0, 0] * doubled_a[:, None]
        self.label_NG = None if layer.label is None else layer.label(y_NK) * doubled_a
        self.given_GN = (layer.link.bias * doubled_a)[:, None].expand(-1, n)
        if self.label_NG is not None:
            self.given_GN = self.given_GN + self.label_NG.T
        # For whole rows; one pixel after the other has its own memory, below.
        self.horizontal = ConvolutionRows(layer.horizontal, n, width)
        # Not in place: of one feature it may be the layer's own weight.
        self.horizontal.row_weight = self.horizontal.row_weight * doubled_a
        self.row_weight_2FI = self.horizontal.row_weight.T.unflatten(0, (2, -1)).contiguous()
        self.out_weight, self.out_bias = -layer.out.masked_weight()[:, :, 0, 0].T, layer.out.bias
        # The last column is the bias, for a gate that ends with a one.
        self.out_weight_F1 = torch.cat([self.out_weight.T, self.out_bias[:, None]], 1)
        self.is_seen_once = layer.n_groups == 1
        self.base_WGN = new_zeros(width, 2 * n_features, n)
        self.minus_gated_NWF: Tensor | None = None
        self.row_PFN = new_zeros(max(1, self.horizontal.row.shape[1]), n_features, n)
        self.gate_1N = new_zeros(n_features + 1, n)
        self.gate_1N[-1] = 1
        self._make_views()

    def _make_views(self) -> None:
        """What a pixel reads and writes, found once and not for every pixel anew."""
        reach, n_features, flat = self.horizontal.reach, self.row_PFN.shape[1], self.row_PFN.flatten(0, 1)
        base = self.base_WGN.unbind(0)
        # Of one colour group a pixel is evaluated once, and the gates may take the place of what they start from.
        gates = base if self.is_seen_once else [torch.empty_like(base[0])] * len(base)
        places = self.horizontal.places or [0] * len(base)
        self.places_IN = [self.row_PFN[place] for place in places]
        # As a product of two halves, one for each part of the gate: so a second thread has something to do.
        self.views = [
            (
                flat[(place - reach) * n_features : (place + 1) * n_features].expand(2, -1, -1),
                *(part.unflatten(0, (2, -1)) for part in (base[column], gates[column])),
                *gates[column].chunk(2),
            )
            for column, place in enumerate(places)
        ]
        self.minus_gate = self.gate_1N[:-1]

    def start(self, above_NWI: Tensor | None) -> Tensor | None:
        assert above_NWI is not None
        self.horizontal.start(None)
        rows = [*self.past_NWF, above_NWI][:: self.dilation]
        self.past_NWF.append(above_NWI)
        vertical = F.conv2d(
            torch.stack(rows, 1).permute(0, 3, 1, 2),
            self.vertical_weight,
            self.vertical_bias,
            padding=(0, self.reach),
            dilation=(1, self.dilation),
        )
        vertical_NWG = vertical.squeeze(2).transpose(1, 2)
        if self.label_NG is not None:
            vertical_NWG += self.label_NG[:, None]
        s_a, s_b = vertical_NWG.sigmoid_().chunk(2, 2)
        self.minus_gated_NWF = torch.addcmul(s_b, s_a, s_b, value=-2)  # the link waits for who asks: pixels or columns
        if self.vertical_out is None:
            return None
        assert self.vertical_out.bias is not None
        added_NWF = F.linear(self.minus_gated_NWF, self.vertical_out.weight[:, :, 0, 0]).sub_(self.vertical_out.bias)
        return above_NWI - added_NWF

    def evaluate(self, column: int, out_ON: Tensor) -> Tensor:
        if self.minus_gated_NWF is not None:
            link_WGF = self.link_weight_GF.expand(len(self.base_WGN), -1, -1)
            torch.baddbmm(self.given_GN, link_WGF, self.minus_gated_NWF.permute(1, 2, 0), out=self.base_WGN)
            self.minus_gated_NWF = None
        window_2IN, base_2FN, gates_2FN, s_a, s_b = self.views[column]
        torch.baddbmm(base_2FN, self.row_weight_2FI, window_2IN, out=gates_2FN).sigmoid_()
        torch.addcmul(s_b, s_a, s_b, value=-2, out=self.minus_gate)
        return torch.addmm(self.places_IN[column], self.out_weight_F1, self.gate_1N, out=out_ON)

    def columns(self, h_NWI: Tensor, first: int, active: Tensor | None) -> Tensor:
        if self.minus_gated_NWF is not None:
            self.base_NWG = F.linear(self.minus_gated_NWF, self.link_weight_GF).add_(self.given_GN.T[:, None])
            self.minus_gated_NWF = None
        base_NWG = self.base_NWG[:, first:] if active is None else self.base_NWG[active, first:]
        s_a, s_b = (self.horizontal.columns(h_NWI, first, active) + base_NWG).sigmoid_().chunk(2, 2)
        minus_gate = torch.addcmul(s_b, s_a, s_b, value=-2)
        return h_NWI + minus_gate @ self.out_weight + self.out_bias

    def finish(self) -> None:
        """Nothing: the horizontal stack forgets its row, the vertical one has taken its own in `start`."""

    def select(self, index: Tensor) -> None:
        self.horizontal.select(index)
        self.past_NWF = deque((row[index] for row in self.past_NWF), maxlen=self.past_NWF.maxlen)
        for name in ("given_GN", "base_WGN", "row_PFN", "gate_1N"):
            setattr(self, name, getattr(self, name)[..., index])
        if self.label_NG is not None:
            self.label_NG = self.label_NG[index]
        self._make_views()


def gate(features: Tensor, dim: int) -> Tensor:
    """tanh(a) sigmoid(b), a and b being the two halves of the features."""
    a, b = features.chunk(2, dim)
    return torch.tanh(a) * torch.sigmoid(b)
