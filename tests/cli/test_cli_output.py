"""What is printed looks right on a terminal, in a pipe, and where there is no UTF-8."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import pytest
from cli_runs import in_terminal, python
from rich.console import Console

from pofx.cli.output import WIDE, OutputConsole, printable_streams, settle_stdout
from pofx.cli.show import SHOWN_FILES, print_left_out
from pofx.data.collection import Conversion, Skipped

LONG = "folder/" * 12 + "picture.png"
REPORT = f"""
from pofx.cli.output import OutputConsole, printable_streams
from pofx.cli.show import print_density_table, print_left_out
from pofx.data.collection import Conversion, Skipped
from types import SimpleNamespace  # in the place of tables that torch would have to be loaded for
with printable_streams():
    console = OutputConsole()
    row = SimpleNamespace(name="PCA + Gaussian mixture", kind="lower bound")
    row.log_p, row.standard_error, row.bits_per_dim = -12.5, 0.25, 1.5
    print_density_table(console, SimpleNamespace(title="Title", rows=[row], note="A note " * 12))
    print_left_out(console, [Skipped({LONG!r}, "is empty")], [Conversion("a", 2, {LONG!r})])
"""


def left_out(skipped: list[Skipped], conversions: list[Conversion], capsys: pytest.CaptureFixture[str]) -> str:
    print_left_out(OutputConsole(), skipped, conversions)
    return capsys.readouterr().out


def test_nothing_left_out_is_nothing_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert left_out([], [], capsys) == ""


def test_conversions_take_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    done = [Conversion("transparency laid over white", 1, "[red].png"), Conversion("made gray", 1200, "b.png")]
    assert left_out([], done, capsys) == (
        "Converted: transparency laid over white ([red].png)\nConverted: made gray (1,200 images, as b.png)\n"
    )


@pytest.mark.parametrize(
    ("count", "rest"), [(1, None), (20, None), (21, "and 1 more file"), (1020, "and 1,000 more files")]
)
def test_the_first_files_left_out_are_shown(count: int, rest: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal; what is no terminal gets all of them."""
    skipped = [Skipped(f"[b]{index}.png", f"reason {index}") for index in range(count)]
    out = left_out(skipped, [], capsys)
    assert out.startswith(f"Left out: {count:,} file{'s' * (count > 1)}\n")
    assert len(re.findall(r"reason \d", out)) == out.count("[b]") == count
    print_left_out(Console(force_terminal=True, width=80, markup=False, color_system=None), skipped, [])
    out = capsys.readouterr().out
    assert out.count("[b]") == min(count, SHOWN_FILES)
    assert out.splitlines()[-1].startswith(rest or "└")


def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = left_out([Skipped("a\x1b[31m\nb", "is\tempty")], [Conversion("c", 1, "\x1b]0;d\x07")], capsys)
    assert "\x1b" not in out and "\x07" not in out
    assert out.count("\n") == 7  # one row


def test_a_pipe_gets_whole_lines() -> None:
    """However narrow the terminal is said to be; and no escape codes."""
    done = subprocess.run(
        [*python(REPORT)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "30", "TERM": "xterm"},
    )
    assert "\x1b" not in done.stdout
    rows = [line for line in done.stdout.splitlines() if LONG in line]
    assert len(rows) == 2 and "is empty" in rows[1]
    assert ("A note " * 12).strip() in done.stdout
    assert "-12.50 ± 0.25" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_is_not_overrun(columns: int) -> None:
    text = in_terminal(python(REPORT), columns)
    lines = text.splitlines()
    table = [line for line in lines if line[:1] in "┃│┏┡└"]
    assert table and all(len(line) <= columns for line in table)
    # Nothing is cropped: the name can be put together again.
    assert LONG in "".join(line.split("│")[1].strip() for line in table if line.startswith("│") and "/" in line)
    assert all(len(line) <= columns for line in lines if "note" in line)
    assert "-12.50" in text and "…" not in text


@pytest.mark.parametrize("columns", [80, 40])
def test_the_help_fits_a_terminal(columns: int) -> None:
    text = in_terminal([sys.executable, "-m", "pofx", "score", "--help"], columns)
    assert all(len(line) <= columns for line in text.splitlines())
    assert "--errors" in text and "…" not in text


def test_without_utf8_all_is_ascii(tmp_path) -> None:
    code = REPORT + "    console.print('é ± × → \\udcff 日')\n"
    done = subprocess.run(python(code), capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    out = done.stdout.decode("ascii")
    assert "-12.50 +/- 0.25" in out
    assert out.splitlines()[-1] == "e +/- x -> \\xff ?"


def test_the_streams_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    with printable_streams():
        print("±", file=stream)
    assert stream.errors == "strict"
    stream.flush()
    assert stream.buffer.getvalue() == b"+/-\n"  # type: ignore[attr-defined]


def test_a_console_that_is_no_terminal_is_wide(capsys: pytest.CaptureFixture[str]) -> None:
    assert OutputConsole().width == WIDE
    assert OutputConsole(wrapped=True).width < 1000


def test_a_stdout_that_is_no_file_or_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())
    settle_stdout()
    monkeypatch.setattr(sys, "stdout", None)
    settle_stdout()
