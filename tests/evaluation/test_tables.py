"""Tables about models, with the floors beside them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx
from pofx.evaluation.autoencoder import PlainAutoencoder
from pofx.evaluation.densities import density_table, held_out_table


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def vae(digits):
    return pofx.VAE(width=32, depth=1, latent_dim=8, max_epochs=8, random_state=0).fit(digits.images[:1200])


def test_a_density_table_goes_from_the_model_to_the_uniform_law(vae, digits):
    table = density_table({"VAE": vae}, digits.images[:1200], digits.images[1200:], title="Test")
    names = [row.name for row in table.rows]
    assert names == ["VAE", "PCA + Gaussian mixture", "independent pixels", "uniform"]
    model, *_, uniform = table.rows
    assert model.log_p == pytest.approx(vae.score(digits.images[1200:]))
    assert model.kind == "lower bound"
    assert uniform.log_p == pytest.approx(-64 * np.log(17))
    assert uniform.bits_per_dim == pytest.approx(np.log2(17))
    for row in table.rows:
        assert row.bits_per_dim == pytest.approx(-row.log_p / (64 * np.log(2)))


def test_several_models_stand_in_one_table(vae, digits):
    other = pofx.PixelCNN(n_layers=1, n_channels=4, max_epochs=1, random_state=0).fit(digits.images[:200])
    table = density_table({"one": vae, "two": other}, digits.images[:1200], digits.images[1200:], title="Test")
    first, second, *rest = table.rows
    assert (first.name, first.kind, second.name, second.kind) == ("one", "lower bound", "two", "exact")
    assert first.log_p == pytest.approx(vae.score(digits.images[1200:]))
    assert second.log_p == pytest.approx(other.score(digits.images[1200:]))
    assert [row.name for row in rest] == ["PCA + Gaussian mixture", "independent pixels", "uniform"]


def test_models_of_different_images_are_not_compared(vae, digits):
    other = pofx.VAE(levels=20, width=8, depth=0, max_epochs=1, random_state=0).fit(digits.images[:50])
    with pytest.raises(ValueError, match="two is a model of images of 8 x 8, 20 levels"):
        density_table({"one": vae, "two": other}, digits.images[:100], digits.images[100:200], title="Test")


def test_the_held_out_images_of_a_fit_are_scored(vae, digits):
    table = held_out_table(vae, digits.images[:1200])
    assert table is not None
    assert "120" in table.note
    assert table.rows[0].log_p == pytest.approx(vae.held_out_score_, abs=2)


def test_a_collection_sorted_by_class_gets_fair_baselines(monkeypatch):
    """The images that baselines are fitted to are taken at random, not from the front."""
    monkeypatch.setattr("pofx.evaluation.densities.BASELINE_IMAGES", 100)
    rng = np.random.default_rng(0)
    X = np.concatenate([np.zeros((300, 3, 3), dtype=int), np.ones((300, 3, 3), dtype=int)])
    model = pofx.VAE(width=8, depth=0, max_epochs=1, random_state=0).fit(X)
    rows = {row.name: row for row in density_table({"VAE": model}, X, X[rng.permutation(600)], title="Test").rows}
    assert rows["independent pixels"].log_p == pytest.approx(9 * np.log(0.5), rel=0.2)


def test_without_held_out_images_there_is_no_table(digits):
    model = pofx.VAE(width=8, depth=0, max_epochs=1, validation_fraction=0.0).fit(digits.images[:50])
    assert held_out_table(model, digits.images[:50]) is None


def test_real_valued_data_are_compared_at_their_levels():
    X = np.random.default_rng(0).normal(size=(200, 4, 4))
    model = pofx.VAE(width=8, depth=1, likelihood="normal", max_epochs=2, random_state=0).fit(X)
    rows = {row.name: row for row in density_table({"VAE": model}, X, X, title="Test").rows}
    assert rows["uniform"].log_p == pytest.approx(-16 * np.log(256))
    assert np.isfinite(rows["VAE"].log_p)


def test_a_plain_autoencoder_keeps_what_there_is_to_keep():
    """Points on a plane in 20 dimensions: two features tell them apart as well as the plane's coordinates do."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(600, 2))
    X = plane @ rng.normal(size=(2, 20))
    codes = PlainAutoencoder(2, width=32, depth=1, max_epochs=60).fit(X).transform(X)
    design = np.column_stack([codes, codes**2, codes[:, :1] * codes[:, 1:], np.ones(600)])
    residual = plane - design @ np.linalg.lstsq(design, plane, rcond=None)[0]
    assert residual.var() < 0.1 * plane.var()
