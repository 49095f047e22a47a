"""Images without a label train through sum_y r(y) (ELBO(x|y) + log p(y) - log r(y)): value and gradient against it."""

import math

import pytest
import torch
from test_networks import make_module

from pofx.engine.phase import Batch
from pofx.families.variational import elbo
from pofx.families.variational.importance import k_sample_bound
from pofx.families.variational.training import elbo_terms, log_weight_terms, vae_phase

LOG_PRIOR = torch.log(torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64))
N, D = 8000, 9


@pytest.fixture(scope="module")
def module():
    with torch.random.fork_rng():
        module = make_module(3, 3, levels=2, n_classes=3, latent_dim=2, architecture="mlp").double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.55)
    return module


@pytest.fixture(scope="module")
def many():
    """One image N times, so that a mean over the batch is one over the noise."""
    x = torch.randint(0, 2, (1, 1, 3, 3), generator=torch.Generator().manual_seed(0))
    return x.expand(N, 1, 3, 3)


def noise(seed):
    return torch.randn(1, N, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bounds(module, x, seed):
    """ELBO(x|y) of a draw of z each, (N, 3)."""
    of_each = [elbo.elbo(*elbo_terms(module, x, torch.full((N,), code), noise(seed))) for code in range(3)]
    return torch.stack(of_each, dim=1)


def loss(module, x, codes, n_importance=1):
    phase = vae_phase(
        module, D, beta=1.0, free_bits=0.0, kl_warm_up=0.0, n_importance=n_importance, log_prior_K=LOG_PRIOR
    )
    return phase.loss(Batch(x, codes, 0, 0.5, torch.Generator().manual_seed(5)))


def weights(module, x):
    """r(y) of each draw, made with noise of its own, and its logarithm."""
    log_r = torch.log_softmax(bounds(module, x, 1).detach() + LOG_PRIOR, dim=1)
    return log_r.exp(), log_r


def test_the_value_is_a_bound_of_the_marginal(module, many):
    with torch.no_grad():
        (r, log_r), of_each = weights(module, many), bounds(module, many, 2)
        assert 0.1 < r.mean(dim=0).max() < 0.9  # or there were nothing to average over
        of_draws = (r * (of_each + LOG_PRIOR - log_r)).sum(dim=1)
        found = loss(module, many, torch.full((N,), -1))
        # log p(x|y) by the bound of all draws together.
        tight = []
        for code in range(3):
            terms = log_weight_terms(module, many[:1], torch.tensor([code]), noise(3).transpose(0, 1))
            tight.append(k_sample_bound(*terms))
        log_p_x = torch.logsumexp(torch.stack(tight, dim=1) + LOG_PRIOR, dim=1).item()
    error = float(of_draws.std()) / math.sqrt(N)
    assert float(found.terms["elbo"]) == pytest.approx(float(of_draws.mean()), abs=8 * error)
    assert float(found.total) == pytest.approx(-float(found.terms["elbo"]) / D, rel=1e-9)
    assert float(found.terms["elbo"]) < log_p_x


@pytest.mark.parametrize("n_importance", [1, 3])
def test_the_gradient_is_on_average_that_of_the_weighted_bounds(module, many, n_importance):
    def gradient(value):
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(module.parameters()))])

    def expected_of(r_K):
        phase = vae_phase(module, D, beta=1.0, free_bits=0.0, kl_warm_up=0.0, n_importance=n_importance)
        of_each = [
            phase.loss(Batch(many, torch.full((N,), code), 0, 0.5, torch.Generator().manual_seed(code))).total
            for code in range(3)
        ]
        return gradient(torch.stack(of_each).double() @ r_K)

    expected, of_the_prior = expected_of(weights(module, many)[0].mean(dim=0)), expected_of(LOG_PRIOR.exp())
    found = gradient(loss(module, many, torch.full((N,), -1), n_importance).total)
    assert torch.linalg.norm(found - expected) < 0.1 * torch.linalg.norm(expected)
    assert torch.linalg.norm(of_the_prior - expected) > 0.2 * torch.linalg.norm(expected)


def test_labels_that_there_are_count_as_they_are(module, many):
    codes = torch.full((N,), 2)
    with torch.no_grad():
        found = loss(module, many, codes)
        assert float(found.terms["elbo"]) == pytest.approx(float(bounds(module, many, 2)[:, 2].mean()), abs=0.05)
