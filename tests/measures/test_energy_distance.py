"""The energy distance, against closed forms and a sum written out."""

import numpy as np
import pytest

from pofx.measures.energy_distance import energy_distance


def test_the_sum_written_out():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)) + 1
    between = np.mean([np.linalg.norm(a - b) for a in x for b in y])
    within = [
        np.mean([np.linalg.norm(a - b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]) for z in (x, y)
    ]
    assert energy_distance(x, y).value == pytest.approx(2 * between - sum(within), rel=1e-12)
    assert energy_distance(x, y).value == pytest.approx(energy_distance(y, x).value, rel=1e-12)


def test_it_is_zero_in_the_mean_for_one_law():
    """Without bias: also negative."""
    rng = np.random.default_rng(1)
    found = [energy_distance(rng.normal(size=(50, 2)), rng.normal(size=(40, 2))).value for _ in range(200)]
    assert min(found) < 0 and abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize(("n", "m", "d"), [(60, 60, 3), (80, 30, 3), (20, 30, 100), (6, 5, 2)])
def test_the_deviation_for_equal_laws_is_what_many_estimates_have(n, m, d):
    """Also of few rows in many dimensions, whose distances are nearly all alike."""
    rng = np.random.default_rng(4)
    found = [energy_distance(rng.normal(size=(n, d)), rng.normal(size=(m, d))) for _ in range(800)]
    said = np.sqrt(np.mean([one.null_deviation**2 for one in found]))
    # The estimates are far from normal: their deviation is known to about 4 %.
    assert np.std([one.value for one in found]) == pytest.approx(said, rel=0.12)


def test_rows_that_are_all_one_have_no_deviation():
    assert energy_distance(np.ones((5, 2)), np.ones((4, 2))).null_deviation == 0


@pytest.mark.parametrize("n", [2, 3])
def test_of_fewer_than_four_rows_there_is_a_deviation_too(n):
    """As many estimates have it, within a factor: their few distances cannot tell more."""
    rng = np.random.default_rng(5)
    found = [energy_distance(rng.normal(size=(n, 2)), rng.normal(size=(n, 2))) for _ in range(400)]
    said = np.sqrt(np.mean([one.null_deviation**2 for one in found]))
    assert 0.5 < said / np.std([one.value for one in found]) < 2.5


def test_two_normals_far_apart():
    """E|X - Y| is the distance of the means where that is large; E|X - X'| = 2 / sqrt(pi) for N(0, 1)."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3000, 1)), rng.normal(size=(3000, 1)) + 100
    assert energy_distance(x, y).value == pytest.approx(2 * 100 - 4 / np.sqrt(np.pi), abs=0.25)  # 5 standard errors


def test_moments_that_agree_do_not_hide_a_missing_mode():
    rng = np.random.default_rng(3)
    two_points, normal = rng.choice([-1.0, 1.0], size=(2000, 1)), rng.normal(size=(2000, 1))
    same = rng.choice([-1.0, 1.0], size=(2000, 1))
    assert energy_distance(two_points, normal).value > 0.05 and abs(energy_distance(two_points, same).value) < 0.01


def test_bad_rows_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        energy_distance(np.zeros((1, 2)), np.zeros((3, 2)))
