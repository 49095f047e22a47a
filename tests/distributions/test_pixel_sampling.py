"""Samplers follow the law that log_prob scores: chi-square of 10^5 draws at fixed seeds."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from pofx.distributions import grid
from pofx.distributions.pixels import (
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    DiscretisedLogisticMixture,
    DiscretisedNormal,
    Normal,
)

N_DRAWS = 100_000


def chi_square_p_value(law, parameters, generator, dtype=torch.float64):
    """The p-value of whole pixels (all colours) against the enumerated law; rare ones join the least common."""
    x = torch.tensor(list(itertools.product(range(law.levels), repeat=law.channels)))[:, :, None, None]
    p = law.log_prob(parameters.expand(len(x), -1, 1, 1), x).sum((1, 2, 3)).exp().numpy()
    draws = law.sample(parameters.to(dtype).expand(N_DRAWS, -1, 1, 1), generator)[:, :, 0, 0]
    place = (draws * law.levels ** torch.arange(law.channels - 1, -1, -1)).sum(1)
    counts = np.bincount(place.numpy(), minlength=len(p))
    common = p * N_DRAWS >= 10
    assert common.sum() > 1
    observed, expected = counts[common], p[common] * N_DRAWS
    least = expected.argmin()
    observed[least] += counts[~common].sum()
    expected[least] += p[~common].sum() * N_DRAWS
    return chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


LAWS = [
    Bernoulli(3),
    Categorical(2, 5),
    DiscretisedLogistic(1, 17),
    DiscretisedLogistic(3, 3),
    DiscretisedNormal(1, 17),
    DiscretisedNormal(3, 3),
    DiscretisedLogisticMixture(1, 17, 3),
    DiscretisedLogisticMixture(3, 4, 3),
    DiscretisedLogisticMixture(4, 2, 2),
]


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sampler_against_law(law, dtype):
    generator = torch.Generator().manual_seed(7)
    for scale in (0.4, 0.8):
        parameters = scale * torch.randn(1, law.n_parameters, 1, 1, dtype=torch.float64, generator=generator)
        assert chi_square_p_value(law, parameters, generator, dtype) > 1e-3


def test_strongly_coupled_colours():
    """Narrow components on a coarse grid: a sampler that conditions on values before snapping is far off here."""
    law = DiscretisedLogisticMixture(3, 3, 2)
    parameters = torch.zeros(1, law.n_parameters, 1, 1, dtype=torch.float64)
    parameters[:, 2:8] = torch.tensor([0.4, -0.4, 0.3, -0.2, 0.1, 0.2]).reshape(1, 6, 1, 1)
    parameters[:, 8:14] = -1.5
    parameters[:, 14:] = torch.tensor([2.0, -2.0, -1.0, 1.0, 2.0, 2.0]).reshape(1, 6, 1, 1)
    assert chi_square_p_value(law, parameters, torch.Generator().manual_seed(0)) > 1e-3


def test_normal_sampler_against_density():
    parameters = torch.tensor([0.5, -1.0, -3.0, 2.0]).reshape(1, 4, 1, 1).expand(20_000, -1, 1, 1)
    draws = Normal(2).sample(parameters, torch.Generator().manual_seed(0))[:, :, 0, 0].double().numpy()
    assert kstest(draws[:, 0], "norm", args=(0.5, math.exp(-1.0))).pvalue > 1e-3
    assert kstest(draws[:, 1], "norm", args=(-3.0, math.exp(2.0))).pvalue > 1e-3


@pytest.mark.parametrize("law", [DiscretisedLogistic(1, 256), DiscretisedNormal(1, 256)], ids=str)
def test_draws_at_extreme_parameters_are_levels(law):
    for (mean, raw), allowed in {
        (1e6, 0.0): {255},
        (-1e6, 0.0): {0},
        (-1.0 + 2 * 37 / 255, -1000.0): set(range(34, 41)),
        (0.0, 1000.0): {0, 255},
    }.items():
        parameters = torch.tensor([mean, raw]).reshape(1, 2, 1, 1).expand(2000, -1, 1, 1)
        draws = set(law.sample(parameters, torch.Generator().manual_seed(0)).flatten().tolist())
        assert draws <= allowed
        if len(allowed) == 2:
            assert draws == allowed


def test_a_uniform_draw_of_zero_is_no_speckle(monkeypatch):
    """A float32 uniform is 0 once in 2^24 draws, in every few images: it must not become an infinitely far draw."""
    drawn = []

    def zeros(shape, dtype, device, generator):
        drawn.append(dtype)
        return torch.zeros(shape, dtype=dtype, device=device)

    monkeypatch.setattr(torch, "rand", zeros)
    noise = grid.standard_logistic_noise(torch.zeros(3), None)
    assert drawn == [torch.float64] and noise.dtype == torch.float32
    assert ((noise > -40) & (noise < -30)).all()


def test_none_is_the_global_generator_and_a_generator_leaves_it_alone():
    law, parameters = DiscretisedLogisticMixture(3, 8, 2), torch.zeros(4, 20, 2, 2)
    before = torch.get_rng_state()
    law.sample(parameters, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
    law.sample(parameters)
    assert not torch.equal(torch.get_rng_state(), before)
    torch.set_rng_state(before)
