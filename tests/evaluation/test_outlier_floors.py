"""Simple outlier scores."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pofx.evaluation.detection import auroc
from pofx.evaluation.outlier_floors import floors

DIGITS = np.random.default_rng(0).permutation(load_digits().data).astype(np.int64)
SHAPE = (8, 8, 1)


@pytest.mark.parametrize("name", list(floors(SHAPE)))
def test_ordinary_images_are_higher_than_noise(name):
    noise = np.random.default_rng(0).integers(0, 17, size=(200, 64))
    score = floors(SHAPE)[name]
    found = score(DIGITS[:1000], np.concatenate([DIGITS[1000:1200], noise]))
    assert auroc(found[:200], found[200:]) > 0.99


def test_the_png_size_is_strange_on_either_side():
    score = floors(SHAPE)["PNG size"]
    blank = np.zeros((5, 64), dtype=np.int64)
    assert score(DIGITS, blank).max() < np.median(score(DIGITS, DIGITS[:200]))


def test_colours_and_many_levels_have_a_png_size():
    rows = np.random.default_rng(0).integers(0, 1000, size=(20, 48))
    score = floors((4, 4, 3))["PNG size"]
    assert np.isfinite(score(rows, rows)).all()
    assert not np.array_equal(score(rows, rows), score(rows % 256, rows % 256))  # the high bytes count


def test_the_png_size_of_an_image_does_not_depend_on_what_it_is_scored_beside():
    rng = np.random.default_rng(0)
    dark, bright = rng.integers(0, 256, size=(20, 64)), rng.integers(0, 1000, size=(20, 64))
    score = floors(SHAPE)["PNG size"]
    for train in (dark, bright):
        beside = score(train, np.concatenate([dark, bright]))
        np.testing.assert_array_equal(beside, np.concatenate([score(train, dark), score(train, bright)]))
