"""A draw is a function of parameters and noise: its shapes, its law at every temperature, and with channels known."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp
from scipy.stats import chisquare, gumbel_r, kstest, logistic, norm

from pofx.distributions.pixels import (
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    DiscretisedLogisticMixture,
    DiscretisedNormal,
    Normal,
)

F64 = torch.float64
N_DRAWS = 50_000

BY_CHANNEL = [
    Bernoulli(3),
    Categorical(3, 4),
    DiscretisedLogistic(3, 5),
    DiscretisedNormal(3, 5),
    Normal(3),
]
MIXTURES = [
    DiscretisedLogisticMixture(3, 3, 2),
    DiscretisedLogisticMixture(1, 7, 3),
    DiscretisedLogisticMixture(2, 2, 1),
]
LAWS = [*BY_CHANNEL, *MIXTURES]
every_law = pytest.mark.parametrize("law", LAWS, ids=str)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_parameters(law, n=1, height=1, width=1, scale=0.8, seed=0):
    return scale * torch.randn(n, law.n_parameters, height, width, dtype=F64, generator=seeded(seed))


def random_values(law, n, height, width, seed=3):
    if law.levels is None:
        return torch.randn(n, law.channels, height, width, dtype=F64, generator=seeded(seed))
    return torch.randint(0, law.levels, (n, law.channels, height, width), generator=seeded(seed))


# ---- shapes, and what decides ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "n_noise"),
    [
        (Bernoulli(3), 3),  # a logistic a channel
        (Categorical(3, 4), 12),  # a Gumbel a level
        (DiscretisedLogistic(2, 5), 2),
        (DiscretisedNormal(2, 5), 2),
        (Normal(2), 2),
        (DiscretisedLogisticMixture(3, 3, 2), 9),  # a channel a Gumbel a component, and a logistic
        (DiscretisedLogisticMixture(1, 7, 3), 4),
    ],
    ids=str,
)
def test_how_much_noise(law, n_noise):
    assert law.n_noise == n_noise
    for dtype in (torch.float32, torch.float64):
        noise = law.noise((4, 2, 5), torch.empty(0, dtype=dtype), seeded())
        assert noise.shape == (4, n_noise, 2, 5)
        assert noise.dtype == dtype
        assert torch.isfinite(noise).all()


@every_law
def test_a_sample_is_the_draw_of_its_noise(law):
    parameters = random_parameters(law, 4, 3, 5)
    noise = law.noise((4, 3, 5), parameters, seeded(1))
    drawn = law.draw(parameters, noise)
    assert drawn.shape == (4, law.channels, 3, 5)
    assert drawn.dtype == (F64 if law.levels is None else torch.int64)
    assert torch.equal(drawn, law.sample(parameters, seeded(1)))
    assert torch.equal(drawn, law.draw(parameters, noise))
    assert not torch.equal(drawn, law.sample(parameters, seeded(2)))


@every_law
def test_each_pixel_has_its_own_noise(law):
    """A pixel's draw depends on its own parameters and noise alone."""
    parameters = random_parameters(law, 4, 3, 5)
    noise = law.noise((4, 3, 5), parameters, seeded(1))
    alone = law.draw(parameters[1:2, :, 2:, 3:4], noise[1:2, :, 2:, 3:4])
    assert torch.equal(law.draw(parameters, noise)[1:2, :, 2:, 3:4], alone)
    assert noise.unique().numel() == noise.numel()


def test_noise_is_standard():
    """Gumbel for alternatives, logistic or normal for what is located and scaled."""
    like = torch.empty(0, dtype=F64)
    shape = (20_000, 1, 1)
    cases = [
        (Bernoulli(1), "logistic", slice(None)),
        (DiscretisedLogistic(1, 5), "logistic", slice(None)),
        (DiscretisedNormal(1, 5), "norm", slice(None)),
        (Normal(1), "norm", slice(None)),
        (Categorical(1, 2), "gumbel_r", slice(None)),
        (DiscretisedLogisticMixture(1, 5, 2), "gumbel_r", slice(0, 2)),
        (DiscretisedLogisticMixture(1, 5, 2), "logistic", slice(2, None)),
    ]
    laws = {"logistic": logistic, "norm": norm, "gumbel_r": gumbel_r}
    for law, name, part in cases:
        for column in law.noise(shape, like, seeded())[:, part, 0, 0].T:
            assert kstest(column.numpy(), laws[name].cdf).pvalue > 1e-3, law


