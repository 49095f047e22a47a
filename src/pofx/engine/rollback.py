"""Noticing numbers that are not finite, and saying so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MAX_ROLLBACKS = 3


class TrainingDiverged(FloatingPointError):
    """The training went on giving numbers that are not finite, at ever smaller learning rates."""


class NonFiniteStep(ArithmeticError):
    """A step gave numbers that are not finite; the training goes back to the last good state."""

    def __init__(self, phase: str, step: int, what: Sequence[str]) -> None:
        super().__init__(f"phase {phase!r}, step {step}: {', '.join(what)} not finite")
        self.phase, self.step, self.what = phase, step, tuple(what)


@dataclass(frozen=True)
class Record:
    """What one phase of one step gave: ``values`` on the device, (len(names),), not yet looked at."""

    phase: str
    step: int
    n_images: int
    names: tuple[str, ...]
    values: Tensor


def read_records(records: Sequence[Record]) -> list[tuple[Record, dict[str, float]]]:
    """Read the values of all records in one transfer from the device.

    Raises:
        NonFiniteStep: for the first record with a value that is not finite.
    """
    if not records:
        return []
    values = torch.cat([record.values for record in records]).tolist()
    readings, start = [], 0
    for record in records:
        stop = start + len(record.names)
        reading = dict(zip(record.names, values[start:stop], strict=True))
        what = [name for name, value in reading.items() if not math.isfinite(value)]
        if what:
            raise NonFiniteStep(record.phase, record.step, what)
        readings.append((record, reading))
        start = stop
    return readings


def diverged(fault: NonFiniteStep, learning_rate: float) -> TrainingDiverged:
    """The error that ends a training after its last rollback."""
    return TrainingDiverged(
        f"The training diverged: in phase {fault.phase!r} at step {fault.step}, {', '.join(fault.what)} not finite, "
        f"after {MAX_ROLLBACKS} returns to a good state, each at half the learning rate (last: {learning_rate:.3g}). "
        "Try a smaller learning_rate, or precision='float32' if it was lower, and check the images for extreme values."
    )


@torch.no_grad()
def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether all numbers of all floating tensors are finite: one transfer from the device."""
    present = [tensor for tensor in tensors.values() if tensor.is_floating_point() and tensor.numel()]
    if not present:
        return True
    # The norm is thirty times faster than isfinite, but its square can overflow where all numbers are finite.
    if bool(torch.isfinite(torch.stack([norm.float() for norm in torch._foreach_norm(present)]).sum())):
        return True
    return all(bool(torch.isfinite(tensor).all()) for tensor in present)


@torch.no_grad()
def clone_tree(tree: Any, into: Any = None) -> Any:
    """A copy of nested dicts and lists with every tensor cloned, into the memory of ``into`` where that fits.

    Fresh memory costs five times the copy itself.
    """
    if isinstance(tree, Tensor):
        if isinstance(into, Tensor) and (into.shape, into.dtype, into.device) == (tree.shape, tree.dtype, tree.device):
            return into.copy_(tree)
        return tree.detach().clone()
    if isinstance(tree, dict):
        old = into if isinstance(into, dict) else {}
        return {key: clone_tree(value, old.get(key)) for key, value in tree.items()}
    if isinstance(tree, list):
        old_items = into if isinstance(into, list) and len(into) == len(tree) else [None] * len(tree)
        return [clone_tree(value, item) for value, item in zip(tree, old_items, strict=True)]
    return tree
