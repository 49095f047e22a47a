"""The time budget, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_toys import Crash, Toy, crash_at

from pofx.engine.budget import Budget
from pofx.engine.phase import Batch, LossTerms


class SlowToy(Toy):
    """Every step takes ``step_seconds`` of the false clock, every scoring ``score_seconds``."""

    def __init__(
        self, clock: list[float], step_seconds: float, score_seconds: float, folder: Path | None = None
    ) -> None:
        super().__init__(folder)
        self.clock, self.step_seconds, self.score_seconds = clock, step_seconds, score_seconds
        self.progress: list[float] = []
        self.hook = self.tick

    def tick(self, batch: Batch, terms: LossTerms) -> LossTerms:
        self.clock[0] += self.step_seconds
        self.progress.append(batch.progress)
        return terms

    def score(self) -> float:
        self.clock[0] += self.score_seconds
        return super().score()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("pofx.engine.budget.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("score_seconds", [0.0, 7.0, 20.0])
def test_ends_within_the_budget_with_a_finished_schedule(clock: list[float], score_seconds: float) -> None:
    toy = SlowToy(clock, 1.0, score_seconds)
    result = toy.train(max_epochs=10_000, max_minutes=5.0, learning_rate=0.01)
    assert result.stopped_by == "max_minutes"
    # After an epoch's scoring there may be too little left for a step and its scoring.
    assert 300.0 - 2.0 - score_seconds <= result.seconds <= 300.0
    assert toy.progress[-1] > 0.97 and max(toy.progress) <= 1.0
    assert result.history["learning_rate"][-1] < 0.01 * 0.01
    assert result.history["step"][-1] == result.n_steps
    assert result.n_epochs == result.n_steps // 5


def test_epochs_may_come_first(clock: list[float]) -> None:
    result = SlowToy(clock, 1.0, 0.0).train(max_minutes=60.0)
    assert (result.stopped_by, result.n_steps) == ("max_epochs", 15)


def test_time_within_an_epoch_gives_a_row_of_its_own(clock: list[float]) -> None:
    result = SlowToy(clock, 10.0, 0.0).train(max_minutes=1.2)  # seven steps: an epoch and two
    assert (result.n_steps, result.n_epochs, result.stopped_by) == (7, 1, "max_minutes")
    assert result.history["step"].tolist() == [5, 7] and result.history["epoch"].tolist() == [1, 2]
    assert result.history["seconds"].tolist() == [50.0, 70.0]
    assert result.history["images_per_second"].tolist() == [37 / 50.0, 16 / 20.0]


def test_time_before_a_resume_counts(clock: list[float], tmp_path: Path) -> None:
    first = SlowToy(clock, 1.0, 0.0, tmp_path)
    crashing = crash_at(100)
    first.hook = lambda batch, terms: crashing(batch, first.tick(batch, terms))
    with pytest.raises(Crash):
        first.train(max_epochs=10_000, max_minutes=3.0)
    clock[0] += 1e6  # nobody trains in between
    second = SlowToy(clock, 1.0, 0.0, tmp_path)
    result = second.train(max_epochs=10_000, max_minutes=3.0)
    assert 178.0 <= result.seconds <= 180.0 and result.n_steps == pytest.approx(179, abs=1)
    assert second.progress[0] == pytest.approx(100 / 180, abs=0.01)
    third = SlowToy(clock, 1.0, 0.0, tmp_path)
    again = third.train(max_epochs=10_000, max_minutes=3.0)
    assert third.progress == [] and again.stopped_by == "max_minutes" and again.history == result.history


def test_a_tiny_budget_still_makes_one_step(clock: list[float]) -> None:
    result = SlowToy(clock, 100.0, 100.0).train(max_minutes=0.1)
    assert result.n_steps == 1 and result.stopped_by == "max_minutes"


def test_time_left_is_that_of_the_nearer_limit(clock: list[float]) -> None:
    budget = Budget(max_minutes=2.0)
    clock[0] += 30.0
    assert budget.seconds_left(step=10, total_steps=20) == 30.0
    assert budget.seconds_left(step=10, total_steps=1000) == 90.0
    assert Budget(None, used_seconds=5.0).elapsed() == 5.0
