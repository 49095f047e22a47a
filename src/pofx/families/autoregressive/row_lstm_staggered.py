"""Row LSTM layers over several rows at once, each ``lag`` columns behind the row above it; see `staggered`.

Shapes: L layers, N images, F features, h hidden features, G = 4h gates, I numbers of a window, E = 1 + labels,
S = h + E numbers of a state and of what is behind it, M columns of a matrix, rows x images. The memory of states has
the row above the image as its first row. Behind every hidden state it has a one and the label, one-hot: their weights
are the biases, which then take no operation of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.families.autoregressive.lstm_scan import activate_, gate_parts
from pofx.families.autoregressive.staggered import Stagger, StaggeredLayers, StepMemory


@dataclass(frozen=True)
class RowLSTMWeights:
    """What layers compute with.

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
    """The companion of `RowLSTM` layers.

    Of the last lag + reach steps it keeps the states, of the last ``reach`` the features; with room for three times as
    many steps, and for all rows of the image, that is about (2h (lag + reach) + F reach) 3 numbers for each row, image
    and layer.

    Args:
        given_EN: ones, and below them the labels, one-hot.
        seen_once: whether a step is evaluated once, and not once for each colour.
    """

    def __init__(self, weights: RowLSTMWeights, stagger: Stagger, given_EN: Tensor, *, seen_once: bool) -> None:
        self.weights, self.stagger = weights, stagger
        n_layers, self.n_features, _ = weights.out_LFS.shape
        self.n_hidden, self.n = weights.h0_Lh.shape[1], given_EN.shape[1]
        self.reach = weights.window_LGI.shape[2] // self.n_features - 1
        self.x = StepMemory(self.reach, given_EN.new_zeros(n_layers, self.n_features, stagger.height * self.n))
        zeros_LhM = given_EN.new_zeros(n_layers, self.n_hidden, (stagger.height + 1) * self.n)
        given_LEM = given_EN.repeat(n_layers, 1, stagger.height + 1)
        self.h = StepMemory(stagger.lag + self.reach, torch.cat([zeros_LhM, given_LEM], 1))
        self.c = StepMemory(stagger.lag, zeros_LhM)
        self.own_weights = weights.window_LGI[..., self.reach * self.n_features :].unbind(0)
        self.out_weights = weights.out_LFS.unbind(0)
        # Seen once, the gates may take the place of what they start from.
        shape = (1 if seen_once else 2, n_layers * weights.window_LGI.shape[1] * stagger.most_rows * self.n)
        self.room_2Q = given_EN.new_empty(shape)
        self.gates_of: dict[int, _Gates] = {}

    def begin(self, step: int) -> None:
        rows = self.stagger.rows(step)
        for back in range(1, self.stagger.lag + 1) if step == 0 else ():
            self._fill_row_above(-back, back)
        if step > 0:
            # Nobody looks at the rows that ended before the one above the first.
            wanted = slice(rows.start * self.n, (rows.stop + 1) * self.n) if rows else slice(None)
            for memory in (self.x, self.h, self.c):
                memory.advance(wanted)
        self._fill_row_above(step, 0)
        # Right of the image the hidden states are zero, and the row below looks there: in the steps after a row's end.
        # The next row to end does so ``lag`` steps later; by then nobody looks at this one.
        ended = (step - self.stagger.width) // self.stagger.lag
        if -1 <= ended < self.stagger.height:
            there = slice((ended + 1) * self.n, (ended + 2) * self.n)
            self.h.step(there)[:, : self.n_hidden] = 0
        self.own = slice(rows.start * self.n, rows.stop * self.n)
        if rows:
            self.gates = self._before(len(rows))

    def _fill_row_above(self, step: int, back: int) -> None:
        """The state above the image, where that row is in this step."""
        if 0 <= self.stagger.column(step, -1) < self.stagger.width:
            above = slice(0, self.n)
            self.h.step(above, back)[:, : self.n_hidden] = self.weights.h0_Lh[..., None]
            self.c.step(above, back)[:] = self.weights.c0_Lh[..., None]

    def _before(self, n_rows: int) -> _Gates:
        """What the gates get from earlier steps, of all layers at once."""
        lag, reach, weights = self.stagger.lag, self.reach, self.weights
        if n_rows not in self.gates_of:
            self.gates_of[n_rows] = _Gates(
                self.room_2Q, len(self.out_weights), weights.window_LGI.shape[1], n_rows * self.n
            )
        gates = self.gates_of[n_rows]
        torch.bmm(weights.above_LGI, self.h.steps(lag + reach, lag - reach, self.own), out=gates.base_LGM)
        if reach:
            # From left to right the own column comes last.
            left_LGI = weights.window_LGI[..., : reach * self.n_features]
            gates.base_LGM.baddbmm_(left_LGI, self.x.steps(reach, 1, self.own))
        return gates

    def evaluate(self, h_FM: Tensor) -> Tensor:
        # In the memory of the states, the row above has the place that the row itself has in the other.
        above, below = self.own, slice(self.own.start + self.n, self.own.stop + self.n)
        states_LSM, gates = self.h.step(below), self.gates
        views = (
            self.x.step(self.own), self.c.step(above, self.stagger.lag), self.c.step(below),
            states_LSM[:, : self.n_hidden], states_LSM,
        )  # fmt: skip
        for number, (x, above_c, c, h, states) in enumerate(zip(*(view.unbind(0) for view in views), strict=True)):
            x.copy_(h_FM)
            torch.addmm(gates.base[number], self.own_weights[number], h_FM, out=gates.gates[number])
            activate_(gates.parts[number], above_c, c, c, gates.tanh_hM, h)
            h_FM.addmm_(self.out_weights[number], states)
        return h_FM


class _Gates:
    """The part of the room that so many columns take, and its views: making these for each layer anew would take as
    long as what is done with them."""

    def __init__(self, room_2Q: Tensor, n_layers: int, n_gates: int, n_columns: int) -> None:
        used_2LGM = room_2Q[:, : n_layers * n_gates * n_columns].unflatten(1, (n_layers, n_gates, n_columns))
        self.base_LGM = used_2LGM[0]
        self.base, self.gates = self.base_LGM.unbind(0), used_2LGM[-1].unbind(0)
        self.parts = [gate_parts(gates_GM) for gates_GM in self.gates]
        self.tanh_hM = room_2Q.new_empty(n_gates // 4, n_columns)
