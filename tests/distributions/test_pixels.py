"""Every pixel law is a distribution, and its mean and entropy are those of the probabilities it gives."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import logistic, norm

from pofx.distributions import grid
from pofx.distributions.pixels import (
    PIXEL_LAWS,
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    DiscretisedLogisticMixture,
    DiscretisedNormal,
    Normal,
    pixel_law,
)

F64 = torch.float64


def probabilities(law, parameters_P):
    """exp(log_prob) of a law of one channel at every level, from one row of parameters."""
    k = law.levels
    parameters = torch.as_tensor(parameters_P, dtype=F64).reshape(1, -1, 1, 1).expand(k, -1, 1, 1)
    return law.log_prob(parameters, torch.arange(k).reshape(k, 1, 1, 1)).exp().flatten()


def all_pixels(channels, levels):
    return torch.tensor(list(itertools.product(range(levels), repeat=channels)))[:, :, None, None]


def random_parameters(law, n=1, scale=1.0, seed=0):
    return scale * torch.randn(n, law.n_parameters, 1, 1, dtype=F64, generator=torch.Generator().manual_seed(seed))


DISCRETE_LAWS = [
    Bernoulli(3),
    Categorical(3, 4),
    DiscretisedLogistic(3, 4),
    DiscretisedLogisticMixture(3, 4, 5),
    DiscretisedLogisticMixture(4, 3, 2),
    DiscretisedLogisticMixture(2, 2, 3),
    DiscretisedNormal(3, 4),
    Categorical(3, 1),
    DiscretisedLogistic(3, 1),
    DiscretisedLogisticMixture(3, 1, 2),
    DiscretisedNormal(3, 1),
]
ids = [str(law) for law in DISCRETE_LAWS]


@pytest.mark.parametrize("levels", [1, 2, 3, 17, 256])
@pytest.mark.parametrize("law_class", [DiscretisedLogistic, DiscretisedNormal])
def test_location_scale_laws_sum_to_one_at_extremes(law_class, levels):
    law = law_class(1, levels)
    for mean, raw in itertools.product(
        [-1e4, -50.0, -1.0, -0.99, 0.0, 1e-3, 0.5, 1.0, 1.01, 20.0, 1e4], [-1000.0, -20.0, -7.0, -5.0, -1, 0, 2, 7, 800]
    ):
        total = probabilities(law, [mean, raw]).sum().item()
        assert total == pytest.approx(1.0, abs=1e-10), (mean, raw)


@given(mean=st.floats(-30, 30), raw=st.floats(-10, 10), levels=st.integers(1, 300), normal=st.booleans())
@settings(max_examples=200, deadline=None)
def test_location_scale_laws_sum_to_one(mean, raw, levels, normal):
    law = DiscretisedNormal(1, levels) if normal else DiscretisedLogistic(1, levels)
    p = probabilities(law, [mean, raw])
    assert p.sum().item() == pytest.approx(1.0, abs=1e-10)
    assert (p >= 0).all() and torch.isfinite(p).all()


@pytest.mark.parametrize("levels", [1, 2, 3, 17, 256])
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1000.0])
def test_logit_laws_sum_to_one_at_extremes(levels, scale):
    logits = scale * np.random.default_rng(levels).uniform(-1, 1, levels)
    assert probabilities(Categorical(1, levels), logits).sum().item() == pytest.approx(1.0, abs=1e-10)
    for logit in (-scale, scale):
        assert probabilities(Bernoulli(1), [logit]).sum().item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("law", DISCRETE_LAWS, ids=ids)
@pytest.mark.parametrize("scale", [0.3, 2.0, 10.0])
def test_colours_of_a_pixel_sum_to_one(law, scale):
    x = all_pixels(law.channels, law.levels)
    for seed in range(5):
        parameters = random_parameters(law, scale=scale, seed=seed).expand(len(x), -1, 1, 1)
        log_prob = law.log_prob(parameters, x)
        assert log_prob.shape == x.shape and log_prob.dtype == F64
        assert log_prob.sum((1, 2, 3)).exp().sum().item() == pytest.approx(1.0, abs=1e-10)
        # and each term is itself a distribution, given the earlier channels
        for c in range(law.channels):
            for earlier in itertools.product(range(law.levels), repeat=c):
                chosen = (x[:, :c, 0, 0] == torch.tensor(earlier, dtype=torch.long)).all(1)
                per_level = log_prob[chosen, c].exp().flatten()
                repeats = law.levels ** (law.channels - c - 1)
                assert per_level.sum().item() / repeats == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("levels", [256, 1000])
def test_mixture_of_many_levels_sums_to_one(levels):
    law = DiscretisedLogisticMixture(3, levels, 10)
    x = torch.randint(levels, (levels, 3, 1, 1), generator=torch.Generator().manual_seed(0))
    for c in range(3):
        one = x[:1].repeat(levels, 1, 1, 1)
        one[:, c, 0, 0] = torch.arange(levels)
        log_prob = law.log_prob(random_parameters(law, scale=4.0).expand(levels, -1, 1, 1), one)
        assert log_prob[:, c].exp().sum().item() == pytest.approx(1.0, abs=1e-10)


def test_normal_density_integrates_to_one():
    law = Normal(1)
    for mean, raw in [(0.3, 0.0), (-5.0, -3.0), (100.0, 4.0), (0.0, -18.0)]:
        std = math.exp(-20 + math.log1p(math.exp(raw + 20)))
        x = torch.linspace(-12, 12, 20001, dtype=F64) * std + mean
        parameters = torch.tensor([mean, raw], dtype=F64).reshape(1, 2, 1, 1).expand(len(x), -1, 1, 1)
        density = law.log_prob(parameters, x.reshape(-1, 1, 1, 1)).exp().flatten()
        assert torch.trapezoid(density, x).item() == pytest.approx(1.0, abs=1e-9)
        assert density.numpy() == pytest.approx(norm(mean, std).pdf(x.numpy()), rel=1e-6)


def test_location_scale_laws_agree_with_scipy():
    k = 9
    edges = (2 * np.arange(-1, k) + 1) / (k - 1) - 1
    edges[0], edges[-1] = -np.inf, np.inf
    for law, reference in [(DiscretisedLogistic(1, k), logistic), (DiscretisedNormal(1, k), norm)]:
        for mean, log_scale in [(0.1, -1.0), (-0.8, 0.5), (0.9, -2.0)]:
            scale = grid.bounded_log_scale(torch.tensor(log_scale, dtype=F64), k).exp().item()
            assert scale == pytest.approx(math.exp(log_scale), rel=0.01)
            expected = np.diff(reference(mean, scale).cdf(edges))
            assert probabilities(law, [mean, log_scale]).numpy() == pytest.approx(expected, abs=1e-13)


def test_mixture_is_the_one_of_the_paper():
    """Log-probability of a pixel by plain sums over components, from the published formula."""
    law = DiscretisedLogisticMixture(3, 5, 4)
    parameters = random_parameters(law, seed=3)
    raw = parameters.flatten().numpy()
    logits, means, raw_scales, coefficients = np.split(raw, [4, 16, 28])
    means, raw_scales, coefficients = means.reshape(3, 4), raw_scales.reshape(3, 4), np.tanh(coefficients.reshape(3, 4))
    scales = np.exp(-7 + np.log1p(np.exp(raw_scales + 7)))
    pi = np.exp(logits) / np.exp(logits).sum()
    for pixel in all_pixels(3, 5)[::7]:
        r, g, b = level = pixel.flatten().numpy()
        vr, vg = r / 2 - 1, g / 2 - 1
        centre = [means[0], means[1] + coefficients[0] * vr, means[2] + coefficients[1] * vr + coefficients[2] * vg]
        p = pi.copy()
        for c in range(3):
            upper = 1.0 if level[c] == 4 else logistic.cdf(((level[c] + 0.5) / 2 - 1 - centre[c]) / scales[c])
            lower = 0.0 if level[c] == 0 else logistic.cdf(((level[c] - 0.5) / 2 - 1 - centre[c]) / scales[c])
            p = p * (upper - lower)
        assert law.log_prob(parameters, pixel[None]).sum().item() == pytest.approx(math.log(p.sum()), abs=1e-10)
        assert b == level[2]


@pytest.mark.parametrize("law", DISCRETE_LAWS, ids=ids)
def test_entropy_against_brute_force(law):
    parameters = random_parameters(law, scale=1.5, seed=1)
    x = all_pixels(law.channels, law.levels)[-1:].clone()
    x[:, 0] = 0
    entropy = law.entropy(parameters, x)
    for c in range(law.channels):
        expected = 0.0
        for level in range(law.levels):
            other = x.clone()
            other[:, c] = level
            log_p = law.log_prob(parameters, other)[0, c].item()
            expected -= math.exp(log_p) * log_p
        assert entropy[0, c].item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("law", DISCRETE_LAWS, ids=ids)
def test_the_conditional_leaves_the_value_free_and_keeps_the_channels_before(law):
    parameters = random_parameters(law, scale=1.5, seed=1)
    x = all_pixels(law.channels, law.levels)[-1:].clone()
    conditional = law.conditional(parameters, x)
    assert torch.equal(conditional(x.to(F64)), law.log_prob(parameters, x))
    for level in range(law.levels):
        found = conditional(torch.full_like(x, level, dtype=F64))
        for c in range(law.channels):
            other = x.clone()
            other[:, c] = level
            assert found[0, c].item() == pytest.approx(law.log_prob(parameters, other)[0, c].item(), abs=1e-12)
    with pytest.raises(ValueError, match="x must have shape"):
        law.conditional(parameters, x[:, :0])


def test_entropy_of_the_density():
    parameters = torch.tensor([0.4, -1.3, 2.0, 0.7], dtype=F64).reshape(1, 4, 1, 1)
    entropy = Normal(2).entropy(parameters, torch.zeros(1, 2, 1, 1)).flatten()
    assert entropy.numpy() == pytest.approx(norm.entropy(scale=np.exp([-1.3, 0.7])), abs=1e-7)
    assert Normal(2).mean(parameters).flatten().tolist() == [0.4, 2.0]


@pytest.mark.parametrize("law", DISCRETE_LAWS, ids=ids)
def test_mean_against_brute_force(law):
    x = all_pixels(law.channels, law.levels)
    for seed in range(3):
        parameters = random_parameters(law, scale=1.5, seed=seed)
        p = law.log_prob(parameters.expand(len(x), -1, 1, 1), x).sum((1, 2, 3)).exp()
        expected = (p[:, None] * x[:, :, 0, 0]).sum(0)
        mean = law.mean(parameters)[0, :, 0, 0]
        exact = 1 if isinstance(law, DiscretisedLogisticMixture) else law.channels
        assert mean[:exact].numpy() == pytest.approx(expected[:exact].numpy(), abs=1e-10)
        assert ((mean >= 0) & (mean <= law.levels - 1)).all()


def test_mean_of_later_mixture_channels_where_no_edge_is_near():
    law = DiscretisedLogisticMixture(3, 33, 2)
    parameters = random_parameters(law, scale=0.3, seed=5)
    parameters[:, 8:14] = -5.0 + 0.5 * parameters[:, 8:14]  # 0.007 in scale: far from the edges, under a step
    parameters[:, 2:8] *= 0.5
    generator = torch.Generator().manual_seed(0)
    draws = law.sample(parameters.expand(20000, -1, 1, 1), generator).double()
    error = draws.std(0) / math.sqrt(20000)
    assert ((draws.mean(0) - law.mean(parameters)[0]).abs() < 4 * error + 0.05).all()
    straight = parameters.clone()
    straight[:, 14:] = 0.0  # without the coefficients the mean must be another one
    assert (law.mean(straight) - law.mean(parameters)).abs().max() > 0.2


@pytest.mark.parametrize("law", [*DISCRETE_LAWS, Normal(2)], ids=str)
def test_dtypes_and_shapes(law):
    shape = (2, law.channels, 3, 5)
    generator = torch.Generator().manual_seed(0)
    for dtype, expected in [
        (F64, F64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
    ]:
        parameters = torch.randn(2, law.n_parameters, 3, 5, generator=generator).to(dtype)
        x = law.sample(parameters, torch.Generator().manual_seed(1))
        assert x.shape == shape
        assert x.dtype == (expected if law.levels is None else torch.int64)
        assert torch.equal(x, law.sample(parameters, torch.Generator().manual_seed(1)))
        for result in (law.log_prob(parameters, x), law.mean(parameters), law.entropy(parameters, x)):
            assert result.shape == shape and result.dtype == expected
        if law.levels is not None:
            assert x.min() >= 0 and x.max() < law.levels
            assert torch.equal(law.log_prob(parameters, x), law.log_prob(parameters, x.to(torch.uint8)))
            assert torch.equal(law.log_prob(parameters, x), law.log_prob(parameters, x.double()))
    with pytest.raises(ValueError, match="parameters must have shape"):
        law.log_prob(parameters[:, 1:], x)
    with pytest.raises(ValueError, match="x must have shape"):
        law.log_prob(parameters, x[:, :, 1:])


def test_numbers_of_parameters():
    assert Bernoulli(3).n_parameters == 3
    assert Categorical(3, 256).n_parameters == 768
    assert DiscretisedLogistic(3, 256).n_parameters == Normal(3).n_parameters == 6
    assert DiscretisedLogisticMixture(3, 256).n_parameters == 100  # as in the published code
    assert DiscretisedLogisticMixture(1, 256, 5).n_parameters == 15


def test_independent_laws_keep_channels_apart():
    """The parameters of channel 0 come first: a network with colour masks relies on it."""
    for law in (Bernoulli(2), Categorical(2, 3), DiscretisedLogistic(2, 3), DiscretisedNormal(2, 3), Normal(2)):
        parameters = random_parameters(law).requires_grad_()
        law.log_prob(parameters, torch.ones(1, 2, 1, 1))[:, 0].sum().backward()
        gradient, half = parameters.grad.flatten(), law.n_parameters // 2
        assert (gradient[:half] != 0).all() and (gradient[half:] == 0).all()


def test_factory():
    assert pixel_law("bernoulli", 1, 2) == Bernoulli(1)
    assert pixel_law("categorical", 3, 7) == Categorical(3, 7)
    assert pixel_law("logistic", 3, 7) == DiscretisedLogistic(3, 7)
    assert pixel_law("logistic_mixture", 3, 7, 4) == DiscretisedLogisticMixture(3, 7, 4)
    assert pixel_law("normal", 3, 7) == DiscretisedNormal(3, 7)
    assert pixel_law("normal", 3, None, continuous=True) == Normal(3)
    with pytest.raises(ValueError) as error:
        pixel_law("poisson", 1, 2)
    assert all(name in str(error.value) for name in PIXEL_LAWS)
    with pytest.raises(ValueError, match="levels=2"):
        pixel_law("bernoulli", 1, 3)
    with pytest.raises(ValueError, match="needs levels"):
        pixel_law("categorical", 1, None)
    with pytest.raises(ValueError, match="continuous"):
        pixel_law("categorical", 1, 3, continuous=True)
    with pytest.raises(ValueError, match="n_components"):
        pixel_law("logistic_mixture", 1, 3, 0)
    with pytest.raises(ValueError, match="levels"):
        pixel_law("normal", 1, 0)
