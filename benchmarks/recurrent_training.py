"""What the recurrent layers of PixelRNN cost in training: a step's time over that of a PixelCNN of equal width.

    python benchmarks/recurrent_training.py
    python benchmarks/recurrent_training.py --repetitions 21 --threads 1

A step is forward, backward and fused Adam on 16 binary images of 28 x 28, through 7 layers of 32 features (h = 16).
"ours" are the layers of the library, whose derivative is hand-written; "plain" are the same equations as one would
write them down, left to automatic differentiation. As in a fit, freed memory stays with the process. All arms take
turns within one run, and each ratio is between steps of one turn. Appends a row for each arm to
``results/recurrent_training.csv``: the median, with the least and the greatest.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import common
from pofx.distributions.pixels import Bernoulli
from pofx.engine.allocator import memory_is_kept
from pofx.families.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.module import AutoregressiveModule, MakeLayer, one_after_the_other
from pofx.families.autoregressive.pixelcnn import ResidualBlock
from pofx.families.autoregressive.row_lstm import RowLSTM, wavefront

BATCH, SIZE, LAYERS, FEATURES = 16, 28, 7, 32


class PlainLayer(nn.Module):
    """What both plain layers have: gray images, no labels."""

    def __init__(self, n_features: int, kernel: int, directions: int, taps: int) -> None:
        super().__init__()
        width = n_features // 2
        features, gates = colour_groups(n_features, 1), colour_groups(4 * width, 1)
        self.looks = nn.ModuleList(MaskedConv2d(features, gates, kernel, "B", one_row=True) for _ in range(directions))
        self.states = nn.Parameter(0.1 * torch.randn(directions, taps * width, 4 * width))
        self.h0, self.c0 = nn.Parameter(torch.zeros(directions, width)), nn.Parameter(torch.zeros(directions, width))
        self.out = MaskedConv2d(colour_groups(width, 1), features, 1, "B")

    @staticmethod
    def cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        o, f, i, g = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class PlainRowLSTM(PlainLayer):
    def __init__(self, n_features: int) -> None:
        super().__init__(n_features, kernel=3, directions=1, taps=3)

    def forward(self, x_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
        n, _, _, width = x_NFHW.shape
        gates_HNWG = self.looks[0](x_NFHW).permute(2, 0, 3, 1)
        h_NWh, c_NWh = (start[0].expand(n, width, -1) for start in (self.h0, self.c0))
        rows = []
        for gates_NWG in gates_HNWG.unbind(0):
            padded = F.pad(h_NWh, (0, 0, 1, 1))
            windows = torch.cat([padded[:, :-2], h_NWh, padded[:, 2:]], -1)
            h_NWh, c_NWh = self.cell(gates_NWG + windows @ self.states[0], c_NWh)
            rows.append(h_NWh)
        return x_NFHW + self.out(torch.stack(rows).permute(1, 3, 0, 2)), None


class PlainDiagonalBiLSTM(PlainLayer):
    def __init__(self, n_features: int) -> None:
        super().__init__(n_features, kernel=1, directions=2, taps=2)

    def forward(self, x_NFHW: Tensor, above: None, y_NK: Tensor) -> tuple[Tensor, None]:
        left = self.scan(x_NFHW, 0)
        right = self.scan(x_NFHW.flip(3), 1).flip(3)
        return x_NFHW + self.out(left + F.pad(right, (0, 0, 1, 0))[:, :, :-1]), None

    def scan(self, x_NFHW: Tensor, direction: int) -> Tensor:
        n, _, height, width = x_NFHW.shape
        gates_NGHW = self.looks[direction](x_NFHW)
        # Row r is moved right by r: padded to one column more than there are diagonals, and read in shorter rows.
        skewed = F.pad(gates_NGHW, (0, height)).flatten(2)[..., :-height].unflatten(2, (height, -1))
        h_NHh, c_NHh = (start[direction].expand(n, height, -1) for start in (self.h0, self.c0))
        columns = []
        for s, gates_NHG in enumerate(skewed.permute(3, 0, 2, 1).unbind(0)):
            above = F.pad(h_NHh, (0, 0, 1, 0))[:, :-1]
            h_NHh, c_NHh = self.cell(gates_NHG + torch.cat([h_NHh, above], -1) @ self.states[direction], c_NHh)
            columns.append(h_NHh)
            if s + 1 < height:  # the rows that have not begun keep the state they begin with
                h_NHh, c_NHh = (
                    torch.cat([new[:, : s + 1], start[direction].expand(n, height - s - 1, -1)], 1)
                    for new, start in ((h_NHh, self.h0), (c_NHh, self.c0))
                )
        states = torch.stack(columns, 3).transpose(1, 2)  # N h H S
        padded = F.pad(states.flatten(2), (0, height)).unflatten(2, (height, -1))
        return padded[..., :width]


ARMS: dict[str, MakeLayer] = {
    "PixelCNN": lambda number: ResidualBlock(FEATURES, 3, 1, 0),
    "Row LSTM, ours": lambda number: RowLSTM(FEATURES, 3, 1, 0),
    "Row LSTM, plain": lambda number: PlainRowLSTM(FEATURES),
    "Diagonal BiLSTM, ours": lambda number: DiagonalBiLSTM(FEATURES, 1, 0),
    "Diagonal BiLSTM, plain": lambda number: PlainDiagonalBiLSTM(FEATURES),
}


def training_step(make_layer: MakeLayer) -> Callable[[], None]:
    """A function that takes one step."""
    torch.manual_seed(0)
    module = AutoregressiveModule(
        Bernoulli(1),
        0,
        n_features=FEATURES,
        n_layers=LAYERS,
        make_layer=make_layer,
        two_stacks=False,
        run_layers=wavefront if isinstance(make_layer(0), RowLSTM) else one_after_the_other,
    )
    optimiser = torch.optim.Adam(module.parameters(), 1e-3, fused=True)
    x_NCHW = torch.randint(0, 2, (BATCH, 1, SIZE, SIZE))

    def step() -> None:
        optimiser.zero_grad()
        (-module.law.log_prob(module(x_NCHW), x_NCHW).sum() / BATCH).backward()
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    steps = {name: training_step(make_layer) for name, make_layer in ARMS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    with memory_is_kept():
        for step in steps.values():  # warm up
            step(), step()
        for _ in range(arguments.repetitions):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        ratios = [time_ / base for time_, base in zip(times, seconds["PixelCNN"], strict=True)]
        common.append_row(
            "recurrent_training",
            {
                "arm": name,
                "step_over_pixelcnn_median": round(statistics.median(ratios), 2),
                "least": round(min(ratios), 2),
                "greatest": round(max(ratios), 2),
                "milliseconds_median": round(1000 * statistics.median(times), 1),
                "repetitions": arguments.repetitions,
            },
        )


if __name__ == "__main__":
    main()
