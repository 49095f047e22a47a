"""What a fitted `VAE` tells of its latents: the KL of held-out images at every epoch, and a collapse."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx
from pofx.engine.history import History

SMALL = {"width": 16, "depth": 1, "latent_dim": 3, "batch_size": 32, "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return load_digits().images[:200]


@pytest.fixture
def model(digits):
    return pofx.VAE(**SMALL | {"max_epochs": 1}).fit(digits)


def test_the_history_has_the_divergence_of_every_dimension(digits, monkeypatch, capsys):
    """The line that shows the progress has room for none of them."""
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    history = pofx.VAE(**SMALL, verbose=True).fit(digits).history_
    columns = [name for name in history.columns if name.startswith("held_out_kl_")]
    assert columns == ["held_out_kl_0", "held_out_kl_1", "held_out_kl_2"]
    by_dimension = np.array([history[name] for name in columns])
    assert by_dimension.shape == (3, 3) and (by_dimension > 0).all()
    assert by_dimension.sum(axis=0) == pytest.approx(history["held_out_kl"], rel=1e-3)
    shown = capsys.readouterr().err
    assert "epoch 3/3" in shown and "held-out" in shown and "held_out_kl" not in shown


def test_the_divergence_is_that_of_the_state_that_was_kept(model):
    rows = [{"held_out_score": -9.0, "held_out_kl": 1.0}, {"held_out_score": -2.0, "held_out_kl": 5.0}]
    model.history_ = History([*rows, {"held_out_score": -3.0, "held_out_kl": 7.0}])
    model.held_out_score_ = -2.0
    assert model.held_out_kl_ == 5.0
    model.held_out_score_ = None  # of no epoch was the score finite: the last state was kept
    assert model.held_out_kl_ == 7.0
    model.history_ = History([{"epoch": 1.0}])
    assert model.held_out_kl_ is None


def test_the_divergence_of_a_loaded_model(model, tmp_path):
    loaded = pofx.load(model.save(tmp_path / "m.pofx"))
    assert loaded.held_out_kl_ == model.held_out_kl_ == model.history_["held_out_kl"][0]
    assert loaded.posterior_collapsed_ == model.posterior_collapsed_


@pytest.mark.parametrize(
    ("n_steps", "activity", "held_out_kl", "collapsed"),
    [
        (500, [0.0, 0.5, 0.0], 3.0, False),
        (500, [0.0, 0.005, 0.0], 3.0, True),
        (500, [0.0, 0.5, 0.0], 0.04, True),
        (499, [0.0, 0.0, 0.0], 0.0, False),
        (500, [0.0, 0.5, 0.0], None, False),
    ],
)
def test_a_posterior_has_collapsed(n_steps, activity, held_out_kl, collapsed, model):
    """No dimension is active, or the KL is below 0.05 nats, after 500 steps."""
    model.n_steps_, model.latent_activity_ = n_steps, np.array(activity)
    model.latent_importance_ = np.array([0.01, 0.03, 0.02])
    row = {"held_out_score": model.held_out_score_}
    model.history_ = History([row if held_out_kl is None else row | {"held_out_kl": held_out_kl}])
    assert model.posterior_collapsed_ is collapsed


def test_without_held_out_images_the_training_images_tell_a_collapse(digits):
    model = pofx.VAE(**SMALL | {"max_epochs": 1}, validation_fraction=0).fit(digits)
    assert model.held_out_kl_ is None and not model.posterior_collapsed_
    model.n_steps_, model.latent_importance_ = 500, np.array([0.01, 0.02, 0.01])
    assert model.posterior_collapsed_
