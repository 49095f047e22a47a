"""What a model says while it scores and draws."""

import numpy as np
import pytest

import pofx


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).integers(0, 4, size=(150, 4, 4))
    return pofx.VAE(max_epochs=1, width=8, depth=1, latent_dim=2, random_state=0).fit(X), X


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pofx.engine.counting.QUIET_SECONDS", 0.0)


@pytest.mark.parametrize("verbose", [True, False])
def test_scoring_and_drawing_count_images(verbose, model, capsys):
    fitted, X = model
    fitted.set_params(verbose=verbose)
    for work in (lambda: fitted.score_samples(X), lambda: fitted.sample(150, random_state=0)):
        work()
        captured = capsys.readouterr()
        assert captured.out == ""
        counts = [line.split(" images")[0] for line in captured.err.splitlines()]
        assert counts == (["VAE: 64 of 150", "VAE: 128 of 150", "VAE: 150 of 150", "VAE: 150"] if verbose else [])


def test_what_is_said_changes_no_number(model):
    fitted, X = model
    silent = fitted.set_params(verbose=False).score_samples(X)
    assert (fitted.set_params(verbose=True).score_samples(X) == silent).all()
