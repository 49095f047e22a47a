"""Training a module by its phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from torch import nn

from pofx.engine.allocator import memory_is_kept
from pofx.engine.checkpoint import CheckpointFolder
from pofx.engine.devices import Machine, open_machine
from pofx.engine.history import History
from pofx.engine.interrupt import InterruptFlag
from pofx.engine.learner import Learner
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import HeldOutScore, Phase, TrainingData
from pofx.engine.progress import ProgressLine
from pofx.engine.randomness import own_generators
from pofx.engine.run import Run, StopReason


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training.

    Args:
        history: one row an epoch, an epoch cut short included.
        n_steps: optimiser steps made.
        n_epochs: whole epochs made.
        stopped_by: what ended it.
        best_score: held-out score of the weights that are kept; None without a finite score.
        best_epoch: the epoch, from 1, of that score.
        seconds: time it took, in seconds, time before a resume included.
    """

    history: History
    n_steps: int
    n_epochs: int
    stopped_by: StopReason
    best_score: float | None
    best_epoch: int | None
    seconds: float


def train(
    module: nn.Module,
    phases: Sequence[Phase],
    data: TrainingData,
    options: TrainingOptions,
    held_out_score: Callable[[], float | HeldOutScore] | None = None,
    fingerprint: str = "",
) -> TrainingResult:
    """Train ``module``, in place, until one of the limits in ``options`` is reached.

    The module ends in eval mode on the device that trained it, with the averaged weights of the best held-out score, or
    the last averaged weights if there is no (finite) score. The global random generators are left as they were. A
    checkpoint of the same training in ``options.checkpoint_dir`` is gone on from; with ``max_minutes=None`` the end is
    then bit for bit that of a training that was never stopped, on the same machine.

    Under torchrun all processes train one module: each takes its share of every batch, with its own noise.

    Args:
        module: holds all parameters of the phases. It is not wrapped, and must be the caller's own while this runs.
        phases: run in this order at every step, on the same batch.
        data: the training images.
        options: how long and how.
        held_out_score: called after every epoch with the averaged weights in the module, in eval mode and without
            gradients; higher is better. A `HeldOutScore` carries further columns of the history. With ``max_minutes``
            it is also called once before, to learn what it takes.
        fingerprint: of the data and the model, so that a checkpoint of something else is recognised.

    Raises:
        ValueError: if there are no images or phases, a parameter is not the module's or not finite, two phases have one
            name, or the device cannot be used.
        CheckpointError: if the checkpoint is damaged or of another training.
        TrainingDiverged: if the numbers do not stay finite even at an eighth of the learning rate; the module then
            holds its best finite weights.
        KeyboardInterrupt: at the second Ctrl-C. The first ends the training well after the current step.
    """
    _check(phases, data)
    machine = open_machine(options.device, options.precision)
    with ExitStack() as stack:
        stack.enter_context(memory_is_kept())
        stack.enter_context(own_generators(machine.device))
        interrupt = stack.enter_context(InterruptFlag())
        line = stack.enter_context(ProgressLine(options.name, options.verbose and machine.is_first))
        folder = None
        if options.checkpoint_dir is not None and machine.is_first:
            settings = _settings(phases, data, options, held_out_score is not None, machine)
            folder = CheckpointFolder(options.checkpoint_dir, fingerprint, settings)
        learner = Learner(module, phases, options, machine)
        run = Run(learner, data, options, held_out_score, machine, folder, interrupt, line)
        stopped_by = run.resume()
        if stopped_by is None:
            module.train()
            stopped_by = run.until_stopped()
            run.finish(stopped_by)
        else:
            run.keep_best()
        return TrainingResult(
            history=run.history,
            n_steps=run.position.step,
            n_epochs=run.position.epoch,
            stopped_by=stopped_by,
            best_score=run.selection.score,
            best_epoch=run.selection.epoch,
            seconds=run.budget.elapsed(),
        )


def _check(phases: Sequence[Phase], data: TrainingData) -> None:
    if len(data) == 0:
        raise ValueError("There are no images to train on.")
    names = [phase.name for phase in phases]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"The phases need names, each its own; they are {names}.")


def _settings(
    phases: Sequence[Phase], data: TrainingData, options: TrainingOptions, scored: bool, machine: Machine
) -> dict[str, Any]:
    """What determines the result of a training beside its data and its module.

    The device is not in it: a training may move to another one, and is then the same up to rounding.
    """
    names = ["max_epochs", "max_minutes", "batch_size", "learning_rate", "early_stopping", "ema_half_life"]
    names += ["precision", "seed", "warm_up_fraction"]
    described = [f"{p.name}: every={p.every}, betas={p.betas}, clip_norm={p.clip_norm}" for p in phases]
    described += [f"{p.name}: final_beta2={p.final_beta2}" for p in phases if p.final_beta2 is not None]
    return {
        **{name: getattr(options, name) for name in names},
        "phases": "; ".join(described),
        "images": len(data),
        "held_out_score": scored,
        "processes": machine.processes,
    }
