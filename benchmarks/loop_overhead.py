"""What the training loop costs on top of a plain PyTorch loop: the ratio of their times, in pairs within one run.

    python benchmarks/loop_overhead.py

Both train the same fully connected autoencoder (784-512-512-20 and back) with fused Adam, batch 256, on the same random
bytes. The plain loop does nothing else; ours also checks that every step is finite, keeps snapshots to go back to, a
cosine schedule, progress and a history, and in the second comparison averages the weights. Appends a row for each to
``results/loop_overhead.csv``: the median of 9 pairs, with the least and the greatest.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

import common
from pofx.engine.loop import TrainingOptions, train
from pofx.engine.phase import Batch, LossTerms, Phase

IMAGES, BATCH, EPOCHS, PAIRS = 12_800, 256, 2, 9


class Bytes:
    """Training data: rows of bytes in memory."""

    def __init__(self) -> None:
        self.rows = torch.from_numpy(np.random.default_rng(0).integers(0, 256, size=(IMAGES, 784), dtype=np.uint8))

    def __len__(self) -> int:
        return IMAGES

    def batch(self, indices: np.ndarray) -> tuple[Tensor, None]:
        return self.rows[torch.from_numpy(indices)], None


def make_net() -> nn.Module:
    torch.manual_seed(0)
    sizes = [784, 512, 512, 20, 512, 512, 784]
    layers: list[nn.Module] = []
    for inner, outer in pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def loss_of(net: nn.Module, rows: Tensor) -> Tensor:
    x = rows.float() / 255
    return nn.functional.mse_loss(net(x), x)


def plain(data: Bytes) -> float:
    net = make_net()
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    start = time.perf_counter()
    for _ in range(EPOCHS):
        for indices in torch.randperm(IMAGES).split(BATCH):
            optimiser.zero_grad()
            loss_of(net, data.rows[indices]).backward()
            optimiser.step()
    return time.perf_counter() - start


def ours(data: Bytes, ema_half_life: float | None) -> float:
    net = make_net()

    def loss(batch: Batch) -> LossTerms:
        return LossTerms(loss_of(net, batch.x))

    options = TrainingOptions(max_epochs=EPOCHS, batch_size=BATCH, ema_half_life=ema_half_life, device="cpu")
    start = time.perf_counter()
    train(net, [Phase("loss", list(net.parameters()), loss)], data, options)
    return time.perf_counter() - start


def main() -> None:
    data = Bytes()
    for name, half_life in {"without averaged weights": None, "with averaged weights": 500.0}.items():
        plain(data), ours(data, half_life)  # warm up
        ratios = [ours(data, half_life) / plain(data) for _ in range(PAIRS)]
        common.append_row(
            "loop_overhead",
            {
                "comparison": name,
                "time_over_plain_loop_median": round(statistics.median(ratios), 3),
                "least": round(min(ratios), 3),
                "greatest": round(max(ratios), 3),
                "pairs": PAIRS,
            },
        )


if __name__ == "__main__":
    main()
