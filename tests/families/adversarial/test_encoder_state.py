"""A fit with an encoder is two trainings: where Ctrl-C comes, and what is left behind, must not mix them up."""

import os
import signal

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pofx
from pofx.cli import main
from pofx.families.adversarial import estimator

X = load_digits().images[:300]
SMALL = {"width": 8, "depth": 1, "latent_dim": 2, "max_epochs": 20, "encoder": True, "random_state": 0, "device": "cpu"}


def interrupting(monkeypatch, score, time):
    """Ctrl-C when this held-out score is taken for the n-th time."""
    whole, taken = getattr(estimator, score), []

    def interrupted(*arguments):
        taken.append(score)
        if len(taken) == time:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(*arguments)

    monkeypatch.setattr(estimator, score, interrupted)
    return taken


def same(first, second):
    states = first.module_.state_dict(), second.module_.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.fixture(scope="module")
def whole():
    return pofx.GAN(**SMALL).fit(X)


@pytest.mark.parametrize("score", ["held_out_divergence", "held_out_error"])
def test_an_interrupted_fit_goes_on_to_the_same_encoder(score, whole, tmp_path, monkeypatch):
    """Whether Ctrl-C came in the game or in the encoder's training, which is then told of the whole fit."""
    with monkeypatch.context() as patch:
        interrupting(patch, score, 2)
        assert pofx.GAN(checkpoint_dir=tmp_path, **SMALL).fit(X).stopped_by_ == "interrupt"
    again = pofx.GAN(checkpoint_dir=tmp_path, **SMALL).fit(X)
    assert again.stopped_by_ == "max_epochs"
    assert same(again, whole) and again.error_variance_ == whole.error_variance_


def test_after_an_interrupted_game_the_encoder_has_its_share_of_what_was_done(tmp_path, monkeypatch):
    """Eight epochs of the sixteen, so two of the four: who pressed Ctrl-C wants an end."""
    games = interrupting(monkeypatch, "held_out_divergence", 8)
    encoders = interrupting(monkeypatch, "held_out_error", 0)
    pofx.GAN(**SMALL).fit(X)
    assert (len(games), len(encoders)) == (8, 2)


def test_a_new_game_takes_no_encoder_of_another(whole, tmp_path):
    """Of another seed; the game's own state was removed, as its message on a state of another training advises."""
    pofx.GAN(checkpoint_dir=tmp_path, **(SMALL | {"random_state": 1, "max_epochs": 2})).fit(X)
    (tmp_path / "checkpoint.pt").unlink()
    assert same(pofx.GAN(checkpoint_dir=tmp_path, **SMALL).fit(X), whole)


def test_the_command_leaves_no_state_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    command = ["fit", "x.npy", "-o", "m.pofx", "--model", "gan", "--encoder", "--max-epochs", "2", "--width", "8"]
    assert main([*command, "--device", "cpu", "--no-verbose"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.pofx", "x.npy"]
