"""MIG and DCI on codes whose disentanglement is known."""

import numpy as np
import pytest

from pofx.evaluation.disentanglement import (
    disentanglement_completeness_informativeness,
    mutual_information_gap,
)

N = 5000


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def factors(rng):
    """A discrete factor of five values and a real-valued one."""
    return np.column_stack([rng.integers(0, 5, N), rng.random(N)])


@pytest.fixture(scope="module")
def noise(rng):
    return rng.normal(size=(N, 2))


@pytest.mark.parametrize("binning", ["equal_frequency", "equal_width"])
def test_each_factor_in_its_own_dimension(binning, factors, noise):
    codes = np.column_stack([noise[:, 0], 3 * factors[:, 1] - 1, factors[:, 0]])
    found = mutual_information_gap(codes, factors, binning=binning)
    # The runner-up knows nothing, up to sqrt(degrees of freedom / 2) / n nats.
    assert found.by_factor == pytest.approx([1, 1], abs=0.02)
    assert found.entropy == pytest.approx([np.log(5), np.log(20)], abs=0.02)
    assert found.mutual_information[[2, 1], [0, 1]] == pytest.approx(found.entropy)
    assert found.value == pytest.approx(found.by_factor.mean())
    plug_in = mutual_information_gap(codes, factors, binning=binning, estimator="plug_in")
    assert plug_in.mutual_information[0].sum() > 3 * abs(found.mutual_information[0].sum())
    # Too great by (B - 1)(V - 1) / 2n.
    assert plug_in.mutual_information[0, 1] == pytest.approx(19 * 19 / (2 * N), rel=0.35)


def test_a_rotation_by_45_degrees_closes_the_gap():
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(N, 2))
    codes = factors @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    found = mutual_information_gap(codes, factors)
    assert found.by_factor == pytest.approx([0, 0], abs=0.02)
    # Of a correlation of sqrt(1/2) the information is -log(1 - 1/2) / 2 nats, less what the bins lose.
    assert found.mutual_information == pytest.approx(np.full((2, 2), np.log(2) / 2), abs=0.03)


def test_noise_has_no_gap(factors, noise):
    assert mutual_information_gap(noise, factors).value == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("regressor", ["random_forest", "lasso"])
def test_dci_of_disentangled_codes(regressor, factors, noise):
    codes = np.column_stack([noise[:, 0], 3 * factors[:, 1] - 1, factors[:, 0]])
    found = disentanglement_completeness_informativeness(codes[:2000], factors[:2000], regressor=regressor, n_trees=20)
    assert found.disentanglement > 0.95 and found.completeness > 0.95
    assert found.told == pytest.approx([1, 1], abs=0.01)
    assert found.importance.argmax(axis=0).tolist() == [2, 1]


@pytest.mark.parametrize("regressor", ["random_forest", "lasso"])
def test_dci_of_a_rotation(regressor):
    rng = np.random.default_rng(2)
    factors = rng.normal(size=(1500, 2))
    codes = factors @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    found = disentanglement_completeness_informativeness(codes, factors, regressor=regressor, n_trees=20)
    assert found.disentanglement < 0.05 and found.completeness < 0.05
    assert (found.told > 0.9).all() and found.r_squared == pytest.approx(found.told.mean())


def test_dci_knows_disentangled_from_complete():
    """Two dimensions for one factor, one for the other: each serves one factor, but one factor needs two."""
    rng = np.random.default_rng(3)
    halves = rng.normal(size=(1500, 3))
    factors = np.column_stack([halves[:, 0] + halves[:, 1], halves[:, 2]])
    found = disentanglement_completeness_informativeness(halves, factors, regressor="lasso")
    assert found.told == pytest.approx([1, 1], abs=0.01)
    assert found.disentanglement > 0.9
    # An even spread over two of three dimensions: 1 - log 2 / log 3.
    assert found.by_factor == pytest.approx([1 - np.log(2) / np.log(3), 1], abs=0.05)


def test_accuracy_and_r_squared_are_kept_apart(factors, noise):
    """Factor 0 has five values, the others are real-valued: from noise one is told as often as chance has it."""
    three = np.column_stack([factors, 3 * factors[:, 1]])[:1500]
    found = disentanglement_completeness_informativeness(noise[:1500], three, n_trees=10)
    assert found.told_by == ("accuracy", "R^2", "R^2")
    assert found.accuracy == found.told[0] and found.r_squared == pytest.approx(found.told[1:].mean())
    assert found.accuracy > 0.1 > 0 > found.r_squared
    assert f"I of each factor: accuracy {found.told[0]:.3f}, R^2 {found.told[1]:.3f}, R^2" in str(found)
    assert not hasattr(found, "informativeness")
    # To a lasso every factor is a number.
    linear = disentanglement_completeness_informativeness(three[:200], three[:200], regressor="lasso")
    assert linear.told_by == ("R^2",) * 3 and linear.accuracy is None
    assert linear.r_squared == pytest.approx(linear.told.mean())


def test_dci_of_noise_tells_nothing(factors, noise):
    found = disentanglement_completeness_informativeness(noise[:1500], factors[:1500], n_trees=10)
    assert found.told[0] < 0.3 and found.told[1] < 0.05


def test_the_settings_are_printed(factors, noise):
    text = str(mutual_information_gap(noise, factors, n_bins=7, binning="equal_width", estimator="plug_in"))
    assert text.startswith("MIG ") and "5,000 images, 7 equal-width bins, plug-in" in text
    found = disentanglement_completeness_informativeness(noise[:200], factors[:200], n_trees=3)
    assert "200 images" in str(found) and "random forest: 3 trees" in str(found)


def test_the_seed_repeats(factors, noise):
    first, second = (
        disentanglement_completeness_informativeness(noise[:200], factors[:200], n_trees=3, random_state=5)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.importance, second.importance)


@pytest.mark.parametrize("measure", [mutual_information_gap, disentanglement_completeness_informativeness])
def test_hostile_input(measure, factors, noise):
    for codes, truth, message in (
        (noise[:5], factors[:4], "must be"),
        (noise[:, 0], factors, "must be"),
        (noise[:, :1], factors, "two dimensions"),
        (np.full((9, 2), np.nan), factors[:9], "finite"),
        (noise, np.column_stack([factors[:, 0], np.ones(N)]), "factor 1 is the same"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(codes, truth)
    with pytest.raises(ValueError, match="no"):
        measure(noise, factors, **{"binning" if measure is mutual_information_gap else "regressor": "magic"})


def test_numbers_that_make_no_sense(factors, noise):
    with pytest.raises(ValueError, match="n_bins"):
        mutual_information_gap(noise, factors, n_bins=1)
    with pytest.raises(ValueError, match="two factors"):
        disentanglement_completeness_informativeness(noise, factors[:, 0])
