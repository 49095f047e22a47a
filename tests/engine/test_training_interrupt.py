"""Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from engine_toys import Toy, lasting, same

from pofx.engine.interrupt import InterruptFlag
from pofx.engine.phase import Batch, LossTerms


def interrupting(step: int, times: int = 1):  # type: ignore[no-untyped-def]
    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        if batch.step == step:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return terms

    return hook


@pytest.mark.parametrize("step", [0, 7, 9])
def test_first_ctrl_c_ends_well_and_can_go_on(step: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = Toy(tmp_path / "whole")
    whole_result = whole.train()
    before = signal.getsignal(signal.SIGINT)
    toy = Toy(tmp_path / "stopped", interrupting(step))
    result = toy.train(checkpoint_every_seconds=1e9)
    assert signal.getsignal(signal.SIGINT) is before
    assert (result.stopped_by, result.n_steps, result.n_epochs) == ("interrupt", step + 1, (step + 1) // 5)
    assert result.best_score is not None and result.history["step"][-1] == step + 1
    assert not toy.net.training
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and f"interrupted after step {step + 1}" in error and "goes on from" in error

    again = Toy(tmp_path / "stopped")
    end = again.train()
    assert end.history.without_timing() == whole_result.history.without_timing()
    assert same(again.weights(), whole.weights())
    assert same(lasting(tmp_path / "stopped"), lasting(tmp_path / "whole"))


def test_interrupt_keeps_the_best_weights() -> None:
    toy = Toy(hook=interrupting(7), scores=[5.0, 1.0])
    result = toy.train()
    assert (result.best_score, result.best_epoch) == (5.0, 1)
    assert result.history["held_out_score"].tolist() == [5.0, 1.0]


def test_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    toy = Toy(tmp_path, interrupting(7, times=2))
    with pytest.raises(KeyboardInterrupt):
        toy.train()
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_and_ignored_signals_are_left_alone() -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(Toy().train(max_epochs=1).stopped_by))
    thread.start()
    thread.join()
    assert results == ["max_epochs"]
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with InterruptFlag():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)
