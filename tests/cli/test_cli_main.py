"""The program around the commands: help, errors, exit statuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cli_runs import python
from PIL import Image

import pofx
from pofx.cli import COMMANDS, COMPLETION, main

MODEL, OUT = "MODEL", "OUT.png"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["fit", "digitz", "-o", "OUT.pofx"], 1, "digits"),
        (["fit", "digits", "-o", "OUT.txt"], 1, ".pofx"),
        (["fit", "digits", "-o", "OUT.pofx", "--latnt-dim", "3"], 2, "Did you mean --latent-dim?"),
        (["fit", "digits", "-o", "OUT.pofx", "--latent-dim", "0"], 1, "latent_dim"),
        (["fit", "digits", "-o", "OUT.pofx", "--latent-dim", "many"], 2, "--latent-dim"),
        (["fit", "digits", "-o", "OUT.pofx", "--image-shape", "9"], 1, "28x28"),
        (["fit", "digits", "-o", "OUT.pofx", "--model", "vea"], 2, "Did you mean 'vae'?"),
        (["fit", "digits", "-o", "OUT.pofx", "--likelihood", "bernouli"], 2, 'Did you mean "bernoulli"?'),
        (["fit", "digits", "-o", "OUT.pofx", "--seed", "-1"], 2, "--seed"),
        (["fit", "digits", "-o", "OUT.pofx", "more"], 2, "Too many arguments: more."),
        (["fit", "digits", "-o", "OUT.pofx", "--size", "3by4"], 2, "32x48"),
        (["fit", "digits"], 2, "--output is missing."),
        (["fit", "digits", "--outptu", "x"], 2, "--output is missing. Did you mean --output instead of --outptu?"),
        (["fit", "-o", "OUT.pofx"], 2, "SOURCE is missing."),
        (["fit", "digits", "-o"], 2, "-o needs a value."),
        (["fit", "digits", "-o", "OUT.pofx", "--errors", "skipp"], 2, 'Did you mean "skip"?'),
        (["score", "MISSING.pofx", "digits"], 1, "MISSING.pofx does not exist"),
        (["score", MODEL, "digits", "--szie", "8"], 2, "Did you mean --size?"),
        (["score", MODEL, "digits", "--outptu", "o.csv"], 2, "Did you mean --output?"),
        (["sampel"], 2, 'Did you mean "sample"?'),
        (["sample", "PNG", "-o", OUT], 1, "not a pofx model file"),
        (["sample", MODEL, "-o", OUT, "-n", "0"], 1, "n_samples"),
        (["sample", MODEL, "-o", OUT, "--device", "abacus"], 1, "abacus"),
        (["info", "folder"], 1, "folder"),
        ([COMPLETION, "--shell", "zhs"], 2, 'Did you mean "zsh"?'),
    ],
)
def test_errors_are_one_readable_line(arguments, status, message, model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (3, 3)).save("PNG", format="png")
    Path("folder").mkdir()
    assert main([str(model_path) if word == MODEL else word for word in arguments]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("pofx: ")
    assert "Traceback" not in captured.err
    assert captured.out == ""
    if status == 2:
        known = arguments[0] in (*COMMANDS, COMPLETION)
        assert captured.err.endswith(f"See: pofx {arguments[0] + ' ' if known else ''}--help\n")
        assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("mat1\nsecond line"), "pofx: RuntimeError: mat1 (the same command with --traceback"),
        (torch.OutOfMemoryError("CUDA out of memory."), "CUDA out of memory. Try --device cpu"),
        (ImportError("no module"), "pofx: ImportError: no module ("),
        (AssertionError(), "pofx: AssertionError (the same"),
        (MemoryError(), "pofx: not enough memory\n"),
        (PermissionError(13, "Permission denied", "file"), "pofx: file: Permission denied\n"),
        (OSError(28, "No space left on device"), "pofx: No space left on device\n"),
        (KeyError("plain"), "pofx: plain\n"),
        (ZeroDivisionError("division by zero"), "pofx: ZeroDivisionError: division by zero ("),
    ],
)  # fmt: skip
def test_no_error_shows_its_traceback_unasked(error, message, model_path, capsys, monkeypatch):
    def fail(path):
        raise error

    monkeypatch.setattr(pofx, "load", fail)
    assert main(["info", str(model_path)]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    with pytest.raises(type(error)):
        main(["--traceback", "info", str(model_path)])


def test_ctrl_c_outside_a_training(model_path, capsys, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(pofx, "load", interrupted)
    assert main(["info", str(model_path)]) == 130
    assert capsys.readouterr().err == "pofx: interrupted\n"


@pytest.mark.parametrize("command", ["", *COMMANDS, COMPLETION])
def test_every_command_explains_itself(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: pofx {command}".rstrip())
    if command:
        example = next(line for line in out.splitlines() if line.startswith("Example: pofx "))
        assert len(example.split()) > 3
        assert example.split()[2] == command


def test_the_examples_of_the_help_are_understood(capsys, monkeypatch):
    """Each is bound to its command's signature; none is run."""
    import shlex

    from pofx.cli import build_app
    from pofx.cli.completion import full_app

    for command in (*COMMANDS, COMPLETION):
        main([command, "--help"])
        examples = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Example: ")]
        for example in examples:
            words = shlex.split(example.split("pofx ", 1)[1].partition(" > ")[0])
            app = full_app() if command == "fit" else build_app()
            app.parse_args(words, print_error=False, exit_on_error=False)


def test_importing_is_quick():
    """`import pofx` loads no torch; `pofx --help` neither torch nor scikit-learn."""
    check = "import pofx, sys; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pofx", "--help"], capture_output=True, text=True, check=True
    )
    assert "torch" not in done.stderr
    assert "sklearn" not in done.stderr


#: As users have it: what is printed waits for the end, or for 8 KiB.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
#: Prints something by ``print``, more than a pipe holds, without the time that a model takes.
LONG_OUTPUT = """
import sys, pofx, pofx.cli.fit_config
pofx.load = lambda path: None
pofx.cli.fit_config.config_of = lambda model: "x" * {length}
sys.argv = ["pofx", "info", "model.pofx", "--config"]
pofx.cli.run()
"""


@pytest.mark.parametrize(
    "program",
    [
        python(LONG_OUTPUT.format(length=10)),
        python(LONG_OUTPUT.format(length=10_000_000)),
        [sys.executable, "-m", "pofx", "--help"],
    ],
    ids=["short", "long", "help"],
)
def test_a_reader_that_has_seen_enough_is_no_error(program):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, text=True, env=BUFFERED)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("length", [10, 10_000_000])
def test_a_full_disk_is_said(length):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        program = python(LONG_OUTPUT.format(length=length))
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, env=BUFFERED)
    assert (done.returncode, done.stderr) == (1, "pofx: No space left on device\n")