# ---- temperature -----------------------------------------------------------------------------------------------------


def tempered_conditionals(law, parameters_P, temperature):
    """log p_T(x_c | x_<c) of all pixels (n, C), and their product, by NumPy and SciPy: logits / T, scales * T."""
    pixels = np.array(list(itertools.product(range(law.levels), repeat=law.channels)))
    parameters = np.asarray(parameters_P, dtype=np.float64)
    if isinstance(law, Bernoulli):
        terms = log_softmax(np.stack([np.zeros(law.channels), parameters]) / temperature, axis=0)
        return pixels, terms[pixels, np.arange(law.channels)].sum(1)
    if isinstance(law, Categorical):
        terms = log_softmax(parameters.reshape(law.channels, law.levels) / temperature, axis=1)
        return pixels, terms[np.arange(law.channels), pixels].sum(1)
    if isinstance(law, DiscretisedLogisticMixture):
        return pixels, np.array([mixture_log_p(law, parameters, pixel, temperature) for pixel in pixels])
    cdf = logistic.cdf if isinstance(law, DiscretisedLogistic) else norm.cdf
    means, raw = parameters.reshape(law.channels, 2).T
    return pixels, np.log(step_mass(pixels, means, temperature * scale_of(raw), law.levels, cdf)).sum(1)


def scale_of(raw_log_scale):
    return np.exp(-7 + np.log1p(np.exp(raw_log_scale + 7)))


def step_mass(level, mean, scale, levels, cdf=logistic.cdf):
    value, half = 2 * level / (levels - 1) - 1, 1 / (levels - 1)
    upper = np.where(level == levels - 1, 1.0, cdf((value + half - mean) / scale))
    lower = np.where(level == 0, 0.0, cdf((value - half - mean) / scale))
    return upper - lower


def mixture_log_p(law, parameters, pixel, temperature):
    """The log of prod_c sum_k softmax(log w(x_<c) / T)_k P(x_c; m_ck(x_<c), T s_ck), with w_k(x_<c) = pi_k prod_{j<c}
    p_k(x_j | x_<j) at T = 1."""
    m, channels = law.n_components, law.channels
    logits, means, raw, coefficients = np.split(parameters, np.cumsum([m, channels * m, channels * m]))
    means, scales = means.reshape(channels, m), scale_of(raw.reshape(channels, m))
    coefficients = np.tanh(coefficients.reshape(-1, m))
    log_w, total, pair = logits, 0.0, 0
    for c in range(channels):
        mean = means[c].copy()
        for j in range(c):
            mean += coefficients[pair] * (2 * pixel[j] / (law.levels - 1) - 1)
            pair += 1
        tempered = step_mass(pixel[c], mean, temperature * scales[c], law.levels)
        total += logsumexp(log_softmax(log_w / temperature), b=tempered)
        log_w = log_w + np.log(step_mass(pixel[c], mean, scales[c], law.levels))
    return total


def numbers_of(pixels_NC, levels):
    pixels_NC = np.asarray(pixels_NC)
    return pixels_NC @ levels ** np.arange(pixels_NC.shape[1] - 1, -1, -1)


