"""A checkpoint file is read whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from engine_toys import Crash, Toy, crash_at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pofx.engine.checkpoint import CheckpointError, CheckpointFolder
from pofx.engine.history import History


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    folder = CheckpointFolder(tmp_path, "f", {"seed": 1})
    folder.write({"present": {"w": torch.arange(50.0)}, "rollbacks": 2, "none": None}, History([{"epoch": 1.0}]))
    return folder


def test_round_trip(folder: CheckpointFolder) -> None:
    training = folder.read()
    assert training is not None
    assert torch.equal(training["present"]["w"], torch.arange(50.0))
    assert training["rollbacks"] == 2 and training["none"] is None
    assert (folder.folder / "history.csv").read_text() == "epoch\n1\n"


def test_torch_reads_the_file_by_itself(folder: CheckpointFolder) -> None:
    content = torch.load(folder.path, weights_only=True)
    assert content["format"] == 1 and content["identity"] == {"fingerprint": "f", "seed": 1}


def test_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "a" / "b", "f", {}).read() is None
    assert (tmp_path / "a" / "b").is_dir()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_truncated(folder: CheckpointFolder, share: float) -> None:
    whole = folder.path.read_bytes()
    try:
        folder.path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt is damaged.*delete it"):
            folder.read()
    finally:
        folder.path.write_bytes(whole)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bit(folder: CheckpointFolder, place: float, bit: int) -> None:
    whole = folder.path.read_bytes()
    try:
        damaged = bytearray(whole)
        damaged[int(place * len(whole))] ^= 1 << bit
        folder.path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt is damaged"):
            folder.read()
    finally:
        folder.path.write_bytes(whole)


def test_other_format(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pofx.engine.checkpoint.FORMAT", 2)
    with pytest.raises(CheckpointError, match="checkpoint format 1, this version of pofx reads 2"):
        folder.read()


def test_foreign_object_is_not_executed(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"present": Path("x")}, History())  # pickled by reference to a class: torch.load must refuse it
    with pytest.raises(CheckpointError, match="is not a checkpoint of pofx"):
        folder.read()


def test_leftovers_of_a_killed_process_are_removed(
    tmp_path: Path, killed_while_writing: Callable[[Path], None]
) -> None:
    killed_while_writing(tmp_path / "checkpoint.pt")
    killed_while_writing(tmp_path / "history.csv")
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "mine.partial").write_bytes(b"the user's")
    CheckpointFolder(tmp_path, "f", {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial"]


def test_kill_between_the_two_files(tmp_path: Path) -> None:
    result = Toy(tmp_path).train()
    (tmp_path / "history.csv").write_text("old")
    Toy(tmp_path).train()
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + len(result.history)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"learning_rate": 0.01}, r"learning_rate \(0.02 there, 0.01 here\)"),
        ({"max_epochs": 9}, r"max_epochs \(3 there, 9 here\)"),
        ({"fingerprint": "other"}, r"fingerprint of .*\('toy' there, 'other' here\)"),
        ({"ema_half_life": None}, r"ema_half_life \(4.0 there, None here\)"),
        ({"seed": 1, "batch_size": 4}, r"batch_size \(8 there, 4 here\), seed \(11 there, 1 here\) differ"),
        ({"score": False}, r"held_out_score \(True there, False here\)"),
    ],
)
def test_another_training(tmp_path: Path, options: dict[str, object], named: str) -> None:
    with pytest.raises(Crash):
        Toy(tmp_path, crash_at(3)).train()
    with pytest.raises(CheckpointError, match=named + ".*Use another folder or delete"):
        Toy(tmp_path).train(**options)  # type: ignore[arg-type]


def test_weights_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(Crash):
        Toy(tmp_path, crash_at(3)).train()
    toy = Toy(tmp_path)
    toy.net.body[4] = torch.nn.Linear(8, 4, bias=False)
    with pytest.raises(CheckpointError, match=r"does not fit this model.*body\.4\.bias"):
        toy.train()
