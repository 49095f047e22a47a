import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm

from pofx.data.toy import NormalMixture, bimodal
from pofx.theory.grids import Grid, push_forward

Z_EDGES = np.linspace(-8, 8, 2001)
MASSES = np.diff(ndtr(Z_EDGES))


def test_cells_fill_a_square():
    grid = Grid(-1.0, 2.0, 3, d=2)
    assert grid.line.tolist() == [-0.5, 0.5, 1.5]
    assert grid.edges.tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert grid.points.shape == (9, 2)
    assert grid.points[1].tolist() == [-0.5, 0.5]  # the first coordinate is the slowest
    assert grid.cell_volume == 1.0


def test_a_density_on_a_grid():
    grid = Grid(-5.0, 5.0, 500)
    density = grid.density(bimodal())
    assert density.sum() * grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    assert density == pytest.approx(np.exp(bimodal().log_prob(grid.points)), rel=1e-6)


@pytest.mark.parametrize("grid", [Grid(0.0, 1.0, 50), Grid(-5.0, 5.0, 6)])
def test_a_grid_that_does_not_hold_a_law_is_refused(grid):
    with pytest.raises(ValueError, match="too coarse"):
        grid.density(NormalMixture([[0.1]], 0.2))


def test_the_law_of_a_rising_generator_is_that_of_a_change_of_variables():
    """G(z) = sinh z: p_G(x) = phi(arsinh x) / sqrt(1 + x^2), here its means over cells."""
    grid = Grid(-4.0, 4.0, 100)
    found = push_forward(np.sinh(Z_EDGES), MASSES, grid)
    expected = np.diff(norm.cdf(np.arcsinh(grid.edges))) / grid.cell_volume
    assert found[1:-1] == pytest.approx(expected[1:-1], abs=1e-4)
    assert found.sum() * grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    # Beyond the grid is counted to its ends.
    assert found[-1] * grid.cell_volume == pytest.approx(norm.sf(np.arcsinh(grid.edges[-2])), rel=1e-3)


def test_the_law_of_a_generator_that_folds():
    """G(z) = z^2: chi-square with one degree of freedom, from both sides of zero."""
    grid = Grid(0.0, 10.0, 50)
    found = push_forward(Z_EDGES**2, MASSES, grid)
    expected = np.diff(2 * ndtr(np.sqrt(grid.edges))) / grid.cell_volume
    assert found[1:-1] == pytest.approx(expected[1:-1], abs=1e-4)


def test_a_generator_that_gives_one_point():
    grid = Grid(-1.0, 1.0, 4)
    assert push_forward(np.full(3, 0.3), [0.5, 0.5], grid) == pytest.approx([0.0, 0.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-1.0, 1.0, 2.5), "n_per_side must be a whole number"),
        ((-1.0, 1.0, True), "n_per_side must be a whole number"),
        ((-1.0, 1.0, 0), "n_per_side must be a whole number"),
        ((-1.0, 1.0, 3, 0), "d must be a whole number"),
        ((1.0, 1.0, 3), "from a number to a larger one"),
        ((0.0, np.inf, 3), "from a number to a larger one"),
    ],
)
def test_a_grid_without_cells_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        Grid(*arguments)
