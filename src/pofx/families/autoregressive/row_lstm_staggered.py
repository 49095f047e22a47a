"""Row LSTM layers over several rows at once, each ``lag`` columns behind the row above it; see `staggered`.

Shapes: L layers, N images, F features, h hidden features, G = 4h gates, I numbers of a window, E = 1 + labels, M
columns of a matrix, rows x images. The memory of the states has the row above the image as its first row. Behind every
hidden state it has a one and the label, one-hot: their weights are the biases, which then take no operation of their
own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.families.autoregressive.lstm_scan import activate_, gate_parts
from pofx.families.autoregressive.staggered import Stagger, StaggeredLayers, StepMemory


@dataclass(frozen=True)
class RowLSTMWeights:
    """What layers compute with; S stands for h + E, a hidden state and what is behind it.

    Attributes:
        window_LGI: to the gates from the features of a window of columns, from left to right, its own the last.
        above_LGI: to the gates from the row above, S numbers for each column of a window around the own one.
        out_LFS: from the states to the features.
        h0_Lh, c0_Lh: the states above the image.
    """

    window_LGI: Tensor
    above_LGI: Tensor
    out_LFS: Tensor
    h0_Lh: Tensor
    c0_Lh: Tensor


class StaggeredRowLSTM(StaggeredLayers):
    """The companion of `RowLSTM` layers: of each row they keep the columns that it and the row below still look at.

    Args:
        given_EN: ones, and below them the labels, one-hot.
    """

    def __init__(self, weights: RowLSTMWeights, stagger: Stagger, given_EN: Tensor) -> None:
        self.weights, self.stagger = weights, stagger
        n_layers, n_features, _ = weights.out_LFS.shape
        self.n_hidden, self.n = weights.h0_Lh.shape[1], given_EN.shape[1]
        self.reach = weights.window_LGI.shape[2] // n_features - 1
        self.x = StepMemory(self.reach, given_EN.new_zeros(n_layers, n_features, stagger.height * self.n))
        zeros_LhM = given_EN.new_zeros(n_layers, self.n_hidden, (stagger.height + 1) * self.n)
        given_LEM = given_EN.repeat(n_layers, 1, stagger.height + 1)
        self.h = StepMemory(stagger.lag + self.reach, torch.cat([zeros_LhM, given_LEM], 1))
        self.c = StepMemory(stagger.lag, zeros_LhM)
        self.own_weights = weights.window_LGI[..., self.reach * n_features :].unbind(0)
        self.out_weights = weights.out_LFS.unbind(0)
        self.rooms: dict[int, _Room] = {}

    def begin(self, step: int) -> None:
        for back in range(1, self.stagger.lag + 1) if step == 0 else ():
            self._fill_row_above(-back, back)
        if step > 0:
            rows = self.stagger.rows(step)
            # Nobody looks at the rows that ended before the one above the first; those below the last are all zero.
            wanted = slice(rows.start * self.n, (rows.stop + 1) * self.n) if rows else slice(None)
            for memory in (self.x, self.h, self.c):
                memory.advance(wanted)
        self._fill_row_above(step, 0)
        # Right of the image the hidden states are zero; the row below still looks there.
        ended = (step - self.stagger.width) // self.stagger.lag
        if -1 <= ended < self.stagger.height:
            there = slice((ended + 1) * self.n, (ended + 2) * self.n)
            self.h.step(there)[:, : self.n_hidden] = 0

    def _fill_row_above(self, step: int, back: int) -> None:
        """The state above the image, where that row is in this step."""
        if 0 <= self.stagger.column(step, -1) < self.stagger.width:
            above = slice(0, self.n)
            self.h.step(above, back)[:, : self.n_hidden] = self.weights.h0_Lh[..., None]
            self.c.step(above, back)[:] = self.weights.c0_Lh[..., None]

    def evaluate(self, h_FM: Tensor, rows: range) -> Tensor:
        lag, reach, weights = self.stagger.lag, self.reach, self.weights
        own = slice(rows.start * self.n, rows.stop * self.n)
        # In the memory of the states, a row further on.
        above, below = own, slice(own.start + self.n, own.stop + self.n)
        states_LSM = self.h.step(below)
        if len(rows) not in self.rooms:
            self.rooms[len(rows)] = _Room(weights, h_FM)
        room = self.rooms[len(rows)]
        # What was known before this step, for all layers at once; from left to right the own column comes last.
        torch.bmm(weights.above_LGI, self.h.steps(lag + reach, lag - reach, above), out=room.gates_LGM)
        if reach:
            n_left = reach * len(h_FM)
            room.gates_LGM.baddbmm_(weights.window_LGI[..., :n_left], self.x.steps(reach, 1, own))
        views = (
            self.x.step(own),
            self.c.step(above, lag),
            self.c.step(below),
            states_LSM[:, : self.n_hidden],
            states_LSM,
        )
        for number, (x, above_c, c, h, states) in enumerate(zip(*(view.unbind(0) for view in views), strict=True)):
            x.copy_(h_FM)
            room.gates[number].addmm_(self.own_weights[number], h_FM)
            activate_(room.parts[number], above_c, c, c, room.tanh_hM, h)
            h_FM.addmm_(self.out_weights[number], states)
        return h_FM


class _Room:
    """Where the gates of so many rows are computed, and their views: making these for each layer anew would take as
    long as what is done with them."""

    def __init__(self, weights: RowLSTMWeights, h_FM: Tensor) -> None:
        n_layers, n_gates, _ = weights.window_LGI.shape
        self.gates_LGM = h_FM.new_empty(n_layers, n_gates, h_FM.shape[1])
        self.tanh_hM = h_FM.new_empty(weights.h0_Lh.shape[1], h_FM.shape[1])
        self.gates = self.gates_LGM.unbind(0)
        self.parts = [gate_parts(gates_GM) for gates_GM in self.gates]
