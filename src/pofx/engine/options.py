"""How long and how a training runs."""

from __future__ import annotations

import os
from dataclasses import dataclass

PRECISIONS = ("float32", "bfloat16", "float64")


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training; whichever of ``max_epochs`` and ``max_minutes`` comes first ends it.

    Args:
        max_epochs: passes over the data.
        max_minutes: time budget on the wall clock, in minutes, scoring and time before a resume included.
        batch_size: images a step, over all processes together; the last batch of an epoch may be smaller.
        learning_rate: Adam's, at the top of the schedule.
        early_stopping: epochs without a better held-out score after which the training ends; None, or no score,
            is never.
        ema_half_life: half-life of the weight average in optimiser steps; None keeps the raw weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, ...
        precision: ``"bfloat16"`` computes the loss in mixed precision; ``"float64"`` converts the module. In float32
            the convolutions of a training step may run in TF32 on a GPU; scoring and sampling never do.
        checkpoint_dir: folder of ``checkpoint.pt`` and ``history.csv``; created when missing. None writes nothing.
        seed: non-negative; with the step it determines all randomness.
        verbose: whether to show progress on stderr.
        name: heads the progress line.
        checkpoint_every_seconds: time between two checkpoints, in seconds; they also fall inside an epoch. None chooses
            it so that writing takes about 2 % of the time: a second for small models, a minute at most.
        warm_up_fraction: share of the training, in [0, 1), in which the learning rate rises linearly from 0.
        unsettled_fraction: share of the training, in [0, 1), that early stopping never cuts short: its losses are not
            yet those of the rest.

    Raises:
        ValueError: if a value is out of its range; the message names it.
    """

    max_epochs: int
    max_minutes: float | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    early_stopping: int | None = None
    ema_half_life: float | None = None
    device: str = "auto"
    precision: str = "float32"
    checkpoint_dir: str | os.PathLike[str] | None = None
    seed: int = 0
    verbose: bool = False
    name: str = "training"
    checkpoint_every_seconds: float | None = None
    warm_up_fraction: float = 0.05
    unsettled_fraction: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_epochs", "batch_size", "early_stopping"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")
        for name in ("max_minutes", "learning_rate", "ema_half_life"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        if self.seed < 0 or self.seed >= 2**64:
            raise ValueError(f"seed must lie in [0, 2^64), got {self.seed}.")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {PRECISIONS}, got {self.precision!r}.")
        for name in ("warm_up_fraction", "unsettled_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}.")
        if self.checkpoint_every_seconds is not None and not self.checkpoint_every_seconds >= 0:
            raise ValueError(f"checkpoint_every_seconds must not be negative, got {self.checkpoint_every_seconds}.")
