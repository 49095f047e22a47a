"""Sets that are compared are quantised alike, and refused where they are not scaled alike."""

import numpy as np
import pytest

from pofx.measures.alike import alike, checked_features

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, size=(20, 4, 4), dtype=np.uint8)


def test_reals_beside_bytes_are_rounded_and_cut():
    real, generated = alike(BYTES, BYTES + np.linspace(-0.4, 0.4, 20)[:, None, None])
    assert generated.dtype == real.dtype == np.uint8
    assert np.array_equal(generated, BYTES)
    assert alike(BYTES, np.full((2, 4, 4), 259.7))[1].max() == 255


def test_unit_floats_become_the_levels_they_stand_for():
    real, generated = alike((BYTES / 255).astype(np.float32), BYTES / 255 + 0.4 / 255)
    assert np.array_equal(real, BYTES) and np.array_equal(generated, BYTES)


def test_integers_in_floats_are_a_grid_and_no_end_of_it_is_cut():
    digits = RNG.integers(0, 16, size=(20, 8, 8)).astype(float)
    real, generated = alike(digits, digits + 1.3)
    assert np.array_equal(real, digits) and np.array_equal(generated, digits + 1)


def test_real_numbers_stay_as_they_are():
    x = RNG.normal(size=(10, 2))
    real, generated = alike(x, x / 3)
    assert np.array_equal(real, x) and np.array_equal(generated, x / 3)


def test_truth_values_are_zeros_and_ones():
    real, generated = alike(BYTES > 99, (BYTES > 99).astype(np.float32) * 0.9)
    assert np.array_equal(real, generated) and real.dtype == np.uint8


@pytest.mark.parametrize(
    ("real", "generated", "said"),
    [
        (BYTES, BYTES / 255, "not scaled alike"),
        (BYTES, BYTES / 127.5 - 1, "not scaled alike"),
        (BYTES / 255, BYTES.astype(float), "not scaled alike"),
        (BYTES / 255, BYTES / 127.5 - 1, "not scaled alike"),
        (BYTES, BYTES[:, :3], "not of one shape"),
        (BYTES, BYTES[:1], "at least 2"),
        (BYTES, np.full((3, 4, 4), np.nan), "NaN"),
        (BYTES.astype(complex), BYTES, "must be numbers"),
        (BYTES[0, 0], BYTES[0, 0], "must be numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(real, generated, said):
    with pytest.raises(ValueError, match=said):
        alike(real, generated)


@pytest.mark.parametrize(
    ("real", "generated", "said"),
    [
        (np.zeros(3), np.zeros((3, 1)), "shape"),
        (np.zeros((3, 2)), np.zeros((3, 1)), "2 and 1 features"),
        (np.zeros((1, 2)), np.zeros((3, 2)), "at least 2 rows"),
        (np.zeros((3, 2)), np.full((3, 2), np.inf), "finite"),
    ],
)
def test_features_are_checked(real, generated, said):
    with pytest.raises(ValueError, match=said):
        checked_features(real, generated, 2)
