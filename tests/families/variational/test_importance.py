"""Training with the k-sample bound: its value, and its gradient against the plain one."""

import math

import pytest
import torch
from test_networks import make_module

from pofx.distributions import normal
from pofx.engine.phase import Batch
from pofx.families.variational.elbo import log_likelihoods, log_prior
from pofx.families.variational.importance import doubly_reparameterised, k_sample_bound
from pofx.families.variational.reparameterization import reparameterize
from pofx.families.variational.training import held_out_bound, log_weight_terms, standard_noise, vae_phase


def test_the_bound_by_hand():
    """Two draws with weights p(x,z)/q of 0.2 * 0.5 / 0.25 = 0.4 and 0.1 * 0.3 / 0.6 = 0.05."""
    terms = [torch.log(torch.tensor(column)) for column in ([[0.2], [0.1]], [[0.5], [0.3]], [[0.25], [0.6]])]
    assert k_sample_bound(*terms).item() == pytest.approx(math.log((0.4 + 0.05) / 2))
    squared = math.log((0.2 * 2.0**2 + 0.1 * 0.5**2) / 2)
    assert k_sample_bound(*terms, 2.0).item() == pytest.approx(squared)


def test_with_one_draw_it_is_the_weighted_elbo():
    likelihood, prior, posterior = torch.randn(3, 1, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        k_sample_bound(likelihood, prior, posterior, 0.3), (likelihood - 0.3 * (posterior - prior))[0]
    )


# z ~ N(0, 1), x | z ~ N(a z, 1), q(z|x) = N(m, exp(v)): log p(x) = log N(x; 0, 1 + a^2).
X, A = 1.5, 0.8


def terms_of(a, m, v, noise_SN, *, detached):
    z = reparameterize(m, v, noise_SN)[..., None]
    likelihood = normal.log_density(torch.tensor([[[X]]]).double(), a * z, torch.zeros(()).double())
    prior = normal.log_density(z, torch.zeros(()).double(), torch.zeros(()).double())
    mean, variance = (m.detach(), v.detach()) if detached else (m, v)
    posterior = normal.log_density(z, mean[:, None], variance[:, None])
    return z, likelihood, prior, posterior


def gradients(k, weight, detached, n=100_000):
    """The mean gradient of the bound over n sets of draws, its standard error, and the mean bound: for a, m and v."""
    generator = torch.Generator().manual_seed(k)
    noise = torch.randn(k, n, generator=generator, dtype=torch.float64)
    leaves = [torch.full((n,), value, dtype=torch.float64, requires_grad=True) for value in (A, 0.2, -0.5)]
    a, m, v = leaves
    z, likelihood, prior, posterior = terms_of(a[:, None], m, v, noise, detached=detached)
    if detached:
        doubly_reparameterised(z, likelihood + weight * (prior - posterior), weight)
    bound = k_sample_bound(likelihood, prior, posterior, weight)
    found = torch.stack(torch.autograd.grad(bound.sum(), leaves))
    return found.mean(dim=1), found.std(dim=1) / math.sqrt(n), bound.detach()


@pytest.mark.parametrize(("k", "weight"), [(1, 1.0), (5, 1.0), (5, 0.4), (5, 2.0)])
def test_the_doubly_reparameterised_gradient_is_the_plain_one_in_the_mean(k, weight):
    plain, plain_error, _ = gradients(k, weight, detached=False)
    found, error, _ = gradients(k, weight, detached=True)
    assert ((found - plain).abs() < 4 * (error + plain_error)).all()
    assert (plain.abs() > 10 * plain_error).any()  # there is something to compare


def test_its_noise_is_less_for_the_encoder_and_the_same_for_the_decoder():
    _, plain_error, _ = gradients(20, 1.0, detached=False)
    _, error, _ = gradients(20, 1.0, detached=True)
    assert (error[1:] < 0.7 * plain_error[1:]).all()
    assert torch.allclose(error[0], plain_error[0])


def test_the_bound_rises_with_k_towards_the_truth():
    truth = -0.5 * (X**2 / (1 + A**2) + math.log(2 * math.pi * (1 + A**2)))
    means, errors = [], []
    for k in (1, 4, 20):
        _, _, bound = gradients(k, 1.0, detached=True, n=50_000)
        means.append(bound.mean().item())
        errors.append(bound.std().item() / math.sqrt(50_000))
    assert means[0] < means[1] < means[2] < truth + 2 * errors[2]
    assert means[2] == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("prior", ["normal", "flow", "mixture", "vamp"])
