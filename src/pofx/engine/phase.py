"""What a model hands the training loop: phases, each with its parameters and its loss.

A model trained by one objective has one phase; a game between two networks has two. Shapes: N images, C channels,
H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pofx.engine.schedule import cosine_between


@dataclass(frozen=True)
class LossTerms:
    """A loss: what is minimised, and the named terms that it is made of, none of it hidden.

    Args:
        total: scalar tensor (0-dimensional), the mean over the images of the batch; its gradient is followed.
        terms: scalar tensors by name, means over the batch too; the history records them and, as ``loss``, the total.

    Raises:
        ValueError: if the total or a term is not 0-dimensional, or a term is named ``loss``.
    """

    total: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.total.ndim:
            raise ValueError(f"The total loss must be a scalar, its shape is {tuple(self.total.shape)}.")
        if "loss" in self.terms:
            raise ValueError("No term may be named 'loss': the history keeps the total under that name.")
        for name, term in self.terms.items():
            if term.ndim:
                raise ValueError(f"The loss term {name!r} must be a scalar, its shape is {tuple(term.shape)}.")


@dataclass(frozen=True)
class HeldOutScore:
    """How good the model is on held-out images, and what else was measured on them.

    Args:
        score: higher is better; chooses the weights that are kept.
        measured: numbers by name, which the history records as columns beside ``held_out_score``.
        noise: scores that differ by no more than this say nothing; of such states the latest is kept.
    """

    score: float
    measured: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.0


@dataclass(frozen=True)
class Batch:
    """One batch, on the device that trains.

    Args:
        x: images, (N, C, H, W); floating images come in the dtype of the training precision, others as they are.
        y: class labels, (N,) int64, or None.
        step: optimiser steps made before this one.
        progress: share of the training that is done, in [0, 1], by steps or by the clock, whichever is further.
        generator: where all noise of this loss comes from, on the device; fresh for every step, phase and process.
    """

    x: Tensor
    y: Tensor | None
    step: int
    progress: float
    generator: torch.Generator


@dataclass(frozen=True)
class Phase:
    """One player of the training: its parameters and what it minimises.

    Args:
        name: heads the phase's columns in the history where there are several phases.
        parameters: what this phase's optimiser moves; the gradients of all others are not computed.
        loss: from a batch to the loss.
        every: the phase runs at the steps divisible by this.
        betas: decay rates of Adam's two moments.
        final_beta2: the second of them at the end of the training, reached along half a cosine; None keeps it.
        clip_norm: upper limit of the gradient's global norm, in units of the loss; None does not clip.

    Raises:
        ValueError: if ``every`` or ``clip_norm`` is not positive, a beta is not in [0, 1), or no parameter requires a
            gradient.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    loss: Callable[[Batch], LossTerms]
    every: int = 1
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = None
    final_beta2: float | None = None

    def __post_init__(self) -> None:
        # A generator (module.parameters()) could be read only once.
        object.__setattr__(self, "parameters", tuple(self.parameters))
        # Adam rejects integers: betas=(0, 0.99).
        object.__setattr__(self, "betas", tuple(float(beta) for beta in self.betas))
        if self.every < 1:
            raise ValueError(f"every must be at least 1, got {self.every}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive or None, got {self.clip_norm}.")
        for beta in (*self.betas, *([] if self.final_beta2 is None else [self.final_beta2])):
            if not 0 <= beta < 1:
                raise ValueError(f"betas must lie in [0, 1), got {beta}.")
        if not any(parameter.requires_grad for parameter in self.parameters):
            raise ValueError(f"The phase {self.name!r} has no parameter that requires a gradient.")

    def betas_at(self, progress: float) -> tuple[float, float]:
        """Adam's decay rates at this share of the training."""
        beta1, beta2 = self.betas
        return beta1, beta2 if self.final_beta2 is None else cosine_between(beta2, self.final_beta2, progress)


class TrainingData(Protocol):
    """Images that are gathered batch by batch, straight from an array or a memmap."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """The images (N, C, H, W) with these indices, and their labels (N,) if there are any, as CPU tensors."""
        ...
