"""The progress line."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest
from engine_toys import Toy

from pofx.engine.progress import ProgressLine, Status

STATUS = Status(2, 10, {"loss": 1.2345678, "kl": 0.5}, -3.25, 1234.0, 3725.0, 0.2)


def test_status_text() -> None:
    assert STATUS.text() == "epoch 2/10 · 1:02:05 left · held-out -3.25 · 1.23e+03 images/s · loss 1.235 · kl 0.5"
    first = replace(STATUS, terms={}, held_out_score=None, images_per_second=0.0)
    assert first.text() == "epoch 2/10 · 1:02:05 left"


def test_plain_lines_come_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("pofx.engine.progress.monotonic", lambda: now[0])
    with ProgressLine("VAE", shown=True) as line:
        for second in range(100):
            now[0] = float(second)
            line.update(lambda: STATUS)
        line.end("ended")
    assert capsys.readouterr().err == f"VAE: {STATUS.text()}\n" * 3 + "VAE: ended\n"


def test_a_terminal_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    Toy().train(verbose=True, name="my [model]")
    text = terminal.getvalue()
    assert "my [model]" in text and "epoch 1/3" in text and "held-out" in text
    assert text.count("\n") == 1, "the line is rewritten in place"


def test_silent_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Toy().train(verbose=False)
    assert capsys.readouterr() == ("", "")
    Toy().train(verbose=True, precision="bfloat16")
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1, "one line at the end, nothing of the libraries"
