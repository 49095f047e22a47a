"""Laws of the latents: each is a distribution, and its sampler draws from its density."""

import copy
import math

import pytest
import torch
from scipy.stats import chi2
from test_networks import make_module
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from pofx.families.variational import priors
from pofx.families.variational.flow import AffineCoupling, RealNVP, riffled, unriffled
from pofx.families.variational.priors import GaussianMixture, StandardNormal, patches

KINDS = ["normal", "flow", "mixture", "vamp", "vamp of classes"]


def randomised(module, std, seed=0):
    """What starts at zero, or equal, would hide what it belongs to."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += std * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return module


def prior_of(kind, latent_dim=2):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "normal":
            return StandardNormal(latent_dim).double()
        if kind == "flow":
            return randomised(RealNVP(latent_dim, 5, 6).double(), 0.25)
        if kind == "mixture":
            return randomised(GaussianMixture(latent_dim, 4).double(), 0.5)
        n_classes = 3 if kind == "vamp of classes" else 0
        sizes = {"latent_dim": latent_dim, "prior": "vamp", "prior_components": 5, "n_classes": n_classes}
        module = randomised(make_module(4, 4, **sizes).double(), 0.5)
        return module.prior


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_integrates_to_one(kind):
    prior = prior_of(kind)
    line = torch.linspace(-25, 25, 1001, dtype=torch.float64)
    z = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1)
    with torch.no_grad():
        log_p = prior.log_density(z)
    assert log_p.shape == (1001, 1001)
    assert log_p.exp().sum().item() * 0.05**2 == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_the_density(kind):
    """Chi-square of 20,000 draws over the cells of a grid whose probabilities are sums over a finer one."""
    prior = prior_of(kind)
    n = 20_000
    with torch.no_grad():
        drawn = prior.sample(n, torch.Generator().manual_seed(1))
        assert (drawn.shape, drawn.dtype) == ((n, 2), torch.float64)
        # Twelve cells a side, edges at the quantiles of the draws, the outermost reaching far; each 80 points wide.
        inner = torch.quantile(drawn, torch.linspace(0.01, 0.99, 11, dtype=torch.float64), dim=0)
        outer = torch.full((1, 2), 25.0, dtype=torch.float64)
        edges = torch.cat([-outer, inner, outer])
        fractions = (torch.arange(80, dtype=torch.float64) + 0.5) / 80
        widths = edges.diff(dim=0)
        points = (edges[:-1, None] + widths[:, None] * fractions[None, :, None]).reshape(-1, 2)
        z = torch.stack(torch.meshgrid(points[:, 0], points[:, 1], indexing="ij"), dim=-1)
        mass = prior.log_density(z).exp().reshape(12, 80, 12, 80).sum(dim=(1, 3)) / 80**2
        mass = mass * widths[:, 0, None] * widths[None, :, 1]
    assert mass.sum().item() == pytest.approx(1, abs=0.02)
    cells = [torch.bucketize(drawn[:, axis].contiguous(), edges[1:-1, axis].contiguous()) for axis in (0, 1)]
    counts = torch.bincount(cells[0] * 12 + cells[1], minlength=144).double()
    expected = n * mass.flatten() / mass.sum()
    often = expected > 20  # the others as one cell
    counts = torch.cat([counts[often], counts[~often].sum(0, keepdim=True)])
    expected = torch.cat([expected[often], expected[~often].sum(0, keepdim=True)])
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    assert chi2.sf(statistic, len(counts) - 1) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_any_leading_axes(kind):
    prior = prior_of(kind, latent_dim=4)
    z = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    log_p = prior.log_density(z)
    assert log_p.shape == (2, 3, 5)
    assert torch.allclose(log_p, prior.log_density(z.reshape(-1, 4)).reshape(2, 3, 5))
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    step = torch.zeros_like(z)
    step[1, 2, 3, 0] = 1e-6
    with torch.no_grad():
        difference = (prior.log_density(z + step) - prior.log_density(z - step)).sum().item() / 2e-6
    assert gradient[1, 2, 3, 0].item() == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("latent_dim", [2, 5, 6])
def test_the_flow_goes_back_and_its_determinant_is_that_of_the_jacobian(latent_dim):
    flow = prior_of("flow", latent_dim)
    z = 2 * torch.randn(7, latent_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        e, log_det = flow(z)
        assert torch.allclose(flow.inverse(e), z, atol=1e-9)
        assert torch.allclose(flow(flow.inverse(z))[0], z, atol=1e-9)
        expected_density = Independent(Normal(torch.zeros(latent_dim).double(), 1.0), 1).log_prob(e) + log_det
        assert torch.allclose(flow.log_density(z), expected_density)
    for row, value in zip(z, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], row)
        assert (jacobian != 0).all()  # every dimension meets every other
        assert torch.linalg.slogdet(jacobian).logabsdet.item() == pytest.approx(value.item(), abs=1e-9)


def test_one_coupling_cannot_stretch_without_bound():
    coupling = AffineCoupling(4, True, 3).double()
    with torch.no_grad():
        coupling.head.bias[:2] = 1e6
        _, log_det = coupling(torch.ones(1, 4, dtype=torch.float64))
    assert log_det.item() == pytest.approx(4)  # two dimensions by a factor of e^2 each


def test_a_new_flow_is_the_standard_normal():
    z = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        flow = RealNVP(7, 8, 16)
    assert torch.allclose(flow.log_density(z), StandardNormal(7).log_density(z), atol=1e-5)


def test_riffling():
    z = torch.arange(5.0)
    assert riffled(z).tolist() == [0, 2, 4, 1, 3]
    assert torch.equal(unriffled(riffled(z)), z)


def test_the_mixture_is_that_of_torch(monkeypatch):
    prior = prior_of("mixture", 3)
    components = Independent(Normal(prior.mean_KL, torch.exp(prior.log_variance_KL / 2)), 1)
    mixture = MixtureSameFamily(Categorical(logits=prior.logit_K), components)
    z = torch.randn(11, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(prior.log_density(z), mixture.log_prob(z))
    monkeypatch.setattr(priors, "MIXTURE_NUMBERS", 30)  # two latents at a time
    assert torch.allclose(prior.log_density(z), mixture.log_prob(z))


@pytest.mark.parametrize("n_classes", [0, 3])
def test_the_vamp_prior_is_the_mean_of_posteriors(n_classes):
    with torch.random.fork_rng():
        module = randomised(
            make_module(6, 5, n_classes=n_classes, prior="vamp", prior_components=4).double(), 0.3
        )  # fmt: skip
    prior, z = module.prior, torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.softmax(prior.label_logit_KY, 1) if n_classes else torch.empty(4, 0, dtype=torch.float64)
    mean, log_variance = module.encoder(prior.pseudo_KCHW, labels)
    each = Independent(Normal(mean, torch.exp(log_variance / 2)), 1).log_prob(z[:, None])
    assert torch.allclose(prior.log_density(z), torch.logsumexp(each, 1) - math.log(4))
    names = [name for name, _ in module.named_parameters()]
    assert not any(name.startswith("prior") and "encoder" in name for name in names)  # stored once


def test_a_vamp_prior_follows_the_encoder_of_its_copy():
    with torch.random.fork_rng():
        module = make_module(6, 5, prior="vamp", prior_components=4)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        module.encoder.head.bias += 1
    z = torch.zeros(1, 3)
    assert not torch.allclose(module.prior.log_density(z), twin.prior.log_density(z))
    with torch.no_grad():
        twin.encoder.head.bias += 1
    assert torch.equal(module.prior.log_density(z), twin.prior.log_density(z))


@pytest.mark.parametrize("prior", ["normal", "flow", "vamp", "mixture"])
def test_a_fixed_density_is_the_density(prior):
    """Also where it was made in inference mode, and z is differentiated by."""
    with torch.random.fork_rng():
        module = make_module(6, 5, prior=prior)
    with torch.inference_mode():
        fixed = module.prior.fixed_log_density()
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.equal(fixed(z), module.prior.log_density(z))
    (by_fixed,) = torch.autograd.grad(fixed(z).sum(), z)
    (by_density,) = torch.autograd.grad(module.prior.log_density(z).sum(), z)
    assert torch.equal(by_fixed, by_density)


def test_a_fixed_vamp_prior_encodes_once(monkeypatch):
    with torch.random.fork_rng():
        module = make_module(6, 5, prior="vamp", prior_components=4)
    fixed = module.prior.fixed_log_density()
    monkeypatch.setattr(module.prior, "components", None)
    assert fixed(torch.zeros(2, 3)).shape == (2,)


def test_pseudo_inputs_start_as_patches():
    with torch.random.fork_rng():
        start = patches(3, (2, 9, 6))
    assert start.shape == (3, 2, 9, 6)
    assert start.abs().max() <= 1
    assert torch.equal(start[:, :, 0, 0], start[:, :, 3, 3])
    assert not torch.equal(start[:, :, 3, 3], start[:, :, 4, 3])


def test_a_flow_needs_two_dimensions():
    with pytest.raises(ValueError, match="latent_dim of at least 2"):
        RealNVP(1, 2, 8)


@pytest.mark.parametrize(
    ("prior", "sizes"),
    [
        ("normal", {"prior_components": 3}),
        ("normal", {"prior_depth": 3}),
        ("flow", {"prior_components": 3}),
        ("vamp", {"prior_width": 3}),
        ("mixture", {"prior_depth": 3}),
    ],
)
def test_sizes_of_another_prior_are_refused(prior, sizes):
    with pytest.raises(ValueError, match=f"{next(iter(sizes))} is no size of prior='{prior}'"):
        make_module(4, 4, prior=prior, **sizes)
