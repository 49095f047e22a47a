"""The optimum of the game on finite universes and on grids."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from pofx.distributions import divergences
from pofx.distributions.divergences import jensen_shannon, kullback_leibler
from pofx.theory import gan_optimality
from pofx.theory.gan_optimality import (
    GLOBAL_MINIMUM,
    discriminator_error,
    generator_criterion,
    optimal_discriminator,
    optimal_logit,
    value,
    value_gap,
)

#: Weights of a point before they are scaled to sum to 1: often zero, often tiny.
WEIGHT = st.one_of(st.just(0.0), st.floats(1e-300, 1.0), st.floats(0.01, 1.0))


@st.composite
def universes(draw, smallest=None):
    """p and q on the same points; with `smallest`, no probability but zero is below it."""
    n = draw(st.integers(1, 8))
    weight = WEIGHT if smallest is None else st.one_of(st.just(0.0), st.floats(10 * smallest, 1.0))
    laws = []
    for _ in range(2):
        weights = np.array(draw(st.lists(weight, min_size=n, max_size=n)))
        if weights.sum() < 0.01:
            weights[draw(st.integers(0, n - 1))] = 1.0
        laws.append(weights / weights.sum())
    return laws[0], laws[1]


@given(universes())
def test_the_value_at_the_optimum_is_the_criterion(laws):
    p, q = laws
    expected = -math.log(4) + 2 * jensen_shannon(p, q)
    assert value(optimal_logit(p, q), p, q, logits=True) == pytest.approx(expected, abs=1e-10)
    assert generator_criterion(p, q) == pytest.approx(expected, abs=1e-15)


@given(universes(smallest=1e-12))
def test_the_value_at_the_optimum_from_probabilities(laws):
    p, q = laws
    assert value(optimal_discriminator(p, q), p, q) == pytest.approx(generator_criterion(p, q), abs=1e-10)


@given(universes(), st.integers(0, 10**6), st.sampled_from([0.0, 0.01, 1.0, 10.0]))
def test_no_discriminator_is_better_than_the_optimum(laws, seed, distance):
    """Neither one drawn at random nor one near the best."""
    p, q = laws
    random = np.random.default_rng(seed)
    best = value(optimal_logit(p, q), p, q, logits=True)
    anywhere = random.uniform(0, 1, len(p))
    near = np.clip(optimal_logit(p, q), -30, 30) + distance * random.standard_normal(len(p))
    assert value(anywhere, p, q) <= best + 1e-12
    assert value(near, p, q, logits=True) <= best + 1e-12
    for d, is_logit in ((anywhere, False), (near, True)):
        difference = best - value(d, p, q, logits=is_logit)
        assert value_gap(d, p, q, logits=is_logit) == pytest.approx(difference, abs=1e-10)


@given(universes())
def test_the_least_criterion_is_that_of_equal_laws_alone(laws):
    p, q = laws
    assert generator_criterion(p, p) == GLOBAL_MINIMUM == -math.log(4)
    apart = np.abs(p - q).sum()
    # Pinsker's inequality, on both halves of the divergence: JSD >= (sum |p - q|)^2 / 8
    assert generator_criterion(p, q) >= GLOBAL_MINIMUM + apart**2 / 4 - 1e-14
    if apart > 1e-6:
        assert generator_criterion(p, q) > GLOBAL_MINIMUM


@given(universes())
def test_the_lines_of_the_proof(laws):
    """The optimum in terms of the mean law m: E_p log(p / 2m) + E_q log(q / 2m)."""
    p, q = laws
    m = np.maximum((p + q) / 2, np.nextafter(0.0, 1.0))
    line = -math.log(4) + kullback_leibler(p, m) + kullback_leibler(q, m)
    assert generator_criterion(p, q) == pytest.approx(line, abs=1e-10)


def test_zeros():
    p, q = [0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]
    assert optimal_discriminator(p, q).tolist() == [1.0, 0.5, 0.0, 0.5]
    assert optimal_logit(p, q).tolist() == [math.inf, 0.0, -math.inf, 0.0]
    for d, is_logit in ((optimal_discriminator(p, q), False), (optimal_logit(p, q), True)):
        assert value(d, p, q, logits=is_logit) == pytest.approx(-math.log(2), abs=1e-15)
        assert value_gap(d, p, q, logits=is_logit) == 0
        assert discriminator_error(d, p, q, logits=is_logit) == 0
    assert generator_criterion([1.0, 0.0], [0.0, 1.0]) == pytest.approx(0.0, abs=1e-15)


def test_sure_and_wrong_is_worth_minus_infinity():
    p, q = [0.5, 0.5], [0.25, 0.75]
    assert value([0.0, 0.5], p, q) == value([-np.inf, 0.0], p, q, logits=True) == -np.inf
    assert value([1.0, 0.5], p, q) == -np.inf
    assert value_gap([1.0, 0.5], p, q) == np.inf


def test_logits_keep_what_probabilities_round_away():
    p, q = np.array([1.0, 0.0]), np.array([1e-30, 1.0])
    assert optimal_discriminator(p, q)[0] == 1.0
    assert value(optimal_discriminator(p, q), p, q) == -np.inf
    assert value(optimal_logit(p, q), p, q, logits=True) == pytest.approx(0.0, abs=1e-12)
    assert value([1e5, -1e5], p, q, logits=True) == pytest.approx(-1e-25)


def test_logits_and_probabilities_are_the_same_discriminator():
    random = np.random.default_rng(0)
    p, q = random.dirichlet(np.ones(6), size=(2, 5))
    d = 3 * random.standard_normal((5, 6))
    for function in (value, value_gap, discriminator_error):
        given_logits = function(d, p, q, logits=True)
        assert given_logits.shape == (5,)
        assert given_logits == pytest.approx(function(expit(d), p, q), rel=1e-10)
        assert given_logits[3] == pytest.approx(function(d[3], p[3], q[3], logits=True))
    assert value_gap(d, p, q, logits=True).min() > 1e-3


def test_densities_on_a_grid():
    edges = np.linspace(-15, 15, 3001)
    x, width = 0.5 * (edges[1:] + edges[:-1]), 30 / 3000
    real, generated = norm(0.5, 1.2), norm(-0.3, 0.8)
    p, q = real.pdf(x), generated.pdf(x)
    logit = 0.3 * x + 0.1

    def integrand(x):
        d = 0.3 * x + 0.1
        return -real.pdf(x) * np.logaddexp(0, -d) - generated.pdf(x) * np.logaddexp(0, d)

    expected = quad(integrand, -15, 15, epsabs=1e-12)[0]
    assert value(logit, p, q, logits=True, cell_volume=width) == pytest.approx(expected, abs=1e-9)
    best = value(optimal_logit(p, q), p, q, logits=True, cell_volume=width)
    assert best == pytest.approx(generator_criterion(p, q, cell_volume=width), abs=1e-10)
    assert value_gap(logit, p, q, logits=True, cell_volume=width) == pytest.approx(best - expected, abs=1e-8)
    half = discriminator_error(np.full_like(x, 0.5), p, q, cell_volume=width)
    # E_m |1/2 - p/(p+q)| = sum |p - q| / 4
    assert half == pytest.approx(np.abs(p - q).sum() * width / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"discriminator": [0.5, 1.5]}, "logits=True takes logits"),
        ({"discriminator": [0.5, np.nan]}, "discriminator"),
        ({"discriminator": [0.5, np.nan], "logits": True}, "discriminator"),
        ({"p": [0.5, 0.6]}, "^p must sum"),
        ({"q": [-0.5, 1.5]}, "^q must"),
        ({"q": [np.nan, 1.0]}, "^q must"),
        ({"p": 1.0}, "^p must"),
        ({"cell_volume": 2.0}, "cell_volume=2.0"),
    ],
)
@pytest.mark.parametrize("function", [value, value_gap, discriminator_error])
def test_errors_name_the_argument(function, change, message):
    arguments = {"discriminator": [0.5, 0.5], "p": [0.5, 0.5], "q": [0.25, 0.75]}
    with pytest.raises(ValueError, match=message):
        function(**(arguments | change))


@pytest.mark.parametrize("function", [optimal_discriminator, optimal_logit])
def test_densities_are_not_negative(function):
    with pytest.raises(ValueError, match=r"^q must"):
        function([0.5], [-0.5])


def test_each_line_of_the_proof_on_the_page_names_a_function():
    page = (Path(__file__).parents[2] / "docs" / "gan_optimality.md").read_text()
    rows = re.findall(r"^\| (\d) \|.*\| ([^|]+) \|$", page, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 9))
    for _, cell in rows:
        names = re.findall(r"`(\w+)`", cell)
        assert names
        for name in names:
            assert hasattr(gan_optimality, name) or hasattr(divergences, name), name
