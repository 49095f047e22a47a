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
    assert np.isfinite(floors((4, 4, 3))["PNG size"](rows, rows)).all()
