"""A training that was stopped anywhere ends as one that was not, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_toys import Crash, Toy, crash_at, lasting, same

import pofx
from pofx.engine.phase import Batch, LossTerms

TOTAL_STEPS = 15


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    toy = Toy(tmp_path_factory.mktemp("whole"))
    toy.result = toy.train()  # type: ignore[attr-defined]
    return toy


def check_same_end(toy: Toy, result: object, whole: Toy) -> None:
    expected = whole.result  # type: ignore[attr-defined]
    assert same(toy.weights(), whole.weights())
    assert result.history.without_timing() == expected.history.without_timing()  # type: ignore[attr-defined]
    for name in ("n_steps", "n_epochs", "stopped_by", "best_score", "best_epoch"):
        assert getattr(result, name) == getattr(expected, name)
    assert same(lasting(toy.folder), lasting(whole.folder))  # type: ignore[arg-type]


@pytest.mark.parametrize("step", range(TOTAL_STEPS))
def test_crash_at_every_step(step: int, tmp_path: Path, whole: Toy) -> None:
    first = Toy(tmp_path, crash_at(step))
    with pytest.raises(Crash):
        first.train()
    second = Toy(tmp_path)
    steps: list[int] = []
    second.hook = lambda batch, terms: (steps.append(batch.step), terms)[1]
    check_same_end(second, second.train(), whole)
    assert steps == list(range(step, TOTAL_STEPS)), "the second training starts where the first ended"


def test_sparse_checkpoints_and_two_crashes(tmp_path: Path, whole: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("pofx.engine.budget.monotonic", lambda: now[0])
    resumed_at: list[int] = []
    for crash in (6, 12, 99):
        crashing, first = crash_at(crash), []

        def hook(batch: Batch, terms: LossTerms, crashing=crashing, first=first) -> LossTerms:  # type: ignore[no-untyped-def]
            now[0] += 1.0
            first.append(batch.step)
            return crashing(batch, terms)

        toy = Toy(tmp_path, hook)
        if crash < TOTAL_STEPS:
            with pytest.raises(Crash):
                toy.train(checkpoint_every_seconds=4.0)
        else:
            check_same_end(toy, toy.train(checkpoint_every_seconds=4.0), whole)
        resumed_at.append(first[0])
    assert resumed_at == [0, 4, 12]


@pytest.mark.parametrize("crash", [55, 61, 65])
def test_resumed_training_rolls_back_to_the_same_step(crash: int, tmp_path: Path) -> None:
    def run(folder: Path, *crashes: int) -> Toy:
        crashing, spoilt = crash_at(*crashes), [False]

        def hook(batch: Batch, terms: LossTerms) -> LossTerms:
            if batch.step == 60 and not spoilt[0]:
                spoilt[0] = True
                return LossTerms(terms.total * torch.nan, terms.terms)
            return crashing(batch, terms)

        for _ in range(len(crashes)):
            with pytest.raises(Crash):
                Toy(folder, hook).train(max_epochs=14)
        toy = Toy(folder, hook)
        toy.train(max_epochs=14)
        return toy

    whole = run(tmp_path / "whole")
    broken = run(tmp_path / "broken", crash)
    assert lasting(tmp_path / "whole")["rollbacks"] == 1
    assert same(broken.weights(), whole.weights())
    assert same(lasting(tmp_path / "broken"), lasting(tmp_path / "whole"))


def test_finished_training_is_returned_at_once(tmp_path: Path) -> None:
    first = Toy(tmp_path / "not" / "there" / "yet")
    result = first.train()
    second = Toy(first.folder, crash_at(*range(TOTAL_STEPS)))
    again = second.train()
    assert second.data.asked == [] and second.n_scored == 0
    assert same(second.weights(), first.weights())
    assert again.history == result.history
    assert (again.n_steps, again.n_epochs, again.stopped_by) == (TOTAL_STEPS, 3, "max_epochs")
    assert not second.net.training


def test_without_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Toy().train(max_epochs=1)
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import sys
from pathlib import Path
import time
import torch
from engine_toys import Toy
torch.set_num_threads(1)
def slowly(batch, terms):
    time.sleep(0.002)
    return terms
toy = Toy(Path(sys.argv[1]), slowly)
print("ready", flush=True)
toy.train(max_epochs=60)
torch.save(toy.weights(), sys.argv[1] + "/weights.pt")
"""


@pytest.mark.slow
def test_killed_five_times(tmp_path: Path) -> None:
    paths = [str(Path(pofx.__file__).parents[1]), str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}

    def start(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(folder)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    (tmp_path / "whole").mkdir()
    with start(tmp_path / "whole") as process:
        assert process.wait() == 0

    broken = tmp_path / "broken"
    broken.mkdir()
    rng = np.random.default_rng(20)
    kills = 0
    while kills < 5:
        with start(broken) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            before = (broken / "checkpoint.pt").stat().st_mtime_ns if (broken / "checkpoint.pt").exists() else 0
            while not (broken / "checkpoint.pt").exists() or (broken / "checkpoint.pt").stat().st_mtime_ns == before:
                assert process.poll() is None, "the training must not end before it is killed"
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        kills += process.returncode == -signal.SIGKILL
    with start(broken) as process:
        assert process.wait() == 0
    load = {name: torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("whole", "broken")}
    assert same(load["whole"], load["broken"])
    assert same(lasting(tmp_path / "whole"), lasting(broken))
    assert list(broken.glob(".*.partial")) == []
