"""Which numbers are which levels, and that the density of real numbers is one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pofx.data.levels import IntegerLevels, LevelGrid, RealLevels, UnitLevels, ValueSummary, level_grid_for

RNG = np.random.default_rng(0)


def grid_of(values, levels=None):
    return level_grid_for(ValueSummary.of(np.asarray(values), levels or 256), levels)


@pytest.mark.parametrize(
    ("values", "levels", "expected"),
    [
        (np.array([True, False]), None, IntegerLevels(2)),
        (np.array([0, 1], dtype=np.uint8), None, IntegerLevels(2)),
        (np.array([0.0, 1.0]), None, IntegerLevels(2)),
        (np.array([0, 7], dtype=np.uint8), None, IntegerLevels(256)),
        (np.array([0, 7], dtype=np.int64), None, IntegerLevels(8)),
        (np.array([0.0, 16.0, 3.0]), None, IntegerLevels(17)),
        (np.array([0, 7]), 32, IntegerLevels(32)),
        (np.arange(256) / 255, None, UnitLevels(256)),
        ((np.arange(256) / 255).astype(np.float32), None, UnitLevels(256)),
        (np.arange(16) / 15, 16, UnitLevels(16)),
        (np.array([-1.5, 2.5]), None, RealLevels(256, -1.5, 2.5)),
        (np.array([0.0, 256.0]), None, RealLevels(256, 0.0, 256.0)),
        (np.array([-1.0, 1.0]), 64, RealLevels(64, -1.0, 1.0)),
    ],
)
def test_the_grid_follows_from_the_values(values, levels, expected):
    assert grid_of(values, levels) == expected


@pytest.mark.parametrize("values", [np.array([0, 256]), np.array([-1, 3]), np.array([0, 4000], dtype=np.uint16)])
def test_integers_outside_the_range_are_refused(values):
    with pytest.raises(ValueError, match="levels"):
        grid_of(values)


def test_integers_above_the_given_levels_are_refused_by_name():
    with pytest.raises(ValueError, match="levels=18"):
        grid_of(np.array([0, 17]), 16)


def test_parts_are_summarised_like_the_whole():
    zeros_and_ones, others = np.array([0.0, 1.0]), np.array([1 / 255, 2 / 255])
    merged = ValueSummary.of(zeros_and_ones).merge(ValueSummary.of(others))
    assert merged == ValueSummary.of(np.concatenate([zeros_and_ones, others]))
    assert level_grid_for(merged) == UnitLevels(256)


@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(-1e6, 1e6)), st.integers(1, 39))
def test_any_two_parts_are_summarised_like_the_whole(values, cut):
    cut = min(cut, len(values) - 1)
    assert ValueSummary.of(values[:cut]).merge(ValueSummary.of(values[cut:])) == ValueSummary.of(values)


@pytest.mark.parametrize(
    "grid", [IntegerLevels(17), UnitLevels(256), RealLevels(256, -3.0, 5.0), RealLevels(2, 0.0, 1.0)]
)
def test_levels_survive_the_way_out_and_back(grid):
    levels = RNG.integers(0, grid.levels, size=(50, 7)).astype(grid.level_dtype)
    assert np.array_equal(grid.levels_of(grid.values_of(levels, RNG)), levels)
    assert np.array_equal(grid.nearest_levels(grid.expected_values(levels)), levels)
    assert LevelGrid.from_json(grid.to_json()) == grid


@pytest.mark.parametrize(
    ("grid", "values"),
    [
        (IntegerLevels(4), np.array([0, 4])),
        (IntegerLevels(4), np.array([-1, 2])),
        (IntegerLevels(4), np.array([0.5, 2.0])),
        (UnitLevels(), np.array([0.5, 0.3])),
        (UnitLevels(), np.array([0.0, 2.0])),
    ],
)
def test_values_outside_the_support_are_refused_with_levels_named(grid, values):
    with pytest.raises(ValueError, match="levels="):
        grid.levels_of(values)


@pytest.mark.parametrize("grid", [RealLevels(256, -3.0, 5.0), RealLevels(3, 0.0, 0.3), RealLevels(2, -1e-3, 1e-3)])
def test_the_density_within_levels_integrates_to_one(grid):
    """For every level: the integral over its step (for the outer ones out to infinity) is 1."""
    from scipy.integrate import quad

    def density(value):
        return float(np.exp(grid.log_density_within(np.array([value])))[0])

    for level in {0, 1, grid.levels // 2, grid.levels - 1} & set(range(grid.levels)):
        lower, upper = grid.low + grid.step * level, grid.low + grid.step * (level + 1)
        lower = lower - 60 * grid.step if level == 0 else lower
        upper = upper + 60 * grid.step if level == grid.levels - 1 else upper
        # Just inside: the edges themselves belong to one of two steps.
        assert quad(density, lower, upper, epsabs=1e-13, limit=200)[0] == pytest.approx(1, abs=1e-9)


def test_values_are_drawn_from_the_density_within_a_level():
    """Uniform within inner steps, exponential in the outer ones: Kolmogorov-Smirnov at a fixed seed."""
    from scipy.stats import expon, kstest, uniform

    grid = RealLevels(4, 0.0, 4.0)
    rng = np.random.default_rng(1)
    draws = {level: grid.values_of(np.full(4000, level), rng) for level in range(4)}
    assert kstest(draws[1], uniform(1, 1).cdf).pvalue > 0.01
    assert kstest(1 - draws[0], expon().cdf).pvalue > 0.01
    assert kstest(draws[3] - 3, expon().cdf).pvalue > 0.01


def test_scaled_values_and_levels_agree():
    """The centre of step k lies at 2k/(K-1) - 1, where a network sees level k."""
    grid = RealLevels(5, -10.0, 10.0)
    centres = grid.expected_values(np.arange(5))
    assert grid.scaled(centres) == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert grid.unscaled(grid.scaled(centres)) == pytest.approx(centres)


@pytest.mark.parametrize("constant", [0.0, 0.3, -1e12, 1e300, 1e-300])
def test_constant_data_get_a_grid_around_them(constant):
    grid = grid_of(np.full(5, constant) if constant else np.array([1e-320, 1e-320]))
    assert np.isfinite(grid.log_density_within(np.array([constant]))).all()


def test_a_range_too_wide_for_float64_is_refused():
    with pytest.raises(ValueError, match="scale"):
        grid_of(np.array([-1.5e308, 1.5e308]))
