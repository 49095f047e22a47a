"""``pofx --install-completion``."""

import shutil
import subprocess

import pytest

from pofx.cli import COMMANDS, COMPLETION, main

ASK = """
source {script}
complete_words() {{
    COMP_WORDS=(pofx "$@"); COMP_CWORD=$#; COMP_LINE="pofx $*"; COMP_POINT=${{#COMP_LINE}}; COMPREPLY=()
    _pofx
    echo "${{COMPREPLY[@]}}"
}}
cd {folder}
complete_words {words}
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "pofx.bash"
    assert main([COMPLETION, "--shell", "bash", "-o", str(path)]) == 0
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("''", set(COMMANDS)),
        ("s", {"score", "sample"}),
        ("--inst", {COMPLETION}),
        ("fit --latent", {"--latent-dim"}),
        ("fit --conf", {"--config"}),
        ("fit --errors ''", {"raise", "skip"}),
        ("fit --model v", {"vae"}),
        ("score a.p", {"a.pofx"}),
        ("score a.pofx b", {"b.npz"}),
        ("info --conf", {"--config"}),
    ],
)
def test_bash_completes(words, found, script, tmp_path):
    for name in ("a.pofx", "b.npz"):
        (tmp_path / name).write_text("")
    program = ASK.format(script=script, folder=tmp_path, words=words)
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=True)
    assert found <= set(done.stdout.split())
    assert len(found) == len(done.stdout.split()) or words == "''"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(shell, tmp_path, capsys):
    path = tmp_path / "script"
    assert main([COMPLETION, "--shell", shell, "-o", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"Written: {path}\n")
    text = path.read_text()
    for word in (*COMMANDS, "latent-dim", "categorical"):
        assert word in text


def test_it_is_installed_where_the_shell_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main([COMPLETION, "--shell", "bash"]) == 0
    out = capsys.readouterr().out
    path = tmp_path / ".local/share/bash-completion/completions/pofx"
    assert f"Written: {path}" in out and path.is_file()
    assert str(path) in (tmp_path / ".bashrc").read_text()


def test_a_shell_that_cannot_be_found_out(monkeypatch, capsys):
    from cyclopts.completion import detect

    def unknown():
        raise detect.ShellDetectionError

    monkeypatch.setattr(detect, "detect_shell", unknown)
    assert main([COMPLETION]) == 1
    assert "--shell bash, zsh or fish" in capsys.readouterr().err
    monkeypatch.setattr(detect, "detect_shell", lambda: "powershell")
    assert main([COMPLETION]) == 1
    assert "no completion for powershell" in capsys.readouterr().err
