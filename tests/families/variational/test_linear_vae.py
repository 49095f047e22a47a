"""A linear VAE is probabilistic PCA: log p(x), the posterior and the ELBO are known in closed form.

p(x) = N(b, W W^T + diag(s^2)); with orthogonal columns of W (in the metric of s) the true posterior is a
diagonal normal, so that q can be it.
"""

import numpy as np
import pytest
import torch

import pofx
from pofx.data.toy import LinearGaussian
from pofx.families.variational import elbo
from pofx.families.variational.training import elbo_terms

D, LATENT = 6, 2


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(40, D)) * 2 + 1


@pytest.fixture
def vae(images):
    """A linear VAE in float64 with a decoder of known weights: W_j orthogonal, variances of the pixels equal."""
    model = pofx.VAE(
        architecture="mlp", depth=0, latent_dim=LATENT, likelihood="normal", precision="float64",
        max_epochs=1, random_state=0,
    ).fit(images)  # fmt: skip
    rng = np.random.default_rng(1)
    weights = np.linalg.qr(rng.normal(size=(D, LATENT)))[0] * [0.8, 0.3]
    law = LinearGaussian(weights, rng.normal(size=D) * 0.2, np.full(D, 0.15))
    head = model.module_.decoder.head
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:D] = torch.from_numpy(weights)
        head.bias[:D] = torch.from_numpy(law.offset)
        head.bias[D:] = 0.5 * np.log(0.15)
    return model, law


def use_posterior(model, law):
    """Give the encoder the weights of the true posterior: its mean is linear in x, its variance constant."""
    precision = 1 + (law.weights**2).sum(axis=0) / 0.15
    gain = law.weights.T / 0.15 / precision[:, None]
    head = model.module_.encoder.head
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:LATENT] = torch.from_numpy(gain)
        head.bias[:LATENT] = torch.from_numpy(-gain @ law.offset)
        head.bias[LATENT:] = torch.from_numpy(-np.log(precision))


def closed_form_elbo(model, law, u):
    """E_q[log p(x|z)] = log N(x; W mu + b, s^2) - sum_ij W_ij^2 sigma_j^2 / (2 s_i^2), minus KL, in plain NumPy."""
    mean, log_variance = (
        t.detach().numpy() for t in model.module_.encode(torch.from_numpy(u).reshape(-1, 1, 1, D), None)
    )
    residual = u - mean @ law.weights.T - law.offset
    spread = np.exp(log_variance) @ (law.weights**2).T
    likelihood = -0.5 * (np.log(2 * np.pi * 0.15) + (residual**2 + spread) / 0.15).sum(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    return likelihood - kl


def scaled(model, images):
    return model.image_format_.grid.scaled(images)


def test_the_bound_is_never_above_log_p(vae, images):
    """For the fitted encoder and for 200 random ones."""
    model, law = vae
    u = scaled(model, images)
    log_p = law.log_prob(u)
    head = model.module_.encoder.head
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            head.weight.copy_(torch.randn(head.weight.shape, generator=generator, dtype=torch.float64) * 0.5)
            head.bias.copy_(torch.randn(head.bias.shape, generator=generator, dtype=torch.float64))
        assert (closed_form_elbo(model, law, u) <= log_p + 1e-10).all()


def test_the_bound_is_met_when_q_is_the_posterior(vae, images):
    model, law = vae
    use_posterior(model, law)
    u = scaled(model, images)
    assert closed_form_elbo(model, law, u) == pytest.approx(law.log_prob(u), abs=1e-4)
    mean, covariance = law.posterior(u)
    encoded, log_variance = model.module_.encode(torch.from_numpy(u).reshape(-1, 1, 1, D), None)
    assert encoded.detach().numpy() == pytest.approx(mean, abs=1e-9)
    assert np.exp(log_variance.detach().numpy())[0] == pytest.approx(np.diag(covariance), abs=1e-9)


@pytest.mark.parametrize("posterior", [False, True])
def test_the_monte_carlo_estimate_agrees_with_the_closed_form(vae, images, posterior):
    """Within three standard errors of 4,000 draws, image by image (at fixed seeds)."""
    model, law = vae
    if posterior:
        use_posterior(model, law)
    u = scaled(model, images)
    x = torch.from_numpy(u).reshape(-1, 1, 1, D)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, len(u), LATENT, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        draws = torch.stack(
            [elbo.elbo(*elbo_terms(model.module_, x, None, part[None], discrete=False)) for part in noise]
        ).numpy()
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - closed_form_elbo(model, law, u)) <= 3 * error + 1e-9).all()


def test_scores_are_the_bound_in_the_unit_of_the_data(vae, images):
    """The mean over images of `score_samples` is the closed form, less D log(scale) for the change of unit."""
    model, law = vae
    expected = closed_form_elbo(model, law, scaled(model, images)) - D * np.log(model.image_format_.grid.scale)
    difference = model.score_samples(images) - expected
    assert abs(difference.mean()) <= 3 * difference.std() / np.sqrt(len(images))


def test_samples_follow_the_law(vae):
    """Mean and covariance of 20,000 samples against b and W W^T + s^2, in units of the data."""
    model, law = vae
    samples = model.sample(20_000, random_state=0)
    u = scaled(model, samples)
    covariance = law.weights @ law.weights.T + 0.15 * np.eye(D)
    assert u.mean(axis=0) == pytest.approx(law.offset, abs=4 * np.sqrt(covariance.max() / 20_000))
    assert np.cov(u.T) == pytest.approx(covariance, abs=0.03)


def test_reconstruction_passes_through_the_means(vae, images):
    model, law = vae
    use_posterior(model, law)
    u = scaled(model, images)
    mean, _ = law.posterior(u)
    expected = model.image_format_.grid.unscaled(mean @ law.weights.T + law.offset)
    assert model.reconstruct(images) == pytest.approx(expected, abs=1e-9)
    assert model.transform(images) == pytest.approx(mean, abs=1e-9)
    assert model.inverse_transform(mean) == pytest.approx(expected, abs=1e-9)
