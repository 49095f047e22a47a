"""Samples against the enumerated p(x), by chi-square at fixed seeds; and that this test can fail."""

import numpy as np
import pytest
import torch
from enumerated import all_images, chi_square_p_value, image_numbers, probabilities
from networks_under_test import NETWORKS, make_network
from scipy.special import log_softmax, logsumexp
from scipy.stats import logistic

from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture
from pofx.families.autoregressive.chain_rule import log_p_terms
from pofx.families.autoregressive.sampling import Canvas, draw_images

N_SAMPLES = {"naive": 50_000, "cached": 100_000, "jacobi": 100_000}
STD = 0.25
METHODS = ["naive", "cached", "jacobi"]

#: Law -> height and width of the images.
SPACES = {
    Bernoulli(1): (2, 3),
    Categorical(1, 3): (2, 2),
    Bernoulli(3): (1, 2),
    DiscretisedLogisticMixture(1, 4, 2): (1, 3),
    DiscretisedLogisticMixture(3, 2, 2): (1, 2),
}


def draw(module, size, method="cached", *, n=None, code=None, temperature=1.0, seed=0):
    n = N_SAMPLES[method] if n is None else n
    x = torch.zeros(n, module.law.channels, *size, dtype=torch.int64)
    codes = None if code is None else torch.full((n,), code)
    canvas = Canvas(x, None, codes, torch.Generator().manual_seed(seed), temperature)
    return image_numbers(draw_images(module, canvas, method), module.levels)


def enumerated(module, size, code=None):
    return probabilities(module, all_images(module.levels, module.law.channels, *size), code)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("law", "size"), list(SPACES.items())[:2], ids=["2x3 binary", "2x2 three levels"])
def test_each_method_follows_the_law(law, size, method):
    module = make_network("plain", law, n_layers=1, std=STD)
    assert chi_square_p_value(draw(module, size, method), enumerated(module, size)) > 1e-3


@pytest.mark.parametrize(("law", "size"), SPACES.items(), ids=map(str, SPACES))
@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_follows_the_law(network, law, size):
    module = make_network(network, law, n_classes=2, n_layers=1, std=STD)
    numbers = draw(module, size, n=50_000, code=1)
    assert chi_square_p_value(numbers, enumerated(module, size, 1)) > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_the_chi_square_sees_one_logit_that_is_off_by_a_tenth(method):
    module, other = (make_network("plain", Bernoulli(1), n_layers=1, std=STD) for _ in range(2))
    with torch.no_grad():
        other.head[1].bias += 0.1
    numbers = draw(module, (2, 3), method)
    assert chi_square_p_value(numbers, enumerated(module, (2, 3))) > 1e-3
    assert chi_square_p_value(numbers, enumerated(other, (2, 3))) < 1e-6


def test_the_chi_square_sees_the_wrong_class():
    module = make_network("gated", Categorical(1, 3), n_classes=2, std=0.5)
    assert chi_square_p_value(draw(module, (2, 2), n=30_000, code=0), enumerated(module, (2, 2), 0)) > 1e-3
    assert chi_square_p_value(draw(module, (2, 2), n=30_000, code=0), enumerated(module, (2, 2), 1)) < 1e-6


# ---- temperature -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def tempered_by_levels(module, size, temperature):
    """prod_i p(x_i | x_<i)^(1/T) / sum_k p(k | x_<i)^(1/T), counted out level by level."""
    images = all_images(module.levels, module.law.channels, *size)
    parameters = module(images)  # the parameters of a sub-pixel do not depend on its own level
    of_levels = torch.stack(
        [log_p_terms(module.law, parameters, torch.full_like(images, level)) for level in range(module.levels)]
    )
    terms = log_softmax(of_levels.numpy() / temperature, axis=0)
    chosen = np.take_along_axis(terms, images.numpy()[None], axis=0)[0]
    return np.exp(chosen.reshape(len(images), -1).sum(1))


@torch.no_grad()
def tempered_mixture(module, size, temperature):
    """One channel: sum_k softmax(logits / T)_k P(level; m_k, T s_k), by SciPy's logistic law."""
    images = all_images(module.levels, 1, *size)
    logits, means, raw_log_scales = np.split(module(images).numpy(), 3, axis=1)
    scales = temperature * np.exp(-7 + np.log1p(np.exp(raw_log_scales + 7)))
    step, x = 1 / (module.levels - 1), images.numpy()
    value = 2 * step * x - 1
    upper = np.where(x == module.levels - 1, np.inf, value + step)
    lower = np.where(x == 0, -np.inf, value - step)
    mass = logistic.cdf((upper - means) / scales) - logistic.cdf((lower - means) / scales)
    log_p = logsumexp(log_softmax(logits / temperature, axis=1), axis=1, b=mass)
    return np.exp(log_p.reshape(len(images), -1).sum(1))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
@pytest.mark.parametrize(("law", "size"), list(SPACES.items())[:3], ids=map(str, list(SPACES)[:3]))
def test_temperature_divides_the_logits(law, size, temperature):
    module = make_network("gated", law, std=STD)
    assert np.allclose(tempered_by_levels(module, size, 1.0), enumerated(module, size))
    numbers = draw(module, size, n=50_000, temperature=temperature)
    assert chi_square_p_value(numbers, tempered_by_levels(module, size, temperature)) > 1e-3
    assert chi_square_p_value(numbers, enumerated(module, size)) < 1e-6


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_divides_the_logits_of_a_mixture_and_multiplies_its_scales(temperature):
    module, size = make_network("gated", DiscretisedLogisticMixture(1, 4, 2), std=STD), (1, 3)
    assert np.allclose(tempered_mixture(module, size, 1.0), enumerated(module, size))
    numbers = draw(module, size, n=50_000, temperature=temperature)
    assert chi_square_p_value(numbers, tempered_mixture(module, size, temperature)) > 1e-3
    assert chi_square_p_value(numbers, enumerated(module, size)) < 1e-6


@pytest.mark.parametrize("network", NETWORKS)
def test_in_the_cold_the_likeliest_level_is_drawn(network):
    """T -> 0: every sub-pixel takes the mode of its conditional; hot enough, each level is as likely as any other."""
    module = make_network(network, Bernoulli(1))
    x = torch.zeros(50, 1, 3, 3, dtype=torch.int64)
    cold = draw_images(module, Canvas(x, None, None, torch.Generator().manual_seed(0), 1e-9), "cached")
    assert (cold == cold[0]).all()
    with torch.no_grad():
        assert torch.equal(cold, (module(cold) > 0).long())
    hot = draw(module, (2, 3), n=20_000, temperature=1e9)
    assert chi_square_p_value(hot, np.full(64, 1 / 64)) > 1e-3
