"""Counted work, with a clock of the test's own."""

from __future__ import annotations

import io
import re
import sys

import pytest

from pofx.engine.counting import CountedWork
from pofx.engine.progress import StatusLine


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("pofx.engine.progress.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What was shown one after the other, without bars and colours."""
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())
        lines = [line.strip() for line in re.split(r"[\r\n]", text)]
        return [line for line, before in zip(lines, ["", *lines], strict=False) if line and line != before]


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return stderr


def count(clock: Clock, seconds: float, total: int = 800, shown: bool = True) -> None:
    """A work of this length, at a steady pace."""
    with CountedWork("Reading", "images", shown) as counted:
        for done in range(1, total + 1):
            clock.now += seconds / total
            counted(done, total)


@pytest.mark.parametrize("seconds", [0.0, 1.9])
def test_short_work_says_nothing(seconds: float, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    count(clock, seconds)
    assert terminal.getvalue() == ""


def test_a_terminal_gets_one_line_with_rate_and_time_left(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    count(clock, 100.0)
    assert terminal.getvalue().count("\n") == 1, "rewritten in place"
    first, *_, last = terminal.lines()
    assert first.startswith("Reading") and first.endswith("16 of 800 images · 8 images/s · 1:38 left")
    assert last.endswith("800 images in 1:40 · 8 images/s")


def test_a_terminal_is_not_written_to_at_every_call(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    count(clock, 4.0, total=100_000)
    assert 5 <= len(terminal.lines()) <= 12


def test_elsewhere_a_line_comes_every_half_minute(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    count(clock, 100.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "Reading: 240 of 800 images · 8 images/s · 1:10 left\n"
        "Reading: 480 of 800 images · 8 images/s · 0:40 left\n"
        "Reading: 720 of 800 images · 8 images/s · 0:10 left\n"
        "Reading: 800 images in 1:40 · 8 images/s\n"
    )


def test_silent_unless_shown(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    count(clock, 100.0, shown=False)
    assert capsys.readouterr() == ("", "")


def test_work_that_fails_has_no_last_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), CountedWork("Reading", "images", True) as counted:
        clock.now += 31
        counted(10, 100)
        raise RuntimeError
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("done", "total", "text"), [(0, 10, "0 of 10 images · 0 images/s"), (3, 0, "3 of 0 images")])
def test_odd_counts(done: int, total: int, text: str, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with CountedWork("Reading", "images", True) as counted:
        clock.now += 31
        counted(done, total)
    assert f"Reading: {text}" in capsys.readouterr().err


def test_a_stderr_that_cannot_be_written_does_not_end_the_work(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise BrokenPipeError

    closed = Closed()
    monkeypatch.setattr(sys, "stderr", closed)
    count(clock, 100.0)
    assert closed.tries == 1, "asked once, then left alone"
    StatusLine("x", shown=True).message("a message")


def test_without_a_stderr_nothing_is_shown(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    count(clock, 100.0)
    StatusLine("x", shown=True).message("a message")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("columns", "has_bar"), [(200, True), (70, True), (69, False), (40, False)])
def test_a_narrow_terminal_has_room_for_the_text(
    columns: int, has_bar: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = open_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    line = StatusLine("VAE", shown=True)
    line.show("epoch 1/2 · 0:30 left", 0.5)
    line.close()
    (shown,) = set(terminal.lines())
    assert shown.startswith("VAE") and shown.endswith("epoch 1/2 · 0:30 left")
    assert ("━" in shown or "-" in shown) == has_bar
