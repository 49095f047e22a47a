"""The terms of the bound, and what training makes of them."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from test_networks import make_module

import pofx
from pofx.distributions.pixels import pixel_law
from pofx.engine.phase import Batch
from pofx.families.variational import elbo
from pofx.families.variational.reparameterization import reparameterize
from pofx.families.variational.training import vae_phase

GENERATOR = torch.Generator().manual_seed(0)


def test_the_expected_log_likelihood_is_the_mean_over_draws():
    law = pixel_law("categorical", 1, 3, continuous=False)
    parameters = torch.randn(4, 2, 3, 5, 5, generator=GENERATOR)
    x = torch.randint(0, 3, (2, 1, 5, 5), generator=GENERATOR)
    expected = torch.stack([law.log_prob(p, x).sum((1, 2, 3)) for p in parameters]).mean(dim=0)
    assert torch.allclose(elbo.expected_log_likelihood(law, parameters, x), expected)


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(2, 7, 4, generator=GENERATOR, dtype=torch.float64)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, torch.exp(log_variance / 2)),
        torch.distributions.Normal(torch.zeros(()).double(), 1.0),
    )
    assert torch.allclose(elbo.kl_divergence(mean, log_variance), expected)


def test_the_elbo_is_likelihood_less_divergence():
    likelihood, kl = torch.tensor([-5.0, -7.0]), torch.tensor([[1.0, 2.0], [0.5, 0.0]])
    assert elbo.elbo(likelihood, kl).tolist() == [-8.0, -7.5]


@pytest.mark.parametrize(
    ("weight", "free_bits", "expected"), [(1.0, 0.0, 3.5), (0.5, 0.0, 1.75), (1.0, 1.0, 4.0), (2.0, 5.0, 20.0)]
)
def test_free_bits_hold_each_dimension_up(weight, free_bits, expected):
    """Dimensions with mean divergences 0.5 and 3."""
    kl = torch.tensor([[0.0, 2.0], [1.0, 4.0]])
    assert elbo.penalised_kl(kl, weight, free_bits).item() == pytest.approx(expected)


def test_draws_have_the_mean_and_deviation_asked_for():
    mean, log_variance = torch.tensor([1.0, -2.0]), torch.log(torch.tensor([4.0, 0.25]))
    draws = reparameterize(mean, log_variance, torch.randn(100_000, 2, generator=GENERATOR))
    assert draws.mean(dim=0).tolist() == pytest.approx([1, -2], abs=0.03)
    assert draws.std(dim=0).tolist() == pytest.approx([2, 0.5], rel=0.02)


def loss_of(progress, **weights):
    with torch.random.fork_rng():
        module = make_module(4, 4)
    phase = vae_phase(module, 16, **({"beta": 1.0, "free_bits": 0.0, "kl_warm_up": 0.5} | weights))
    x = torch.arange(32).reshape(2, 1, 4, 4) % 4
    return phase.loss(Batch(x, None, step=0, progress=progress, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("progress", "weights", "weight"),
    [
        (0.0, {}, 0.0),
        (0.25, {}, 0.5),
        (0.5, {}, 1.0),
        (1.0, {}, 1.0),
        (1.0, {"beta": 4.0}, 4.0),
        (0.0, {"kl_warm_up": 0.0}, 1.0),
    ],
)
def test_the_divergence_warms_up_to_beta(progress, weights, weight):
    """What is minimised is (weight KL - likelihood) / D; the terms that are reported have weight 1."""
    loss = loss_of(progress, **weights)
    terms = {name: value.item() for name, value in loss.terms.items()}
    assert terms["elbo"] == pytest.approx(terms["reconstruction"] - terms["kl"], rel=1e-5)
    assert loss.total.item() == pytest.approx((weight * terms["kl"] - terms["reconstruction"]) / 16, rel=1e-5)


@pytest.fixture(scope="module")
def digits():
    return load_digits().images


@pytest.fixture(scope="module")
def vae(digits):
    return pofx.VAE(width=64, depth=1, max_epochs=30, batch_size=32, random_state=0).fit(digits[:1000])


def test_a_short_training_beats_independent_pixels(vae, digits):
    from pofx.evaluation.densities import density_table

    rows = {row.name: row.log_p for row in density_table({"VAE": vae}, digits[:1000], digits[1400:], title="").rows}
    assert rows["VAE"] > rows["independent pixels"] > rows["uniform"]


def test_noise_is_less_typical_than_digits_in_every_way(vae, digits):
    noise = np.random.default_rng(0).integers(0, 17, size=(100, 8, 8))
    assert vae.score_samples(noise).max() < vae.score_samples(digits[1400:1500]).min()
    values, names = vae.typicality_statistics(digits[1400:1500])
    odd, _ = vae.typicality_statistics(noise)
    for name in ("reconstruction", "surprise_deviation", "surprise_quantile_95", "surprise_mean_log"):
        column = names.index(name)
        assert abs(odd[:, column].mean() - values[:, column].mean()) > 3 * values[:, column].std(), name


def test_the_surprise_of_the_models_own_images_is_nil_in_the_mean(vae):
    """Images drawn from p(x|z) at a fixed z: -log p(x_i|z) has its entropy as mean, so the map averages to 0."""
    z = torch.zeros(3000, 32)
    module = vae.module_
    with torch.inference_mode():
        parameters = module.decode(z, None)
        x = module.law().sample(parameters, torch.Generator().manual_seed(0))
        law = module.law()
        surprise = -law.log_prob(parameters, x) - law.entropy(parameters, x)
    assert abs(float(surprise.mean())) < 0.01


def test_a_defect_stands_out_in_the_map(vae, digits):
    broken = digits[1400:1420].copy()
    broken[:, 2, 0] = 16  # a bright dot where digits are dark
    surprise = vae.surprise_map(broken)
    assert (surprise[:, 2, 0] > 3).all()
    assert np.median(surprise) < 0.5


def test_latents_that_are_not_needed_go_silent(vae):
    importance = np.sort(vae.latent_importance_)
    assert importance.shape == (32,)
    assert importance[-1] > 0.5
    assert importance[0] < 0.05


def test_features_have_names(vae):
    assert vae.get_feature_names_out()[:2].tolist() == ["vae0", "vae1"]


@pytest.mark.parametrize("shape", [(3,), (3, 31)])
def test_latents_of_another_size_are_refused(vae, shape):
    with pytest.raises(ValueError, match=r"columns|2D"):
        vae.inverse_transform(np.zeros(shape))


def test_latents_beyond_the_precision_are_refused(vae):
    """In float32 they would be infinite, and the image no numbers."""
    with pytest.raises(ValueError, match=r"too large for torch.float32: up to 1e\+200"):
        vae.inverse_transform(np.full((2, 32), 1e200))


@pytest.mark.parametrize("likelihood", ["categorical", "logistic", "logistic_mixture", "normal"])
def test_any_law_fits_any_levels(likelihood, digits):
    model = pofx.VAE(likelihood=likelihood, width=16, depth=1, latent_dim=2, max_epochs=2, random_state=0)
    assert np.isfinite(model.fit(digits[:200]).score(digits[200:220]))


def test_bernoulli_needs_two_levels(digits):
    with pytest.raises(ValueError, match="bernoulli"):
        pofx.VAE(likelihood="bernoulli", max_epochs=1).fit(digits[:50])
