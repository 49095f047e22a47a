"""Fits that are killed or interrupted, and go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_runs import same_weights

import pofx
from pofx import base
from pofx.cli import main
from pofx.engine import run as engine_run
from pofx.engine.checkpoint import CHECKPOINT_NAME, CheckpointFolder
from pofx.engine.interrupt import InterruptFlag

OPTIONS = ["--max-epochs", "6", "--width", "16", "--depth", "1", "--latent-dim", "3", "--no-verbose"]


@pytest.fixture
def fit(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("fits"))
    np.save("some.npy", pofx.load_source("digits").images[:192])
    # Small fits would write none while they last.
    monkeypatch.setattr(engine_run.Run, "_checkpoint_interval", lambda self, seconds: 0.0)
    return lambda name, *more: main(["fit", "some.npy", "-o", f"{name}.pofx", *OPTIONS, *more])


def here():
    return sorted(path.name for path in Path().iterdir())


def die_after(monkeypatch, n_checkpoints):
    """What a fit leaves that dies in the middle."""
    write = CheckpointFolder.write
    done = []

    def writing(self, *arguments):
        write(self, *arguments)
        done.append(self)
        if len(done) == n_checkpoints:
            raise RuntimeError("died")

    monkeypatch.setattr(CheckpointFolder, "write", writing)


def test_a_fit_that_died_goes_on_bit_for_bit(fit, monkeypatch, capsys):
    assert fit("whole") == 0
    assert here() == ["some.npy", "whole.pofx"]
    with monkeypatch.context() as patch:
        die_after(patch, 5)
        assert fit("part") == 1
    assert Path("part.pofx.checkpoint", CHECKPOINT_NAME).exists()
    capsys.readouterr()

    assert fit("part") == 1
    err = capsys.readouterr().err
    assert "an unfinished fit lies in part.pofx.checkpoint" in err
    assert "--resume" in err and "rm -r part.pofx.checkpoint" in err

    assert fit("part", "--resume") == 0
    assert capsys.readouterr().err == ""
    assert here() == ["part.pofx", "some.npy", "whole.pofx"]
    assert same_weights("whole.pofx", "part.pofx")


def test_another_fit_cannot_go_on_from_it(fit, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        die_after(patch, 5)
        assert fit("part") == 1
    assert fit("part", "--resume", "--beta", "2") == 1
    assert "belongs to another training" in capsys.readouterr().err


def test_nothing_to_resume_begins_anew_and_says_so(fit, capsys):
    assert fit("new", "--resume") == 0
    assert "there is no unfinished fit in new.pofx.checkpoint: beginning anew" in capsys.readouterr().err


def test_a_fit_that_fails_early_leaves_nothing(fit, monkeypatch):
    assert fit("bad", "--batch-size", "0") == 1
    assert here() == ["some.npy"]

    def fail(self):
        assert Path("bad.pofx.checkpoint").is_dir()
        raise RuntimeError("failed")

    monkeypatch.setattr(engine_run.Run, "until_stopped", fail)
    assert fit("bad") == 1
    assert here() == ["some.npy"]


def test_the_folder_can_be_chosen_and_keeps_what_is_not_the_fits(fit, monkeypatch):
    Path("state").mkdir()
    Path("state/mine.txt").write_text("mine")
    with monkeypatch.context() as patch:
        die_after(patch, 2)
        assert fit("m", "--checkpoint-dir", "state") == 1
    assert Path("state", CHECKPOINT_NAME).exists()
    assert fit("m", "--checkpoint-dir", "state", "--resume") == 0
    assert [path.name for path in Path("state").iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_refused_before_the_work(fit, capsys):
    Path("m.pofx.checkpoint").write_text("")
    assert fit("m") == 1
    assert "is in the way" in capsys.readouterr().err


def test_a_model_that_cannot_be_saved_keeps_the_state(fit, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pofx.VAE, "save", full)
        assert fit("m") == 1
    assert Path("m.pofx.checkpoint", CHECKPOINT_NAME).exists()
    assert fit("m", "--resume") == 0
    assert fit("whole") == 0
    assert same_weights("m.pofx", "whole.pofx")


def test_the_first_ctrl_c_saves_the_best_model(fit, monkeypatch, capsys):
    assert fit("whole") == 0
    write = CheckpointFolder.write
    done = []

    def interrupting(self, *arguments):
        write(self, *arguments)
        done.append(self)
        if len(done) == 8:
            os.kill(os.getpid(), signal.SIGINT)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "write", interrupting)
        assert fit("part") == 130
    out = capsys.readouterr().out
    assert "ended by interrupt" in out and "The same command with --resume goes on" in out
    assert pofx.load("part.pofx").stopped_by_ == "interrupt"
    assert Path("part.pofx.checkpoint").is_dir()
    assert fit("part", "--resume") == 0
    assert pofx.load("part.pofx").stopped_by_ == "max_epochs"
    assert same_weights("whole.pofx", "part.pofx")


@pytest.mark.slow
def test_a_killed_program_goes_on_bit_for_bit(tmp_path):
    options = ["--max-epochs", "60", "--early-stopping", "none", *OPTIONS[2:]]

    def command(name, *more):
        return [sys.executable, "-m", "pofx", "fit", "digits", "-o", str(tmp_path / name), *options, *more]

    subprocess.run(command("whole.pofx"), check=True, capture_output=True)
    checkpoint = tmp_path / "part.pofx.checkpoint" / CHECKPOINT_NAME
    killed = subprocess.Popen(command("part.pofx"), stdout=subprocess.DEVNULL)
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    subprocess.run(command("part.pofx", "--resume"), check=True, capture_output=True)
    assert same_weights(tmp_path / "whole.pofx", tmp_path / "part.pofx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.pofx", "whole.pofx"]


def test_ctrl_c_before_the_first_epoch_leaves_the_model_there_was(fit, monkeypatch, capsys):
    assert fit("m") == 0
    before = Path("m.pofx").read_bytes()
    train = base.train

    def interrupted(*arguments, **words):
        with monkeypatch.context() as patch:
            patch.setattr("pofx.engine.interrupt.InterruptFlag.__enter__", entered)
            return train(*arguments, **words)

    enter = InterruptFlag.__enter__

    def entered(self):
        flag = enter(self)
        flag.is_set = True
        return flag

    monkeypatch.setattr(base, "train", interrupted)
    assert fit("m") == 130
    assert "left as it was" in capsys.readouterr().err
    assert Path("m.pofx").read_bytes() == before
