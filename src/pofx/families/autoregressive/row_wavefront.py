"""Row LSTM layers one above the other as a wavefront, with a hand-written derivative: layer l does row r in step r + l.

A layer needs of the layer below only the same row, and of itself only the row above. So H rows of L layers take
H + L - 1 steps instead of H L, and the layers of a step are one batch of matrix products:

    gates = W z,   o, f, i = sigmoid, g = tanh,   c = f c_above + i g,   h = o tanh(c),   out = x + V (h, 1)

z holds all that the gates of a row look at, one matrix for each layer:

    x           the features of the pixel
    h           the hidden state straight above, of the row before
    1, y        what is the same everywhere: a one for the bias, and the label
    (x, h)      of the columns 1, 2, ... reach to the left
    h           of the columns 1, 2, ... reach to the right

Beyond the sides of the image both are zero. The shifted copies cost less than a product for each shift would, and the
derivative of all weights of a layer is then one product too.

Shapes: L layers, H rows, R numbers in z, F features, h hidden features, G = 4h gates in the order o, f, i, g, E = 1 +
labels, N images, M = W N pixels of a row, column after column.
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from pofx.families.autoregressive.lstm_scan import activate_, gate_parts

#: Memory for the way back comes in pieces of at most so many bytes, unless a single step needs more: of this size
#: glibc keeps them for the next time, see `pofx.engine.allocator`.
PIECE = 16 * 2**20


def row_wavefront(
    x_HFM: Tensor,
    given_EM: Tensor,
    weight_LGR: Tensor,
    out_weight_LFh1: Tensor,
    h0_Lh: Tensor,
    c0_Lh: Tensor,
    shift: int,
) -> Tensor:
    """The features that the last layer gives, HFM.

    Args:
        x_HFM: the features that the first layer gets.
        given_EM: ones, and below them the labels, one-hot; they get no derivative.
        weight_LGR: W, its columns in the order of z.
        out_weight_LFh1: V, its last column the bias.
        h0_Lh, c0_Lh: the state above the image.
        shift: N: how far apart two neighbouring columns lie in M.

    All tensors have one dtype. There is no second derivative.

    Raises:
        RuntimeError: in the backward pass, if it is to be differentiated itself (create_graph=True).
    """
    outputs_HFM: Tensor = _Wavefront.apply(x_HFM, given_EM, weight_LGR, out_weight_LFh1, h0_Lh, c0_Lh, shift)
    return outputs_HFM


class _Layout:
    """Which rows of z hold what.

    Attributes:
        copies: for each shifted copy the rows and columns of z where it is, and those of what it is a copy of.
        edges: rows and columns beyond the sides of the image.
    """

    def __init__(self, n_features: int, n_hidden: int, n_given: int, n_rows: int, n_places: int, shift: int) -> None:
        n_both, unshifted = n_features + n_hidden, n_features + n_hidden + n_given
        reach = (n_rows - unshifted) // (n_both + n_hidden)
        self.x, self.h, both = slice(n_features), slice(n_features, n_both), slice(n_both)
        self.given, self.h_and_one = slice(n_both, unshifted), slice(n_features, n_both + 1)
        self.copies: list[tuple[tuple[slice, slice], tuple[slice, slice]]] = []
        self.edges: list[tuple[slice, slice]] = []
        start = unshifted
        for by in (min(d * shift, n_places) for d in range(1, reach + 1)):  # to the left of a pixel
            rows = slice(start, start + n_both)
            self.copies.append(((rows, slice(by, None)), (both, slice(n_places - by))))
            self.edges.append((rows, slice(by)))
            start += n_both
        for by in (min(d * shift, n_places) for d in range(1, reach + 1)):  # to the right
            rows = slice(start, start + n_hidden)
            self.copies.append(((rows, slice(n_places - by)), (self.h, slice(by, None))))
            self.edges.append((rows, slice(n_places - by, None)))
            start += n_hidden


class _Active:
    """The layers that have a row to do in a step: from ``start`` to ``stop``, which is not one of them."""

    def __init__(self, step: int, n_layers: int, n_rows: int) -> None:
        self.start, self.stop = max(0, step - n_rows + 1), min(n_layers, step + 1)
        self.are_all = self.stop - self.start == n_layers

    def __call__(self, of_layers: Tensor) -> Tensor:
        # They mostly are all, and a slice takes as long as two products of small matrices.
        return of_layers if self.are_all else of_layers[self.start : self.stop]


def _gate_rows(n_hidden: int) -> list[slice]:
    """As `gate_parts`: o, f, i together, and o, f, i, g."""
    return [slice(3 * n_hidden), *(slice(k * n_hidden, (k + 1) * n_hidden) for k in range(4))]


def _room(n_steps: int, shape: tuple[int, ...], like: Tensor) -> list[Tensor]:
    """Memory for each of these steps."""
    at_a_time = max(1, PIECE // (math.prod(shape) * like.element_size()))
    starts = range(0, n_steps, at_a_time)
    return [like.new_empty(min(at_a_time, n_steps - start), *shape) for start in starts]


def _by_step(room: list[Tensor], *index: slice) -> list[Tensor]:
    """A part of what there is for every step. Made for all steps at once, views cost a fraction."""
    return [view for piece in room for view in piece[:, *index].unbind(0)]


class _Wavefront(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_HFM: Tensor,
        given_EM: Tensor,
        weight_LGR: Tensor,
        out_weight_LFh1: Tensor,
        h0_Lh: Tensor,
        c0_Lh: Tensor,
        shift: int,
    ) -> Tensor:
        (n_rows, n_features, m), (n_layers, n_gates, size) = x_HFM.shape, weight_LGR.shape
        n_hidden, n_steps, layers = n_gates // 4, n_rows + n_layers - 1, slice(n_layers)
        layout = _Layout(n_features, n_hidden, len(given_EM), size, m, shift)
        # The way back needs all steps, the way there only this one and the next. Behind the last layer there is one
        # more place, for what it gives.
        goes_back = any(ctx.needs_input_grad)
        kept = n_steps + 1 if goes_back else 2
        room = [
            _room(kept, shape, x_HFM)
            for shape in ((n_layers + 1, size, m), (n_layers, n_gates, m), *[(n_layers, n_hidden, m)] * 2)
        ]
        for piece in room[0]:
            piece[:, layers, layout.given] = given_EM
            for edge in layout.edges:
                piece[:, layers, *edge] = 0
        zs, gates, cs, tanh_cs = (_by_step(pieces, layers) for pieces in room)
        xs, hs, hs_and_one = (_by_step(room[0], layers, rows) for rows in (layout.x, layout.h, layout.h_and_one))
        xs_above = _by_step(room[0], slice(1, None), layout.x)
        copies = [(_by_step(room[0], layers, *to), _by_step(room[0], layers, *of)) for to, of in layout.copies]
        parts = [_by_step(room[1], layers, rows) for rows in _gate_rows(n_hidden)]
        outputs_HFM = torch.empty_like(x_HFM, memory_format=torch.contiguous_format)
        for step in range(n_steps):
            now, then, on = step % kept, (step + 1) % kept, _Active(step, n_layers, n_rows)
            if step < n_rows:
                xs[now][0] = x_HFM[step]
            if step < n_layers:  # the first row of this layer
                hs[now][step] = h0_Lh[step, :, None]
                cs[now][step] = c0_Lh[step, :, None]
            for to, of in copies:
                on(to[now]).copy_(on(of[now]))
            torch.bmm(on(weight_LGR), on(zs[now]), out=on(gates[now]))
            c = on(cs[then])
            activate_(tuple(on(part[now]) for part in parts), on(cs[now]), c, c, on(tanh_cs[now]), on(hs[then]))
            added = torch.bmm(on(out_weight_LFh1), on(hs_and_one[then]))
            torch.add(on(xs[now]), added, out=on(xs_above[then]))
            if on.stop == n_layers:
                outputs_HFM[step - n_layers + 1] = xs_above[then][-1]
        if goes_back:
            ctx.ends = [0, *accumulate(map(len, room))]
            ctx.save_for_backward(weight_LGR, out_weight_LFh1, *(piece for pieces in room for piece in pieces))
        ctx.layout = layout
        return outputs_HFM

    @staticmethod
    def backward(ctx: Any, grad_HFM: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the wavefront has no second derivative: create_graph=True is not possible")
        weight_LGR, out_weight_LFh1, *saved = ctx.saved_tensors
        layout, room = ctx.layout, [saved[start:stop] for start, stop in pairwise(ctx.ends)]
        (n_rows, _, m), (n_layers, n_gates, size), n_hidden = grad_HFM.shape, weight_LGR.shape, weight_LGR.shape[1] // 4
        layers = slice(n_layers)
        zs, cs, tanh_cs = (_by_step(room[i], layers) for i in (0, 2, 3))
        hs_and_one = _by_step(room[0], layers, layout.h_and_one)
        parts = [_by_step(room[1], layers, rows) for rows in _gate_rows(n_hidden)]
        back_LRG = weight_LGR.mT.contiguous()
        out_back_LhF = out_weight_LFh1[:, :, :n_hidden].mT.contiguous()
        # Of this shape and the other way round in the product: a quarter quicker.
        grad_weight_LRG, grad_out_weight = torch.zeros_like(back_LRG), torch.zeros_like(out_weight_LFh1)
        grad_h0_Lh, grad_c0_Lh = (grad_HFM.new_empty(n_layers, n_hidden) for _ in range(2))
        grad_x_HFM = torch.empty_like(grad_HFM, memory_format=torch.contiguous_format)
        # What the step after this one has sent back, and what this one sends: to the layer below and the row above.
        mail = grad_HFM.new_empty(2, n_layers + 1, size, m)
        sent, sent_x, sent_h = (_by_step([mail], layers, rows) for rows in (slice(None), layout.x, layout.h))
        sent_from_above = _by_step([mail], slice(1, None), layout.x)
        copies = [(_by_step([mail], layers, *to), _by_step([mail], layers, *of)) for to, of in layout.copies]
        all_grad_c, all_grad_gates = grad_HFM.new_empty(n_layers, n_hidden, m), grad_HFM.new_empty(n_layers, n_gates, m)
        all_grad_parts = gate_parts(all_grad_gates)
        sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
        for step in reversed(range(n_rows + n_layers - 1)):
            on, now, then = _Active(step, n_layers, n_rows), step % 2, (step + 1) % 2
            if on.stop == n_layers:
                sent_from_above[then][-1] = grad_HFM[step - n_layers + 1]
            if step >= n_rows - 1:  # the last row of this layer
                sent_h[then][on.start], all_grad_c[on.start] = 0, 0
            grad_out, grad_c = on(sent_from_above[then]), on(all_grad_c)
            z, tanh_c = on(zs[step]), on(tanh_cs[step])
            squashed, o, f, i, g = (on(part[step]) for part in parts)
            grad_squashed, grad_o, grad_f, grad_i, grad_g = (on(part) for part in all_grad_parts)

            on(grad_out_weight).baddbmm_(grad_out, on(hs_and_one[step + 1]).mT)
            grad_h = torch.baddbmm(on(sent_h[then]), on(out_back_LhF), grad_out)
            torch.mul(grad_h, tanh_c, out=grad_o)
            grad_h.mul_(o)
            grad_c.add_(tanh_backward(grad_h, tanh_c, grad_input=grad_h))
            torch.mul(grad_c, on(cs[step]), out=grad_f)
            torch.mul(grad_c, g, out=grad_i)
            torch.mul(grad_c, i, out=grad_g)
            grad_c.mul_(f)
            sigmoid_backward(grad_squashed, squashed, grad_input=grad_squashed)
            tanh_backward(grad_g, g, grad_input=grad_g)

            grad_gates = on(all_grad_gates)
            on(grad_weight_LRG).baddbmm_(z, grad_gates.mT)
            torch.bmm(on(back_LRG), grad_gates, out=on(sent[now]))
            for to, of in copies:
                on(of[now]).add_(on(to[now]))
            on(sent_x[now]).add_(grad_out)  # through the residual connection
            if step < n_layers:  # the first row of this layer
                grad_h0_Lh[step], grad_c0_Lh[step] = sent_h[now][step].sum(-1), all_grad_c[step].sum(-1)
            if step < n_rows:
                grad_x_HFM[step] = sent_x[now][0]
        return grad_x_HFM, None, grad_weight_LRG.mT, grad_out_weight, grad_h0_Lh, grad_c0_Lh, None