def p_value(numbers, p):
    counts, expected = np.bincount(numbers, minlength=len(p)), p / p.sum() * len(numbers)
    common = expected >= 10
    counts, expected = (np.append(v[common], v[~common].sum()) for v in (counts, expected))
    if expected[-1] < 10:
        counts, expected = (np.append(v[:-2], v[-2:].sum()) for v in (counts, expected))
    return chisquare(counts, expected).pvalue


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("law", [law for law in LAWS if law.levels is not None], ids=str)
def test_noise_times_t_gives_the_law_at_temperature_t(law, temperature):
    parameters = random_parameters(law, seed=4)
    pixels, log_p = tempered_conditionals(law, parameters[0, :, 0, 0], temperature)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-9)
    if temperature == 1:  # the reference is the law itself
        x = torch.from_numpy(pixels)[:, :, None, None]
        own = law.log_prob(parameters.expand(len(x), -1, 1, 1), x).sum((1, 2, 3)).numpy()
        assert log_p == pytest.approx(own, abs=1e-9)
    noise = temperature * law.noise((N_DRAWS, 1, 1), parameters, seeded(5))
    drawn = law.draw(parameters.expand(N_DRAWS, -1, 1, 1), noise)[:, :, 0, 0]
    assert p_value(numbers_of(drawn, law.levels), np.exp(log_p)) > 1e-3
    if temperature != 1:
        _, log_p_of_one = tempered_conditionals(law, parameters[0, :, 0, 0], 1.0)
        assert p_value(numbers_of(drawn, law.levels), np.exp(log_p_of_one)) < 1e-6


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_density_at_temperature_t(temperature):
    """N(m, s^2) becomes N(m, (T s)^2)."""
    parameters = torch.tensor([0.5, -1.0, -3.0, 2.0], dtype=F64).reshape(1, 4, 1, 1)
    noise = temperature * Normal(2).noise((20_000, 1, 1), parameters, seeded())
    drawn = Normal(2).draw(parameters.expand(20_000, -1, 1, 1), noise)[:, :, 0, 0].numpy()
    for channel, (mean, log_std) in enumerate([(0.5, -1.0), (-3.0, 2.0)]):
        assert kstest(drawn[:, channel], "norm", args=(mean, temperature * np.exp(log_std))).pvalue > 1e-3


def test_draws_of_a_sigmoid_and_a_softmax_are_thresholds():
    """Exactly: 1 where l > -T noise; argmax_k (l_k + T noise_k)."""
    logits = random_parameters(Bernoulli(2), 50, 2, 3)
    noise = Bernoulli(2).noise((50, 2, 3), logits, seeded(1))
    assert torch.equal(Bernoulli(2).draw(logits, 0.7 * noise), (logits / 0.7 > -noise).long())
    law = Categorical(2, 3)
    logits = random_parameters(law, 50, 2, 3)
    noise = law.noise((50, 2, 3), logits, seeded(1))
    expected = (logits / 0.7 + noise).unflatten(1, (2, 3)).argmax(2)
    assert torch.equal(law.draw(logits, 0.7 * noise), expected)


# ---- known channels --------------------------------------------------------------------------------------------------


@every_law
def test_known_values_are_taken_and_all_else_is_drawn(law):
    parameters, x = random_parameters(law, 20, 3, 4), random_values(law, 20, 3, 4)
    known = torch.rand(x.shape, generator=seeded(6)) < 0.5
    noise = law.noise((20, 3, 4), parameters, seeded(7))
    drawn, free = law.draw(parameters, noise, x, known), law.draw(parameters, noise)
    assert drawn.dtype == free.dtype
    assert torch.equal(drawn[known], x[known])
    assert torch.equal(law.draw(parameters, noise, x, torch.zeros_like(known)), free)
    assert torch.equal(law.draw(parameters, noise, x, torch.ones_like(known)), x)
    # What is drawn does not hear of channels that come later, known or not.
    none_before = known.cumsum(1) == 0
    assert torch.equal(drawn[none_before], free[none_before])
    if law in BY_CHANNEL:
        assert torch.equal(drawn[~known], free[~known])
    elif law.channels > 1:
        assert not torch.equal(drawn[~known], free[~known])


