"""Tables of what features are worth."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx
from pofx.evaluation import features as table_module
from pofx.evaluation.feature_floors import FLOORS, RANDOM_FEATURES, floor
from pofx.evaluation.features import FeatureRow, FeatureTable, feature_table, mean_and_spread, some


@pytest.fixture(scope="module")
def digits():
    order = np.random.default_rng(0).permutation(1797)
    return load_digits().images[order], load_digits().target[order]


@pytest.fixture(scope="module")
def vae(digits):
    return pofx.VAE(width=32, depth=1, latent_dim=8, max_epochs=8, random_state=0).fit(digits[0][:1200])


def parts(digits, n=400):
    X, y = digits
    return X[:n], y[:n], X[1200 : 1200 + n], y[1200 : 1200 + n]


def test_layers_stand_beside_their_floors(vae, digits):
    table = feature_table(vae, *parts(digits), layers=("transform", "layer_1"), n_few=100, seeds=[0, 1])
    names = [f"{row.name} ({row.n_features})" for row in table.rows]
    assert names == [
        "VAE features (8)", "VAE layer_1 (32)", "raw pixels (64)", "PCA (8)", "a plain autoencoder (8)",
        f"random features ({RANDOM_FEATURES})",
    ]  # fmt: skip
    for row in table.rows:
        assert len(row.linear) == len(row.few) == len(row.neighbours) == len(row.clusters) == 2
        assert min(row.linear) > 0.3
    by_name = {row.name: row for row in table.rows}
    assert min(by_name["raw pixels"].linear) > 0.85 and min(by_name["raw pixels"].neighbours) > 0.9
    assert np.mean(by_name["raw pixels"].few) < np.mean(by_name["raw pixels"].linear)
    heading, *rows = table.cells()
    assert heading == [
        "features (how many)", "linear, 400 labels", "linear, 100 labels", "neighbours", "clusters (NMI)"
    ]  # fmt: skip
    assert len(rows) == 6 and all("±" in cell for row in rows for cell in row[1:])
    assert "2 seeds" in table.note and "400 test images" in table.note


def test_features_that_are_the_label_are_worth_everything(digits):
    """And those of noise nothing: what the table says is said of the features that it is given."""

    class Oracle:
        def transform(self, X):
            return 10.0 * np.eye(10)[known[X.tobytes()]] if X.ndim == 2 else np.stack([self.transform(x) for x in X])

        def layer_features(self, X, layer):
            return np.random.default_rng(0).normal(size=(len(X), 5))

    known = {image.tobytes(): label for image, label in zip(*digits, strict=True)}
    table = feature_table(Oracle(), *parts(digits), layers=("transform", "noise"), floors=(), seeds=[0])
    oracle, noise = table.rows
    assert oracle.linear == oracle.neighbours == (1.0,) and oracle.clusters == (pytest.approx(1),)
    assert oracle.few is None  # of 400 labels all are few
    assert noise.linear[0] < 0.2 and noise.neighbours[0] < 0.2 and noise.clusters[0] < 0.2


def test_test_images_that_are_sorted_are_shuffled_before_some_are_taken(digits):
    """The first 100 of sorted test images would be of one class, and all of them alike."""
    X, y, test, test_labels = parts(digits)
    order = np.argsort(test_labels, kind="stable")
    seen = []
    measure = table_module.measure

    def recorded(features, labels, test_features, of_test, **words):
        seen.append(of_test)
        return measure(features, labels, test_features, of_test, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "measure", recorded)
        words = {"layers": (), "floors": ("raw",), "n_test": 100, "n_labels": 200, "seeds": [0, 1]}
        table = feature_table(None, X, y, test[order], test_labels[order], **words)
    assert table.n_test == 100 and table.n_labels == 200
    for labels in seen:
        assert len(labels) == 100 and len(np.unique(labels)) == 10
    assert not np.array_equal(*seen)  # another seed takes others


def test_the_same_seed_gives_the_same_table(vae, digits):
    words = {"floors": ("raw", "random", "autoencoder"), "seeds": [3]}
    assert feature_table(vae, *parts(digits, 200), **words) == feature_table(vae, *parts(digits, 200), **words)


def test_every_image_passes_through_the_network_once(vae, digits, monkeypatch):
    asked = []
    transform = pofx.VAE.transform
    monkeypatch.setattr(pofx.VAE, "transform", lambda self, X: asked.append(len(X)) or transform(self, X))
    feature_table(vae, *parts(digits, 300), floors=(), n_labels=100, n_test=50, seeds=[0, 1, 2])
    assert len(asked) == 2 and asked[0] <= 300 and asked[1] <= 150


def test_some_are_at_random_and_fewer_are_the_first_of_more():
    assert np.array_equal(some(1000, 10, 0), some(1000, 100, 0)[:10])
    assert len(np.unique(some(1000, 100, 0))) == 100 and not np.array_equal(some(1000, 100, 0), some(1000, 100, 1))


def test_numbers_for_people():
    assert mean_and_spread((0.5,)) == "0.500"
    assert mean_and_spread((0.4, 0.5, 0.6)) == "0.500 ± 0.100"
    assert mean_and_spread(None) == ""
    row = FeatureRow("raw", 3, (0.5,), None, (0.25,), (1.0,))
    assert FeatureTable((row,), 10, 10, 5, 1).cells()[1] == ["raw (3)", "0.500", "0.250", "1.000"]


# ---- floors ----------------------------------------------------------------------------------------------------------


def test_raw_pixels_are_the_pixels(digits):
    raw = floor("raw", digits[0], 4)
    assert raw.transform(digits[0][:3]) == pytest.approx(digits[0][:3].reshape(3, -1) / 16)


def test_pca_keeps_what_varies_most(digits):
    X = digits[0][:500]
    found = floor("pca", X, 5).transform(X)
    centred = X.reshape(500, -1) / 16 - (X.reshape(500, -1) / 16).mean(axis=0)
    assert found.var(axis=0) == pytest.approx(np.linalg.svd(centred)[1][:5] ** 2 / 500, rel=1e-3)


@pytest.mark.parametrize("name", FLOORS)
def test_floors_do_not_depend_on_what_stands_beside_an_image(name, digits):
    X = digits[0][:300]
    found = floor(name, X, 6, seed=1, autoencoder_epochs=1)
    together = found.transform(X)
    assert together.shape[0] == 300 and np.isfinite(together).all()
    assert found.transform(X[7:9]) == pytest.approx(together[7:9], abs=1e-5)


def test_random_features_are_those_of_their_seed(digits):
    X = digits[0][:50]
    one, again, other = (floor("random", X, 6, seed=seed).transform(X) for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert (one >= 0).all() and one.shape == (50, RANDOM_FEATURES)


def test_unknown_features_are_refused(digits):
    with pytest.raises(ValueError, match="raw, pca, autoencoder, random"):
        floor("magic", digits[0], 3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seeds": []}, "seeds is empty"),
        ({"n_few": 0}, "n_few"),
        ({"n_labels": 0}, "n_labels"),
        ({"n_test": 0}, "n_test"),
    ],
)
def test_what_cannot_be_measured_is_refused(digits, wrong, told):
    with pytest.raises(ValueError, match=told):
        feature_table(None, *parts(digits, 40), layers=(), floors=("raw",), **wrong)
