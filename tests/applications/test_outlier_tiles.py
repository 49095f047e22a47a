"""Images larger than the model: judged by their least ordinary tile, explained by maps put together."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx

VAE = {"width": 32, "depth": 1, "latent_dim": 4, "max_epochs": 10, "random_state": 0}


@pytest.fixture(scope="module")
def pages():
    """200 images of 16 x 24, six digits each."""
    digits = np.random.default_rng(0).permutation(load_digits().images)[:1200].reshape(200, 2, 3, 8, 8)
    return digits.transpose(0, 1, 3, 2, 4).reshape(200, 16, 24)


@pytest.fixture(scope="module")
def detector(pages):
    return pofx.OutlierDetector(pofx.VAE(**VAE), tile=8, overlap=0, random_state=0).fit(pages[:150])


def test_one_foreign_tile_of_six_makes_the_image_foreign_and_is_where_the_map_says(detector, pages):
    new = pages[150:].copy()
    before = detector.predict(new)
    new[:, 8:16, 16:24] = np.random.default_rng(0).integers(0, 17, size=(50, 8, 8))
    assert (before == -1).mean() < 0.3 and (detector.predict(new) == -1).all()
    maps = detector.explain(new)
    assert maps.shape == new.shape
    tiles = maps.reshape(50, 2, 8, 3, 8).mean(axis=(2, 4)).reshape(50, 6)
    assert (tiles.argmax(axis=1) == 5).all()


def test_an_image_is_as_ordinary_as_its_least_ordinary_tile(detector, pages):
    new = pages[150:160]
    tiles = new.reshape(10, 2, 8, 3, 8).transpose(0, 1, 3, 2, 4).reshape(60, 8, 8)
    of_tiles = detector._judges[0].score(detector.model_, tiles, None).reshape(10, 6)
    np.testing.assert_array_equal(detector.score_samples(new), of_tiles.min(axis=1))


def test_the_calibration_is_of_whole_images(detector):
    assert len(detector.calibration_scores_) == 30
    assert detector.model_.spec_.shape_HWC == (8, 8, 1)


def test_parts_of_bounded_size_give_the_same(detector, pages, monkeypatch):
    whole, maps = detector.score_samples(pages[150:]), detector.explain(pages[150:160])
    monkeypatch.setattr("pofx.applications.image_parts.PART_BYTES", 10_000)
    np.testing.assert_array_equal(detector.score_samples(pages[150:]), whole)
    np.testing.assert_array_equal(detector.explain(pages[150:160]), maps)


def test_a_fitted_model_tells_the_size_of_the_tiles(pages):
    model = pofx.VAE(**VAE).fit(load_digits().images[:500])
    found = pofx.OutlierDetector(model, tile="model", random_state=0).fit(pages[:150])
    assert found._judges[0].tiling.tile == (8, 8) and found._judges[0].tiling.overlap == (4, 4)
    assert (found.predict(16 - pages[150:]) == -1).all()


def test_labels_are_those_of_the_images(pages):
    labels = np.arange(200) % 2
    model = pofx.VAE(**VAE | {"conditional": True, "max_epochs": 1})
    found = pofx.OutlierDetector(model, tile=(8, 8), overlap=(0, 0), random_state=0).fit(pages, labels)
    assert found.p_values(pages[:5], labels[:5]).shape == (5,)
    tiles, of_tiles = found._judges[0].tiling.tiles_of(pages[:3], labels[:3])
    np.testing.assert_array_equal(tiles[6:12], pages[1].reshape(2, 8, 3, 8).transpose(0, 2, 1, 3).reshape(6, 8, 8))
    assert of_tiles.tolist() == [0] * 6 + [1] * 6 + [0] * 6


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"tile": 8}, np.zeros((50, 256)), "not rows"),
        ({"tile": "model"}, np.zeros((50, 16, 16)), "not fitted"),
        ({"tile": 32}, np.zeros((50, 16, 16)), "smaller than the tile"),
        ({"tile": 8, "overlap": 8}, np.zeros((50, 16, 16)), "overlap"),
        ({"tile": (8, 8, 8)}, np.zeros((50, 16, 16)), "two \\(height, width\\)"),
        ({"overlap": 2}, np.zeros((50, 16, 16)), "give tile"),
    ],
)
def test_what_cannot_be_tiled_is_refused(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        pofx.OutlierDetector(pofx.VAE(**VAE), **parameters).fit(X)
