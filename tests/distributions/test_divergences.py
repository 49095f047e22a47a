import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, norm

from pofx.distributions.divergences import jensen_shannon, kullback_leibler


def random_laws(seed, shape, concentration=0.3):
    return np.random.default_rng(seed).dirichlet(np.full(shape[-1], concentration), size=shape[:-1])


@given(seed=st.integers(0, 10**6), n=st.integers(1, 12))
def test_against_scipy(seed, n):
    p, q = random_laws(seed, (4, n)), random_laws(seed + 1, (4, n))
    assert kullback_leibler(p, q) == pytest.approx(entropy(p, q, axis=-1), rel=1e-9, abs=1e-12)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, axis=-1) ** 2, rel=1e-6, abs=1e-12)


@given(seed=st.integers(0, 10**6), n=st.integers(2, 12))
def test_jensen_shannon_is_symmetric_bounded_and_zero_only_between_equals(seed, n):
    p, q = random_laws(seed, (n,), 1.0), random_laws(seed + 1, (n,), 1.0)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p), rel=1e-12)
    assert 0 < jensen_shannon(p, q) <= math.log(2)
    assert jensen_shannon(p, p) == 0
    assert kullback_leibler(p, p) == 0


def test_zeros():
    p, q = [0.5, 0.5, 0.0], [0.5, 0.25, 0.25]
    assert kullback_leibler(p, q) == pytest.approx(0.5 * math.log(2))
    assert kullback_leibler(q, p) == np.inf
    assert jensen_shannon([1.0, 0.0], [0.0, 1.0]) == pytest.approx(math.log(2), abs=1e-15)
    smallest = np.nextafter(0.0, 1.0)
    assert jensen_shannon([1.0, smallest], [1.0, 0.0]) == pytest.approx(0.0, abs=1e-15)


def test_the_last_axis_is_the_law():
    p, q = random_laws(0, (2, 3, 5)), random_laws(1, (5,))
    assert kullback_leibler(p, q).shape == jensen_shannon(p, q).shape == (2, 3)
    assert kullback_leibler(p, q)[1, 2] == pytest.approx(float(kullback_leibler(p[1, 2], q)))


def test_densities_on_a_grid():
    x, step = np.linspace(-20, 20, 4001, retstep=True)
    p, q = norm(0.5, 1.2).pdf(x), norm(-0.3, 0.8).pdf(x)
    expected = math.log(0.8 / 1.2) + (1.2**2 + 0.8**2) / (2 * 0.8**2) - 0.5
    assert kullback_leibler(p, q, cell_volume=step) == pytest.approx(expected, rel=1e-9)
    same_as_finite = jensen_shannon(p * step, q * step)
    assert jensen_shannon(p, q, cell_volume=step) == pytest.approx(same_as_finite, rel=1e-9)


@pytest.mark.parametrize("bad", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [np.inf, 0.0], 1.0])
@pytest.mark.parametrize("divergence", [kullback_leibler, jensen_shannon])
def test_errors_name_the_argument(bad, divergence):
    with pytest.raises(ValueError, match=r"^p must"):
        divergence(bad, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"^q must"):
        divergence([0.5, 0.5], bad)
