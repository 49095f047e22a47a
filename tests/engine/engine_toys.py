"""A small training for the tests of the engine: noise, dropout, running statistics, a short last batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pofx.engine.loop import TrainingOptions, TrainingResult, train
from pofx.engine.phase import Batch, LossTerms, Phase

Hook = Callable[[Batch, LossTerms], LossTerms]


class ToyData:
    """``n`` images of 1 x 2 x 2; counts how often each was asked for."""

    def __init__(self, n: int = 37) -> None:
        self.x = torch.randn(n, 1, 2, 2, generator=torch.Generator().manual_seed(5))
        self.asked: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor | None]:
        self.asked.append(indices.copy())
        return self.x[torch.from_numpy(indices)], torch.from_numpy(indices) % 3


class ToyNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 4))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.flatten(1))


class Toy:
    """A training that can be started again and again; ``hook`` sees every loss and may replace it or raise."""

    def __init__(
        self, folder: Path | None = None, hook: Hook | None = None, scores: Sequence[float] | None = None
    ) -> None:
        self.folder, self.hook, self.scores = folder, hook, scores
        self.net = ToyNet()
        self.data = ToyData()
        self.n_scored = 0

    def loss(self, batch: Batch) -> LossTerms:
        noise = 0.3 * torch.randn(batch.x.shape, generator=batch.generator)
        error = (self.net(batch.x + noise) - batch.x.flatten(1)).square()
        first, second = error[:, :2].sum(1).mean(), error[:, 2:].sum(1).mean()
        terms = LossTerms(first + second, {"first": first, "second": second})
        return terms if self.hook is None else self.hook(batch, terms)

    def score(self) -> float:
        assert not self.net.training and not torch.is_grad_enabled()
        self.n_scored += 1
        if self.scores is not None:
            return self.scores[self.n_scored - 1]
        return -float((self.net(self.data.x) - self.data.x.flatten(1)).square().mean())

    def train(self, fingerprint: str = "toy", score: bool = True, **options: Any) -> TrainingResult:
        words = {"max_epochs": 3, "batch_size": 8, "ema_half_life": 4.0, "learning_rate": 0.02, "device": "cpu"}
        words |= {"checkpoint_dir": self.folder, "checkpoint_every_seconds": 0.0, "seed": 11}
        phase = Phase("toy", tuple(self.net.parameters()), self.loss, clip_norm=5.0)
        chosen = TrainingOptions(**(words | options))  # type: ignore[arg-type]
        return train(self.net, [phase], self.data, chosen, self.score if score else None, fingerprint)

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.net.state_dict().items()}


class Crash(Exception):
    """Stands for a kill in the middle of a step."""


def crash_at(*steps: int) -> Hook:
    """A hook that raises once at each of these steps."""
    left = set(steps)

    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        if batch.step in left:
            left.remove(batch.step)
            raise Crash
        return terms

    return hook


def same(first: Any, second: Any) -> bool:
    """Bit for bit the same, in nested containers of tensors and numbers."""
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and torch.equal(first.nan_to_num(7.0), second.nan_to_num(7.0))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    return bool(first == second) or (first != first and second != second)


def lasting(folder: Path) -> dict[str, Any]:
    """What a checkpoint holds, without all that depends on the speed of the machine."""
    training = torch.load(folder / "checkpoint.pt", weights_only=True)["training"]
    present = training["present"]
    del present["position"]["seconds"], training["elapsed"]
    for row in present["history"]:
        del row["seconds"], row["images_per_second"]
    return training
