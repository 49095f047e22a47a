"""Colours of numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pofx.files.colours import BLUE, NEUTRAL, RED, diverging, round_limit
from pofx.files.pictures import sheet


def test_zero_is_neutral_and_the_limits_are_deepest():
    colours = diverging([-7.0, -2.0, 0.0, 2.0, np.inf], 2.0)
    assert colours.dtype == np.uint8
    assert [tuple(colour) for colour in colours.tolist()] == [BLUE, BLUE, NEUTRAL, RED, RED]


def test_colours_deepen_evenly_on_both_sides():
    colours = diverging(np.linspace(-3, 3, 41), 3.0).astype(int)
    distance = np.abs(colours - NEUTRAL).sum(axis=1)
    assert (np.diff(distance[:21]) < 0).all() and (np.diff(distance[20:]) > 0).all()
    half = [round((a + b) / 2) for a, b in zip(NEUTRAL, RED, strict=True)]
    assert np.abs(colours[30] - half).max() <= 1
    # Blue below zero, red above.
    assert (colours[:20, 2] > colours[:20, 0]).all() and (colours[21:, 0] > colours[21:, 2]).all()


def test_maps_are_images_of_a_sheet():
    maps = diverging(np.random.default_rng(0).normal(size=(4, 8, 6)), 1.0)
    assert maps.shape == (4, 8, 6, 3)
    sheet(maps)


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan, np.inf])
def test_a_limit_is_positive(limit):
    with pytest.raises(ValueError, match="limit"):
        diverging([1.0], limit)


def test_what_is_no_number_has_no_colour():
    with pytest.raises(ValueError, match="NaN"):
        diverging([np.nan], 1.0)


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([0.3, -1.7], 2),
        ([2.0], 2),
        ([-2.001], 5),
        ([0.2, 0.1], 0.2),
        ([7.0], 10),
        ([730.0], 1000),
        ([0.0], 1),
        ([], 1),
        ([5e-324], 1),
    ],
)
def test_limits_are_round(values, limit):
    assert round_limit(values) == pytest.approx(limit)


def test_a_few_extremes_do_not_set_the_limit():
    values = np.ones((10, 100))
    values[0, 0] = 1e6
    assert round_limit(values) == 1
    assert round_limit(np.where(values > 1, np.inf, values)) == 1


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20))
def test_a_limit_covers_and_is_not_too_far_off(values):
    reach = np.quantile(np.abs(values), 0.97)
    limit = round_limit(values)
    assert limit > 0
    if reach > 1e-300:
        assert reach * (1 - 1e-6) <= limit <= 2.5 * reach * (1 + 1e-6) + 1e-300
