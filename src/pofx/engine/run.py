"""A training in progress: steps, epochs, snapshots, checkpoints, and how it ends."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from pofx.engine.budget import Budget
from pofx.engine.checkpoint import CheckpointError, CheckpointFolder
from pofx.engine.devices import Machine
from pofx.engine.history import History
from pofx.engine.interrupt import InterruptFlag
from pofx.engine.learner import GRADIENT_NORM, Learner
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import HeldOutScore, TrainingData
from pofx.engine.position import Position
from pofx.engine.progress import ProgressLine, Status
from pofx.engine.randomness import epoch_order, mixed_seeds, seed_generators
from pofx.engine.rollback import MAX_ROLLBACKS, NonFiniteStep, Record, clone_tree, diverged, read_records
from pofx.engine.schedule import learning_rate_factor
from pofx.engine.selection import Selection

StopReason = Literal["max_epochs", "max_minutes", "early_stopping", "interrupt"]

SNAPSHOT_EVERY = 50


@dataclass(frozen=True)
class _Clock:
    """What the clock and the keyboard of the first process say."""

    fraction: float = 0.0
    is_over: bool = False
    interrupted: bool = False


class Run:
    """The state machine of a training.

    All that a step changes is in ``state()``: a snapshot of it in memory is what a non-finite step goes back to, and a
    checkpoint holds the present state and the last snapshot, so that a resumed training would also go back to the same.
    """

    def __init__(
        self,
        learner: Learner,
        data: TrainingData,
        options: TrainingOptions,
        held_out_score: Callable[[], float | HeldOutScore] | None,
        machine: Machine,
        folder: CheckpointFolder | None,
        interrupt: InterruptFlag,
        line: ProgressLine,
    ) -> None:
        self._learner, self._data, self._options, self._machine = learner, data, options, machine
        self._held_out_score, self._folder, self._interrupt, self._line = held_out_score, folder, interrupt, line
        self.steps_per_epoch = math.ceil(len(data) / options.batch_size)
        self.total_steps = options.max_epochs * self.steps_per_epoch
        self.position, self.selection, self.history = Position(), Selection(), History()
        self.budget = Budget(options.max_minutes)
        self._clock = _Clock()
        self._rollbacks = 0
        self._learning_rate = 0.0
        self._records: list[Record] = []
        self._snapshot: dict[str, Any] = {}
        self._order: tuple[int, np.ndarray] | None = None
        self._next_checkpoint = self._checkpoint_interval(0.0)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def until_stopped(self) -> StopReason:
        """Make steps until one of the limits is reached.

        Raises:
            TrainingDiverged: if steps go on giving non-finite numbers; the module then holds its best finite weights.
        """
        if self.budget.limit is not None:
            self._score()  # so that the time it takes can be kept back
        self._consult()
        while (reason := self._stop_reason()) is None:
            try:
                self._step()
            except NonFiniteStep as fault:
                self._roll_back(fault)
        return reason

    def _step(self) -> None:
        if self.position.step % SNAPSHOT_EVERY == 0:
            self._take_snapshot()
        position, options, started = self.position, self._options, self.budget.elapsed()
        progress = self._progress
        # The rate of the middle of the step: neither the first nor the last is idle, even if there are no others.
        middle = max((position.step + 0.5) / self.total_steps, self._clock.fraction)
        factor = learning_rate_factor(middle, options.warm_up_fraction) * 0.5**self._rollbacks
        self._learning_rate = options.learning_rate * factor
        indices = self._next_indices()
        self._records += self._learner.step(self._data, indices, position.step, progress, self._learning_rate)
        position.step_done(len(indices))
        epoch_done = position.step_in_epoch == self.steps_per_epoch
        # Always at the same steps, whatever the clock says, for all processes must do the same.
        look = position.step % self._machine.check_every == 0
        if look or epoch_done:
            self._read_records()
        step_seconds = self.budget.elapsed() - started
        position.seconds += step_seconds
        self.budget.step_took(step_seconds)
        if epoch_done:
            self._end_epoch()
        if look or epoch_done:
            self._consult()
            self._line.update(self._status)
            self._write_checkpoint_if_due()

    @property
    def _progress(self) -> float:
        return max(self.position.step / self.total_steps, self._clock.fraction)

    def _next_indices(self) -> np.ndarray:
        epoch, size = self.position.epoch, self._options.batch_size
        if self._order is None or self._order[0] != epoch:
            self._order = (epoch, epoch_order(self._options.seed, epoch, len(self._data)))
        start = self.position.step_in_epoch * size
        return self._order[1][start : start + size]

    def _read_records(self) -> None:
        records, self._records = self._records, []
        single = len(self._learner.phases) == 1
        for record, reading in read_records(records):
            for name, value in reading.items():
                if name != GRADIENT_NORM:
                    self.position.add(name if single else f"{record.phase}/{name}", value, record.n_images)

    def _consult(self) -> None:
        clock = _Clock(self.budget.fraction(), self.budget.is_over(), self._interrupt.is_set)
        self._clock = self._machine.from_first(clock)

    def _stop_reason(self) -> StopReason | None:
        patience = self._options.early_stopping
        settled = self._progress >= self._options.unsettled_fraction
        if patience is not None and settled and self.selection.stale_epochs >= patience:
            return "early_stopping"
        if self.position.epoch == self._options.max_epochs:
            return "max_epochs"
        if self._clock.interrupted:
            return "interrupt"
        # A budget too small for anything still gets one step: an untrained model would look like a trained one.
        return "max_minutes" if self._clock.is_over and self.position.step else None

    # -- epochs --------------------------------------------------------------------------------------------------------

    def _end_epoch(self) -> None:
        """Score the averaged weights and add a row to the history; also for an epoch that was cut short."""
        self._check_weights()
        position = self.position
        held_out = self._score()
        score, measured = (None, {}) if held_out is None else (held_out.score, held_out.measured)
        row = {"epoch": position.epoch + 1, "step": position.step, **position.means()}
        row |= {
            "learning_rate": self._learning_rate,
            "held_out_score": math.nan if score is None else score,
            **measured,
        }
        row |= {"seconds": self.budget.elapsed(), "images_per_second": position.images_per_second()}
        self.history.append(row)
        if held_out is not None:
            self.selection = self.selection.after(
                held_out.score, position.epoch + 1, self._learner.averaged_weights, noise=held_out.noise
            )
        self.position = position.next_epoch()

    def _score(self) -> HeldOutScore | None:
        if self._held_out_score is None:
            return None
        started = self.budget.elapsed()
        # The same noise at every epoch: scores differ by the weights alone.
        seed_generators(self._machine.device, mixed_seeds(self._options.seed, "score")[0])
        with self._learner.averaged(), torch.no_grad():
            found = self._held_out_score()
            held_out = found if isinstance(found, HeldOutScore) else HeldOutScore(float(found))
            held_out = self._machine.from_first(held_out)
        self.budget.reserve(self.budget.elapsed() - started)
        return held_out

    # -- going back ----------------------------------------------------------------------------------------------------

    def _take_snapshot(self) -> None:
        self._read_records()
        self._check_weights()
        present = self.state()
        present["learner"] = clone_tree(present["learner"], into=self._snapshot.get("learner"))
        self._snapshot = present

    def _check_weights(self) -> None:
        if not self._learner.is_finite():
            raise NonFiniteStep("all", self.position.step, ["weights"])

    def _roll_back(self, fault: NonFiniteStep) -> None:
        last_rate = self._learning_rate
        self.load_state(self._snapshot)
        if self._rollbacks == MAX_ROLLBACKS:
            self._learner.keep(self.selection.weights or self._learner.averaged_weights())
            raise diverged(fault, last_rate) from fault
        self._rollbacks += 1

    def state(self) -> dict[str, Any]:
        """All that a step changes; the tensors are not copied."""
        return {
            "learner": self._learner.state(),
            "position": copy.deepcopy(asdict(self.position)),
            "selection": self.selection.to_dict(),
            "history": self.history.rows,
            "learning_rate": self._learning_rate,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to ``state``, which stays untouched."""
        self._learner.load_state(state["learner"])
        self.position = Position(**copy.deepcopy(state["position"]))
        self.selection = Selection(**state["selection"])
        self.history = History(state["history"])
        self._learning_rate = state["learning_rate"]
        self._records = []

    # -- checkpoints ---------------------------------------------------------------------------------------------------

    def resume(self) -> StopReason | None:
        """Go on from the checkpoint, if there is one; tell why it ended, if it has.

        Raises:
            CheckpointError: if there is one that is not of this training or cannot be read.
        """
        saved = self._read_checkpoint()
        if saved is None:
            return None
        try:
            self.load_state(saved["present"])
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"The checkpoint does not fit this model: {error} Use another folder.") from error
        if self._folder is not None:
            self._folder.write_history(self.history)  # a kill may have come between the two files
        self._snapshot, self._rollbacks = saved["snapshot"], saved["rollbacks"]
        self.budget = Budget(self._options.max_minutes, used_seconds=saved["elapsed"])
        self._next_checkpoint = saved["elapsed"] + self._checkpoint_interval(0.0)
        return saved["stopped_by"]

    def _read_checkpoint(self) -> dict[str, Any] | None:
        if self._options.checkpoint_dir is None:
            return None
        # Every process must learn of the first one's failure, or the others would wait for it for ever.
        found: dict[str, Any] | CheckpointError | None = None
        try:
            found = self._folder.read() if self._folder is not None else None
        except CheckpointError as error:
            found = error
        found = self._machine.from_first(found)
        if isinstance(found, CheckpointError):
            raise found
        return found

    def _write_checkpoint_if_due(self) -> None:
        if self._folder is not None and self.budget.elapsed() >= self._next_checkpoint and self._learner.is_finite():
            self._write_checkpoint(None)

    def _write_checkpoint(self, stopped_by: StopReason | None) -> None:
        if self._folder is None:
            return
        # What has ended never goes back.
        snapshot = self._snapshot if stopped_by is None else {}
        started = self.budget.elapsed()
        training = {"present": self.state(), "snapshot": snapshot, "rollbacks": self._rollbacks}
        training |= {"elapsed": started, "stopped_by": stopped_by, "finished": stopped_by is not None}
        self._folder.write(training, self.history)
        now = self.budget.elapsed()
        self._next_checkpoint = now + self._checkpoint_interval(now - started)

    def _checkpoint_interval(self, seconds_of_writing: float) -> float:
        """Seconds until the next checkpoint, after one that took this long."""
        if self._options.checkpoint_every_seconds is not None:
            return self._options.checkpoint_every_seconds
        return min(max(1.0, 50 * seconds_of_writing), 60.0)

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self, reason: StopReason) -> None:
        """Score what is not scored yet, write the last checkpoint and leave the best weights in the module."""
        if not self._learner.is_finite():
            self.load_state(self._snapshot)
        if reason == "interrupt":
            # Before the scoring: a resumed training goes on as if it had not been interrupted.
            self._write_checkpoint(None)
            if self._machine.is_first:
                self._line.message(self._farewell())
        whole_epochs = self.position.epoch
        if self.position.step_in_epoch:
            self._end_epoch()
            self.position = replace(self.position, epoch=whole_epochs)
        if reason != "interrupt":
            self._write_checkpoint(reason)
        self.keep_best()
        best = "" if self.selection.score is None else f", best held-out score {self.selection.score:.5g}"
        self._line.end(f"ended by {reason} after {self.position.step} steps{best}")

    def keep_best(self) -> None:
        """Leave the best weights in the module, or the last averaged ones without a finite score."""
        self._learner.keep(self.selection.weights or self._learner.averaged_weights())

    def _farewell(self) -> str:
        folder = self._options.checkpoint_dir
        onward = (
            f"the same call goes on from {folder}" if folder is not None else "without checkpoint_dir it cannot go on"
        )
        return (
            f"{self._options.name}: interrupted after step {self.position.step}; scoring, then keeping the best "
            f"weights so far; {onward}. Ctrl-C again stops at once."
        )

    def _status(self) -> Status:
        scores = self.history["held_out_score"] if len(self.history) else np.empty(0)
        progress = max(self.position.step / self.total_steps, self._clock.fraction)
        return Status(
            epoch=min(self.position.epoch + 1, self._options.max_epochs),
            max_epochs=self._options.max_epochs,
            terms=self.position.means(),
            held_out_score=float(scores[-1]) if len(scores) and self._held_out_score is not None else None,
            images_per_second=self.position.images_per_second(),
            seconds_left=self.budget.seconds_left(self.position.step, self.total_steps),
            progress=progress,
        )