@every_law
def test_values_that_are_not_known_do_not_count(law):
    parameters, x = random_parameters(law, 20, 3, 4), random_values(law, 20, 3, 4)
    known = torch.rand(x.shape, generator=seeded(6)) < 0.5
    noise = law.noise((20, 3, 4), parameters, seeded(7))
    other = torch.where(known, x, random_values(law, 20, 3, 4, seed=8))
    assert torch.equal(law.draw(parameters, noise, x, known), law.draw(parameters, noise, other, known))


@pytest.mark.parametrize("given", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("law", [DiscretisedLogisticMixture(3, 3, 2), DiscretisedLogisticMixture(3, 2, 4)], ids=str)
def test_a_mixture_draws_given_the_channels_before(law, given):
    """x_c ~ p(x_c | x_<c): the product of the terms of `log_prob` over the channels that are not known, for the known
    value that tells most of the component."""
    parameters = random_parameters(law, scale=1.5, seed=2)
    pixels = torch.tensor(list(itertools.product(range(law.levels), repeat=3)))[:, :, None, None]
    terms = law.log_prob(parameters.expand(len(pixels), -1, 1, 1), pixels)[:, :, 0, 0]
    free = [c for c in range(3) if c not in given]
    for value in range(law.levels):
        x, known = torch.zeros(N_DRAWS, 3, 1, 1, dtype=torch.int64), torch.zeros(N_DRAWS, 3, 1, 1, dtype=torch.bool)
        x[:, given], known[:, given] = value, True
        agrees = (pixels[:, given] == value).flatten(1).all(1)
        p = torch.where(agrees, terms[:, free].sum(1).exp(), 0).numpy()
        assert p.sum() == pytest.approx(1, abs=1e-9)
        noise = law.noise((N_DRAWS, 1, 1), parameters, seeded(5))
        drawn = law.draw(parameters.expand(N_DRAWS, -1, 1, 1), noise, x, known)[:, :, 0, 0]
        assert p_value(numbers_of(drawn, law.levels), p) > 1e-3
        if given == (0, 1):
            # A draw that forgets what is known of the component follows this law instead.
            forgetful = law.draw(parameters.expand(N_DRAWS, -1, 1, 1), noise)[:, 2, 0, 0]
            marginal = np.bincount(numbers_of(drawn[:, 2:], law.levels), minlength=law.levels)
            assert np.abs(marginal - np.bincount(forgetful, minlength=law.levels)).max() > 0.02 * N_DRAWS


@pytest.mark.parametrize("law", BY_CHANNEL, ids=str)
def test_a_channel_does_not_hear_of_later_parameters(law):
    """With colour masks the parameters of later channels are computed from a pixel that is not drawn yet."""
    parameters, noise = random_parameters(law, 30, 2, 2), law.noise((30, 2, 2), torch.empty(0, dtype=F64), seeded(1))
    drawn, numbers = law.draw(parameters, noise), law.n_parameters // law.channels
    for channel in range(law.channels - 1):
        other = parameters.clone()
        other[:, (channel + 1) * numbers :] = 1e6
        assert torch.equal(law.draw(other, noise)[:, : channel + 1], drawn[:, : channel + 1])
        assert not torch.equal(law.draw(other, noise)[:, channel + 1], drawn[:, channel + 1])


def test_a_mixture_channel_does_not_hear_of_later_means_and_scales():
    law = DiscretisedLogisticMixture(3, 4, 2)
    parameters, noise = random_parameters(law, 30, 2, 2), law.noise((30, 2, 2), torch.empty(0, dtype=F64), seeded(1))
    drawn = law.draw(parameters, noise)
    m = law.n_components
    starts = {"mean": m, "scale": 4 * m, "coefficient": 7 * m}
    for channel in (0, 1):
        other = parameters.clone()
        for name, start in starts.items():
            own = channel * (channel + 1) // 2 if name == "coefficient" else channel + 1
            end = start + 3 * m
            other[:, start + own * m : end] += 3.0
        assert torch.equal(law.draw(other, noise)[:, : channel + 1], drawn[:, : channel + 1])
        assert not torch.equal(law.draw(other, noise)[:, channel + 1 :], drawn[:, channel + 1 :])
