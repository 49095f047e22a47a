"""``pofx theory``."""

import os
import signal

import pytest
from PIL import Image

import pofx.theory.demonstration as demonstration
from pofx.cli import main
from pofx.data.toy import NormalMixture, bimodal


def test_both_parts_on_a_line(tmp_path, capsys):
    picture, gif = tmp_path / "new" / "theory.png", tmp_path / "theory.gif"
    assert main(["theory", "-o", str(picture), "--gif", str(gif), "--steps", "3", "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "D against a generator that stands still, 3 steps:\n  V(D, G) = -1." in out
    assert "C(G) = -log 4 + 2 JSD = -1.0491 nats" in out
    assert "Then D and G in turn, 3 steps of G:\n  JSD(p_data || p_G) = 0.1" in out
    assert "(before: 0.1686)" in out
    assert out.endswith(f"Written: {picture}\nWritten: {gif}\n")
    with Image.open(picture) as page:
        assert page.format == "PNG" and page.width == 1000
    with Image.open(gif) as animation:
        assert animation.format == "GIF" and animation.n_frames == 7


def test_the_ring(tmp_path, capsys):
    command = ["theory", "-o", str(tmp_path / "ring.png"), "--law", "ring", "--steps", "2", "--seed", "3"]
    assert main([*command, "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "2 steps:" in out and "in turn" not in out
    with Image.open(tmp_path / "ring.png") as page:
        assert page.size == (1000, 800)


class Interrupting(NormalMixture):
    def sample(self, n, random_state=None):
        os.kill(os.getpid(), signal.SIGINT)
        return super().sample(n, random_state)


def test_ctrl_c_draws_what_was_learned_so_far(tmp_path, capsys, monkeypatch):
    whole = bimodal()
    law = Interrupting(whole.means, whole.covariances, whole.weights)
    monkeypatch.setattr(demonstration, "bimodal", lambda: law)
    assert main(["theory", "-o", str(tmp_path / "theory.png"), "--steps", "50", "--no-verbose"]) == 130
    captured = capsys.readouterr()
    assert "1 steps:" in captured.out and "Written: " in captured.out
    assert captured.err == "pofx: interrupted after 1 of 100 steps\n"
    assert (tmp_path / "theory.png").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-o", "theory.svg"], 1, "should end in .png"),
        (["-o", "theory.png", "--gif", "theory.mp4"], 1, "should end in .gif"),
        (["-o", "theory.png", "--steps", "0"], 1, "--steps must be at least 1"),
        (["-o", "theory.png", "--objective", "relativistic"], 2, "--objective"),
        (["-o", "theory.png", "--law", "rung"], 2, 'Did you mean "ring"?'),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_trained(
    arguments, status, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demonstration, "play_on_a_line", None)
    assert main(["theory", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
