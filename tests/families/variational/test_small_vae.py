"""A VAE over 2 x 2 binary images with one latent: p(x) by quadrature over z, for all 16 images."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import pofx
from pofx.families.variational import elbo
from pofx.families.variational.training import elbo_terms

IMAGES = np.array(list(itertools.product([0, 1], repeat=4)), dtype=np.uint8).reshape(16, 2, 2)


@pytest.fixture(scope="module")
def vae():
    rng = np.random.default_rng(0)
    strength = rng.normal(size=(300, 1, 1)) * np.array([[2.0, -2.0], [1.0, 0.5]])
    X = (rng.random((300, 2, 2)) < 1 / (1 + np.exp(-strength))).astype(np.uint8)
    return pofx.VAE(
        latent_dim=1, width=16, depth=1, max_epochs=60, learning_rate=0.01, precision="float64", random_state=0
    ).fit(X)


@pytest.fixture(scope="module")
def log_p(vae):
    """log of the integral over z of p(x|z) p(z), trapezoidal on a fine grid."""
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None]
    with torch.inference_mode():
        parameters = vae.module_.decode(z, None)
        likelihood = torch.stack(
            [
                vae.module_.law().log_prob(parameters, torch.from_numpy(image).expand(len(z), 1, 2, 2)).sum((1, 2, 3))
                for image in IMAGES
            ]
        )
    prior = -0.5 * z[:, 0] ** 2 - 0.5 * np.log(2 * np.pi)
    return torch.logsumexp(likelihood + prior + np.log(18 / 4000), dim=1).numpy()


def test_the_model_is_a_distribution(log_p):
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-9)


def test_the_bound_is_below_log_p_by_the_divergence_of_the_posterior(vae, log_p):
    """log p - ELBO = KL(q(z|x) || p(z|x)) >= 0, the divergence computed on the grid."""
    x = torch.from_numpy(IMAGES)[:, None]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20_000, 16, 1, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        bound = elbo.elbo(*elbo_terms(vae.module_, x, None, noise, discrete=True)).numpy()
        mean, log_variance = (t.numpy() for t in vae.module_.encode(vae.module_.scaled(x), None))
        z = np.linspace(-9, 9, 4001)
        log_q = -0.5 * (np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance))  # (16, 4001)
        parameters = vae.module_.decode(torch.from_numpy(z)[:, None], None)
        log_joint = np.stack(
            [
                vae.module_.law().log_prob(parameters, image.expand(4001, 1, 2, 2)).sum((1, 2, 3)).numpy()
                - 0.5 * z**2
                - 0.5 * np.log(2 * np.pi)
                for image in x
            ]
        )
    divergence = (np.exp(log_q) * (log_q - (log_joint - log_p[:, None]))).sum(axis=1) * 18 / 4000
    assert (divergence > 0).all()
    assert log_p - bound == pytest.approx(divergence, abs=0.01)


def test_scores_are_below_log_p_in_the_mean(vae, log_p):
    """The mean over the model's own law of `score_samples` is at most that of log p (a bound in expectation)."""
    assert np.exp(log_p) @ vae.score_samples(IMAGES) < np.exp(log_p) @ log_p


def test_the_marginal_over_classes_is_a_bound_too():
    """Two classes: the mean over 300 seeds of the marginal score is below the truth by quadrature, for every image."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, size=200)
    X = (rng.random((200, 2, 2)) < np.where(y[:, None, None], 0.8, [[0.1, 0.6], [0.4, 0.2]])).astype(np.uint8)
    model = pofx.VAE(
        conditional=True, latent_dim=1, width=8, depth=1, max_epochs=15, batch_size=32, precision="float64",
        random_state=0,
    ).fit(X, y)  # fmt: skip
    z = torch.linspace(-9, 9, 2001, dtype=torch.float64)[:, None]
    prior = -0.5 * z[:, 0] ** 2 - 0.5 * np.log(2 * np.pi) + np.log(18 / 2000)
    truth = []
    with torch.inference_mode():
        for image in torch.from_numpy(IMAGES)[:, None]:
            parts = []
            for code, weight in enumerate(model.class_prior_):
                parameters = model.module_.decode(z, torch.full((len(z),), code))
                likelihood = model.module_.law().log_prob(parameters, image.expand(len(z), 1, 2, 2)).sum((1, 2, 3))
                parts.append(torch.logsumexp(likelihood + prior, dim=0) + np.log(weight))
            truth.append(torch.logsumexp(torch.stack(parts), dim=0))
    assert np.exp(truth).sum() == pytest.approx(1, abs=1e-6)
    scores = []
    for seed in range(300):
        model.seed_ = seed
        scores.append(model.score_samples(IMAGES))
    mean, error = np.mean(scores, axis=0), np.std(scores, axis=0) / np.sqrt(300)
    assert (mean <= np.array(truth) + 3 * error).all()
    assert (mean > np.array(truth) - 0.5).all()


def test_the_marginal_of_noisy_estimates_is_not_above_the_truth(monkeypatch):
    """Unbiased estimates of two classes' bounds, with much noise: their logsumexp would be 0.4 nats too high."""
    X = np.zeros((40, 2, 2), dtype=np.uint8)
    X[::3, 0, 0] = 1
    model = pofx.VAE(conditional=True, latent_dim=2, width=4, depth=0, max_epochs=1, random_state=0)
    model.fit(X, np.arange(40) % 2)
    truth = np.array([-3.0, -3.5])

    def noisy(x, noise_SNL, *, discrete):
        return torch.from_numpy(truth - np.log(model.class_prior_)) + 1.5 * (noise_SNL.double() ** 2 - 1).mean(dim=0)

    monkeypatch.setattr(model, "_bounds_of", noisy)
    scores = []
    for seed in range(2000):
        model.seed_ = seed
        scores.append(model.score_samples(X[:1])[0])
    assert np.mean(scores) <= np.logaddexp(*truth) + 2 * np.std(scores) / np.sqrt(2000)


def test_samples_follow_the_law(vae, log_p):
    """Chi-square of 50,000 samples against the p(x) of quadrature."""
    samples = vae.sample(50_000, random_state=0).reshape(-1, 4)
    counts = np.bincount(samples @ [8, 4, 2, 1], minlength=16)
    assert chisquare(counts, 50_000 * np.exp(log_p)).pvalue > 0.01


def test_drawn_reconstructions_pass_through_the_posterior(vae):
    """x' ~ p(x'|z), z ~ q(z|x): the mean image of 4,000 draws for one x, against the same integral on a grid."""
    x = IMAGES[[9]]
    drawn = vae.reconstruct(np.repeat(x, 4000, axis=0), sample=True, random_state=0)
    with torch.inference_mode():
        mean, log_variance = vae.module_.encode(vae.module_.scaled(torch.from_numpy(x)[:, None]), None)
        z = mean + torch.exp(0.5 * log_variance) * torch.linspace(-6, 6, 2001, dtype=torch.float64)[:, None]
        weights = torch.softmax(-0.5 * torch.linspace(-6, 6, 2001, dtype=torch.float64) ** 2, dim=0)
        probability = torch.sigmoid(vae.module_.decode(z, None)[:, 0])
    expected = (weights[:, None, None] * probability).sum(dim=0).numpy()
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(4000))