@pytest.mark.parametrize("n_classes", [0, 3])
def test_the_training_loss_is_the_bound(prior, n_classes):
    """Every quantity computed once more, draw by draw, from the module and the noise of the batch's generator."""
    with torch.random.fork_rng():
        module = make_module(4, 4, n_classes=n_classes, prior=prior).double()
    x = torch.arange(48).reshape(3, 1, 4, 4) % 4
    codes = torch.tensor([0, 2, 1]) if n_classes else None
    phase = vae_phase(module, 16, beta=2.0, free_bits=0.0, kl_warm_up=0.5, n_importance=3)
    loss = phase.loss(Batch(x, codes, step=0, progress=0.25, generator=torch.Generator().manual_seed(0)))
    noise = standard_noise(module, 3, 3, torch.Generator().manual_seed(0))
    log_w = {0.5: [], 1.0: [], 2.0: []}
    with torch.no_grad():
        mean, log_variance = module.encode(module.scaled(x), codes)
        for part in noise:
            z = reparameterize(mean, log_variance, part)
            likelihood = log_likelihoods(module.law(), module.decode(z, codes)[None], x)[0]
            ratio = log_prior(module.prior, z) - normal.log_density(z, mean, log_variance)
            for weight, values in log_w.items():
                values.append(likelihood + weight * ratio)
    bounds = {
        weight: (torch.logsumexp(torch.stack(v), 0) - math.log(3)).mean().item() for weight, v in log_w.items()
    }  # fmt: skip
    assert loss.total.item() == pytest.approx(-bounds[1.0] / 16)  # beta 2, half way through the warm-up
    assert loss.terms["bound"].item() == pytest.approx(bounds[1.0])
    assert loss.terms["elbo"].item() == pytest.approx(torch.stack(log_w[1.0]).mean().item())
    early = phase.loss(Batch(x, codes, step=0, progress=0.125, generator=torch.Generator().manual_seed(0)))
    assert early.total.item() == pytest.approx(-bounds[0.5] / 16)
    late = phase.loss(Batch(x, codes, step=0, progress=1.0, generator=torch.Generator().manual_seed(0)))
    assert late.total.item() == pytest.approx(-bounds[2.0] / 16)
    assert late.terms["bound"].item() == pytest.approx(bounds[1.0])


@pytest.mark.parametrize("prior", ["normal", "flow", "mixture", "vamp"])
@pytest.mark.parametrize("n_importance", [1, 4])
def test_every_parameter_gets_a_gradient(prior, n_importance):
    with torch.random.fork_rng():
        module = make_module(18, 17, 3, n_classes=2, prior=prior, architecture="residual")
        for parameter in module.parameters():  # layers that start at zero hide those behind them
            torch.nn.init.normal_(parameter, std=0.1)
    x = torch.randint(0, 4, (4, 3, 18, 17), generator=torch.Generator().manual_seed(0))
    phase = vae_phase(module, 918, beta=1.0, free_bits=0.0, kl_warm_up=0.0, n_importance=n_importance)
    generator = torch.Generator().manual_seed(1)
    phase.loss(Batch(x, torch.tensor([0, 1, 1, 0]), step=0, progress=1.0, generator=generator)).total.backward()
    assert len(phase.parameters) == len(list(module.parameters()))
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


class Reader:
    """Two batches of images as `bounded_batches` takes them from a reader."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)


@pytest.mark.parametrize("n_importance", [1, 3])
@pytest.mark.parametrize("prior", ["normal", "flow"])
def test_the_held_out_score_is_the_bound_that_is_trained(prior, n_importance, monkeypatch):
    with torch.random.fork_rng():
        module = make_module(4, 4, prior=prior).double()
    x = torch.arange(80).reshape(5, 1, 4, 4) % 4
    parts = [(x[:3], None), (x[3:], None)]
    monkeypatch.setattr("pofx.families.variational.training.bounded_batches", lambda reader, outputs: parts)
    with torch.no_grad():
        found = held_out_bound(module, Reader(x), n_importance)
        assert held_out_bound(module, Reader(x), n_importance) == found
        generator = torch.Generator().manual_seed(0)
        bounds, divergences, means, variances = [], [], [], []
        for part, _ in parts:
            noise = standard_noise(module, max(2, n_importance), len(part), generator)
            likelihood, log_p, log_q = log_weight_terms(module, part, None, noise)
            mean, log_variance = module.encode(module.scaled(part), None)
            if prior == "normal":
                kl = normal.kl_divergence(mean, log_variance).sum(1)
            else:
                kl = (log_q - log_p).mean(0)
            divergences.append(kl if n_importance == 1 else (log_q - log_p).mean(0))
            bounds.append(
                likelihood.mean(0) - kl if n_importance == 1 else k_sample_bound(likelihood, log_p, log_q)
            )  # fmt: skip
            means.append(mean)
            variances.append(log_variance.exp())
    between, within = torch.cat(means).var(0, correction=0), torch.cat(variances).mean(0)
    activity = between if prior == "normal" else between / (between + within)
    assert found.score == pytest.approx(torch.cat(bounds).mean().item())
    assert found.measured["held_out_kl"] == pytest.approx(torch.cat(divergences).mean().item())
    assert found.measured["active_units"] == (activity > 0.01).sum().item()
    if prior == "normal":
        by_dimension = normal.kl_divergence(torch.cat(means), torch.cat(variances).log()).mean(0)
    else:
        # KL(q_j || N(m_j, s_j^2)), the mean over images, with the moments of all q_j together.
        by_dimension = 0.5 * ((between + within).log() - torch.cat(variances).log().mean(0))
    told = [found.measured[f"held_out_kl_{j}"] for j in range(module.latent_dim)]
    assert told == pytest.approx(by_dimension.tolist(), rel=1e-3)
    assert f"held_out_kl_{module.latent_dim}" not in found.measured
