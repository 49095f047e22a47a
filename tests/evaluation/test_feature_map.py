"""Features in two dimensions."""

import numpy as np
import pytest

from pofx.evaluation.feature_map import feature_map


def groups(n=90):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    return 20 * np.eye(3, 7)[labels] + rng.normal(size=(n, 7)), labels


def test_neighbours_stay_neighbours():
    features, labels = groups()
    points = feature_map(features)
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=2) + np.diag(np.full(90, np.inf))
    assert points.shape == (90, 2) and (labels[distance.argmin(axis=1)] == labels).mean() > 0.97


def test_the_unit_of_the_features_means_nothing():
    """A power of two: every number has the same digits."""
    features, _ = groups(30)
    assert np.array_equal(feature_map(features), feature_map(1024 * features))


def test_the_same_seed_gives_the_same_map():
    features, _ = groups(30)
    assert np.array_equal(feature_map(features, seed=2), feature_map(features, seed=2))


@pytest.mark.parametrize("shape", [(4, 1), (5, 300), (40, 1), (40, 2)])
def test_few_images_and_few_features_have_a_map_too(shape):
    points = feature_map(np.random.default_rng(0).normal(size=shape))
    assert points.shape == (shape[0], 2) and np.isfinite(points).all()


def test_images_that_are_all_alike_are_one_point():
    assert (feature_map(np.full((6, 3), 7.0)) == 0).all()


def test_three_images_are_too_few():
    with pytest.raises(ValueError, match="at least 4 images, not 3"):
        feature_map(np.zeros((3, 2)))
