"""The user guide says what is true."""

import re
import shlex
from pathlib import Path

import pytest

from pofx.cli import COMMANDS, COMPLETION, build_app, main
from pofx.cli.completion import full_app

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
BLOCKS = re.findall(r"```(python|console)\n(.*?)```", GUIDE, flags=re.DOTALL)


def commands():
    """The (arguments, output) of each ``$ pofx ...`` of the transcript."""
    for kind, block in BLOCKS:
        if kind == "console":
            for entry in block.split("$ pofx ")[1:]:
                command, _, output = entry.partition("\n")
                yield shlex.split(command), output


def masked(text):
    """Without what differs between machines: numbers, digests, and the widths that follow from them."""
    text = re.sub(r"[0-9a-f]{64}|-?\d[\d.,]*", "#", text)
    return [" ".join(re.sub(r"([━─])+", r"\1", line).split()) for line in text.splitlines() if line.strip()]


@pytest.mark.slow
def test_the_transcript_is_what_happens(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for kind, block in BLOCKS:
        if kind == "python":
            exec(compile(block, "guide.md", "exec"), {})
    for arguments, output in commands():
        main(arguments)
        captured = capsys.readouterr()
        assert masked(captured.err + captured.out) == masked(output), arguments
    models = [path.with_suffix(".pofx") for path in (Path("photos"), Path("packed"))]
    from cli_runs import same_weights

    assert same_weights(*models)


def test_the_transcript_names_every_kind_of_source():
    sources = {arguments[1] for arguments, _ in commands() if arguments[0] == "fit"}
    assert sources == {"digits", "digits.npz", "photos", "photos.packed"}


def test_commands_and_options_of_the_guide_exist():
    for arguments, _ in commands():
        app = full_app() if arguments[0] == "fit" else build_app()
        app.parse_args(arguments, print_error=False, exit_on_error=False)
    table = re.findall(r"^\| `pofx ([\w-]+)", GUIDE, flags=re.MULTILINE)
    assert table == list(COMMANDS)
    app = full_app()
    known = {COMPLETION, "--help", "--traceback"}
    for command in (*COMMANDS, COMPLETION):
        known |= {name for argument in app[command].assemble_argument_collection() for name in argument.names}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", GUIDE)) <= known
