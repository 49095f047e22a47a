"""LSTM cells on a lattice, evaluated step by step, with a hand-written derivative.

A cell sees an input, and the hidden states of a few neighbours, of which one hands it its memory:

    gates = given + W x + sum_k U_k h_k,      k over the neighbours (taps); h_k = 0 where there is none
    o, f, i = sigmoid(gates), g = tanh(gates)
    c = f c' + i g,   h = o tanh(c)           c' from the neighbour of tap 0

The cells of a step depend on earlier steps only and are evaluated together: a matrix product for each tap, and six
operations for the gates. Automatic differentiation would record each of them and allocate for each. Here a step of the
way back is a product for each tap and four operations; all that does not depend on the order of the steps is done for
all cells at once, before (the derivatives of the gates) or after (the sums over cells that the weights get).

Shapes: D directions (scans side by side), I inputs, h hidden features, G = 4h gates in the order o, f, i, g, K taps, M
cells in the order of the steps, S slots for states, N images. The images come last in memory, so that a step is a block
of columns of a matrix: M and S stand for M * N and S * N numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

Cell = tuple[int, int]
"""Row and column; initial cells lie outside the image."""

Ranges = tuple[tuple[int, int], ...]
"""First and one past the last, a step each, ascending."""


@dataclass(frozen=True)
class ScanPlan:
    """In which order cells are evaluated and where they find their neighbours.

    Attributes:
        slot_of: where the state of a cell is kept; after these comes one slot of zeros, the last.
        cells: the evaluated cells in the order of the steps.
        initial: slots of the cells that are given, (cells,).
        sources: the slot that each cell reads through each tap, K M.
        steps: the cells of each step.
        written: the slots of each step.
        read, readers: for each tap and step, which slots are read, and which cells read them. All cells read through
            tap 0, and get c' from the same slot.
    """

    slot_of: dict[Cell, int]
    cells: tuple[Cell, ...]
    initial: Tensor
    sources: Tensor
    steps: Ranges
    written: Ranges
    read: tuple[Ranges, ...]
    readers: tuple[Ranges, ...]

    @property
    def n_slots(self) -> int:
        return len(self.slot_of) + 1


def scan_plan(
    groups: Sequence[Sequence[Cell]], is_given: Callable[[Cell], bool], taps: Sequence[Cell], device: torch.device
) -> ScanPlan:
    """The plan of a scan; the cells of a step, and those that they see, must lie next to one another.

    Args:
        groups: first the cells that are given before the scan begins, then for every step its cells, to which given
            ones may be added that only the next step sees.
        is_given: whether a cell's state is given instead of evaluated.
        taps: for each tap, how far the neighbour lies from the cell. Tap 0 must find one for every cell.
    """
    slot_of = {cell: slot for slot, cell in enumerate(cell for group in groups for cell in group)}
    steps = [[cell for cell in group if not is_given(cell)] for group in groups[1:]]
    cells = tuple(cell for step in steps for cell in step)
    number = {cell: index for index, cell in enumerate(cells)}
    zeros = len(slot_of)

    def neighbour(cell: Cell, tap: Cell) -> Cell:
        return cell[0] + tap[0], cell[1] + tap[1]

    def having(step: list[Cell], tap: Cell) -> list[Cell]:
        return [cell for cell in step if neighbour(cell, tap) in slot_of]

    read = tuple(_ranges([[slot_of[neighbour(c, tap)] for c in having(step, tap)] for step in steps]) for tap in taps)
    return ScanPlan(
        slot_of=slot_of,
        cells=cells,
        initial=torch.tensor([slot for cell, slot in slot_of.items() if is_given(cell)], device=device),
        sources=torch.tensor([[slot_of.get(neighbour(c, tap), zeros) for c in cells] for tap in taps], device=device),
        steps=_ranges([[number[cell] for cell in step] for step in steps]),
        written=_ranges([[slot_of[cell] for cell in step] for step in steps]),
        read=read,
        readers=tuple(_ranges([[number[cell] for cell in having(step, tap)] for step in steps]) for tap in taps),
    )


def _ranges(runs: list[list[int]]) -> Ranges:
    """Runs of numbers without gaps, as ranges; an empty run lies where the one before ended."""
    ranges: list[tuple[int, int]] = []
    for run in runs:
        start = run[0] if run else ranges[-1][1] if ranges else 0
        assert run == list(range(start, start + len(run)))
        ranges.append((start, start + len(run)))
    return tuple(ranges)


def _pieces(tensor: Tensor, ranges: Ranges, n: int) -> list[Tensor]:
    """The parts of the last axis, for n images; one call, as slicing step by step costs more than the arithmetic."""
    sizes: list[int] = []
    wanted: list[int] = []
    position = 0
    for start, stop in ranges:
        if start > position:
            sizes.append((start - position) * n)
        wanted.append(len(sizes))
        sizes.append((stop - start) * n)
        position = stop
    sizes.append(tensor.shape[-1] - position * n)
    parts = tensor.split(sizes, -1)
    return [parts[index] for index in wanted]


def lstm_scan(
    inputs_DIM: Tensor,
    given_DGN: Tensor,
    input_weights_DGI: Tensor,
    state_weights_KDGh: Tensor,
    h0_Dh: Tensor,
    c0_Dh: Tensor,
    plan: ScanPlan,
) -> Tensor:
    """The hidden states of all slots, DhS: given ones, evaluated ones, zeros.

    Args:
        inputs_DIM: what each cell looks at.
        given_DGN: what the gates of all cells of an image get besides: a bias, the contribution of a label.
        input_weights_DGI, state_weights_KDGh: from the inputs, and from the neighbours' hidden states, to the gates.
        h0_Dh, c0_Dh: the state of all cells that are given.

    All tensors have one dtype. There is no second derivative.

    Raises:
        RuntimeError: in the backward pass, if it is to be differentiated itself (create_graph=True).
    """
    return _LSTMScan.apply(inputs_DIM, given_DGN, input_weights_DGI, state_weights_KDGh, h0_Dh, c0_Dh, plan)


def gate_parts(gates_DGM: Tensor) -> tuple[Tensor, ...]:
    """Views of the gates: o, f, i together, and o, f, i, g."""
    width = gates_DGM.shape[-2] // 4
    return gates_DGM[..., : 3 * width, :], *gates_DGM.split(width, -2)


def activate_(parts: tuple[Tensor, ...], before: Tensor, kept: Tensor, c: Tensor, tanh_c: Tensor, h: Tensor) -> None:
    """From the sums of the gates to the state, everything in place.

    Args:
        parts: of the gates, see `gate_parts`; become what their names say.
        before: the memory c' that is handed over.
        kept: becomes f c'; may be ``c`` itself, and ``c`` may be ``before``.
        c, tanh_c, h: become what their names say.
    """
    squashed, o, f, i, g = parts
    squashed.sigmoid_()
    g.tanh_()
    torch.mul(f, before, out=kept)
    torch.addcmul(kept, i, g, out=c)
    torch.tanh(c, out=tanh_c)
    torch.mul(o, tanh_c, out=h)


class _LSTMScan(Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs_DIM: Tensor,
        given_DGN: Tensor,
        input_weights_DGI: Tensor,
        state_weights_KDGh: Tensor,
        h0_Dh: Tensor,
        c0_Dh: Tensor,
        plan: ScanPlan,
    ) -> Tensor:
        n = given_DGN.shape[-1]
        gates_DGM = given_DGN.repeat(1, 1, len(plan.cells))
        gates_DGM.baddbmm_(input_weights_DGI, inputs_DIM)
        o_DhM = gates_DGM[..., : h0_Dh.shape[-1], :]
        kept_DhM, tanh_DhM = (torch.empty_like(o_DhM, memory_format=torch.contiguous_format) for _ in range(2))
        h_DhS, c_DhS = (_states(start_Dh, plan, n) for start_Dh in (h0_Dh, c0_Dh))

        kept, tanh_c = (_pieces(t, plan.steps, n) for t in (kept_DhM, tanh_DhM))
        parts = list(zip(*(_pieces(part, plan.steps, n) for part in gate_parts(gates_DGM)), strict=True))
        c, h = (_pieces(t, plan.written, n) for t in (c_DhS, h_DhS))
        before = _pieces(c_DhS, plan.read[0], n)
        taps = [
            (_pieces(gates_DGM, readers, n), weight, _pieces(h_DhS, read, n))
            for weight, read, readers in zip(state_weights_KDGh, plan.read, plan.readers, strict=True)
        ]
        for t in range(len(plan.steps)):
            for readers, weight, read in taps:
                readers[t].baddbmm_(weight, read[t])
            activate_(parts[t], before[t], kept[t], c[t], tanh_c[t], h[t])
        ctx.save_for_backward(inputs_DIM, input_weights_DGI, state_weights_KDGh, gates_DGM, kept_DhM, tanh_DhM, h_DhS)
        ctx.plan, ctx.n = plan, n
        return h_DhS

    @staticmethod
    def backward(ctx: Any, grad_DhS: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the scan of an LSTM has no second derivative: create_graph=True is not possible")
        inputs_DIM, input_weights_DGI, state_weights_KDGh, gates_DGM, kept_DhM, tanh_DhM, h_DhS = ctx.saved_tensors
        plan, n = ctx.plan, ctx.n
        _, o, f, i, g = gate_parts(gates_DGM)

        # What the derivatives by c (along h alone) and by the gates' sums will be multiplied with.
        factors_D5hM = gates_DGM.new_empty(*gates_DGM.shape[:-2], 5, *kept_DhM.shape[-2:])
        by_c, by_o, by_f, by_i, by_g = factors_D5hM.unbind(-3)
        sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
        tanh_backward(o, tanh_DhM, grad_input=by_c)  # o (1 - tanh(c)^2)
        sigmoid_backward(tanh_DhM, o, grad_input=by_o)  # tanh(c) o (1 - o)
        torch.addcmul(kept_DhM, kept_DhM, f, value=-1, out=by_f)  # c' f (1 - f)
        sigmoid_backward(g, i, grad_input=by_i)  # g i (1 - i)
        tanh_backward(i, g, grad_input=by_g)  # i (1 - g^2)
        grad_gates_DGM = factors_D5hM[..., 1:, :, :].flatten(-3, -2)

        # These two collect what later steps send back.
        grad_h_DhS, grad_c_DhS = grad_DhS.clone(), torch.zeros_like(grad_DhS)
        grad_h, sent = (_pieces(t, plan.written, n) for t in (grad_h_DhS.unsqueeze(-3), grad_c_DhS))
        sending = _pieces(grad_c_DhS, plan.read[0], n)
        along_h = _pieces(factors_D5hM[..., :2, :, :], plan.steps, n)
        along_c = _pieces(factors_D5hM[..., 2:, :, :], plan.steps, n)
        grad_c, grad_c_1, forget = (_pieces(t, plan.steps, n) for t in (by_c, by_c.unsqueeze(-3), f))
        taps = [
            (_pieces(grad_h_DhS, read, n), weight, _pieces(grad_gates_DGM, readers, n))
            for weight, read, readers in zip(state_weights_KDGh.mT.contiguous(), plan.read, plan.readers, strict=True)
        ]
        for t in reversed(range(len(plan.steps))):
            along_h[t].mul_(grad_h[t])
            grad_c[t].add_(sent[t])
            along_c[t].mul_(grad_c_1[t])
            torch.mul(grad_c[t], forget[t], out=sending[t])
            for read, weight, readers in taps:
                read[t].baddbmm_(weight, readers[t])

        read_DhKM = h_DhS.unflatten(-1, (-1, n)).index_select(-2, plan.sources.flatten()).flatten(-2)
        n_taps = len(plan.sources)
        grad_state_weights = grad_gates_DGM @ read_DhKM.unflatten(-1, (n_taps, -1)).flatten(-3, -2).mT
        at_start = (
            t.unflatten(-1, (-1, n)).index_select(-2, plan.initial).sum((-2, -1)) for t in (grad_h_DhS, grad_c_DhS)
        )
        return (
            input_weights_DGI.mT @ grad_gates_DGM,
            grad_gates_DGM.unflatten(-1, (-1, n)).sum(-2),
            grad_gates_DGM @ inputs_DIM.mT,
            grad_state_weights.unflatten(-1, (-1, n_taps)).movedim(-1, 0),
            *at_start,
            None,
        )


def _states(start_Dh: Tensor, plan: ScanPlan, n: int) -> Tensor:
    """Room for the states of all slots, DhS, with h outermost in memory; the given ones and the zeros are filled in."""
    *directions, width = start_Dh.shape
    states_DhSN = start_Dh.new_empty(width, *directions, plan.n_slots, n).movedim(0, -3)
    states_DhSN[..., -1, :] = 0
    states_DhSN[..., plan.initial, :] = start_Dh[..., None, None]
    return states_DhSN.flatten(-2)
