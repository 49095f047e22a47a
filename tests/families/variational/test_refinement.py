"""Refined latents: never worse than their start, and where log p(x, z) is known at its maximum."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pofx
from pofx.engine.ascent import ascended
from pofx.families.variational.refinement import log_joint

X = load_digits().images[:400]
Y = load_digits().target[:400]
FAST = {"width": 32, "depth": 1, "latent_dim": 4, "max_epochs": 8, "random_state": 0, "validation_fraction": 0.0}


@pytest.fixture(scope="module")
def vae():
    return pofx.VAE(**FAST).fit(X)


@pytest.fixture(scope="module")
def conditional():
    return pofx.VAE(conditional=True, **FAST).fit(X, Y)


def log_joint_of(model, images, Z, y=None):
    """log p(x|z, y) + log p(z), with the N(0, I) of the prior written out."""
    levels = torch.from_numpy(images.astype(np.int64))[:, None]
    z = torch.from_numpy(Z).float()
    codes = None if y is None else torch.from_numpy(np.searchsorted(model.classes_, y))
    with torch.no_grad():
        terms = model.module_.law().log_prob(model.module_.decode(z, codes), levels).double().flatten(1).sum(1)
    return terms.numpy() - 0.5 * (Z**2 + np.log(2 * np.pi)).sum(axis=1)


def test_the_best_point_of_a_quadratic_is_found():
    """A linear-Gaussian model: log p(x, z) = -|x - A z|^2 / 2s - |z|^2 / 2, at its highest at (A'A + s)^-1 A'x."""
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(6, 3)), rng.normal(size=(5, 6))
    s = 0.5
    best = np.linalg.solve(A.T @ A + s * np.eye(3), A.T @ x.T).T
    A_t, x_t = torch.from_numpy(A), torch.from_numpy(x)

    def value(z):
        return -((x_t - z @ A_t.T) ** 2).sum(1) / (2 * s) - (z**2).sum(1) / 2

    found = ascended(value, torch.zeros(5, 3, dtype=torch.float64), n_steps=500, learning_rate=0.1)
    np.testing.assert_allclose(found.numpy(), best, atol=1e-4)


def test_each_image_keeps_its_best_point():
    """From a maximum no step is up; where the value is not a number, the start stays."""
    start = torch.tensor([[0.0], [1.0], [-5.0]])

    def value(z):
        return torch.where(z[:, 0] < -4, torch.tensor(torch.nan), -(z[:, 0] ** 2)).double()

    found = ascended(value, start, n_steps=20, learning_rate=0.5)
    assert found[0] == 0 and abs(found[1]) < 0.5 and found[2] == -5
    crude = ascended(value, start, n_steps=1, learning_rate=100.0)
    assert (crude == start).all()


def test_log_p_rises_and_nothing_is_random(vae):
    Z = vae.transform(X[:70])
    refined = vae.refine_latents(X[:70], Z)
    before, after = (log_joint_of(vae, X[:70], latents) for latents in (Z, refined))
    assert (after >= before - 1e-4).all() and (after - before).mean() > 0.1
    np.testing.assert_array_equal(refined, vae.refine_latents(X[:70], Z))
    # Alone as among others: chunks have one size.
    np.testing.assert_array_equal(refined[67:], vae.refine_latents(X[67:70], Z[67:]))
    again = vae.refine_latents(X[:70], refined, n_steps=50, learning_rate=0.01)
    assert (log_joint_of(vae, X[:70], again) >= after - 1e-4).all()


def test_the_objective_is_the_log_likelihood_plus_the_log_prior(vae, conditional):
    levels, Z = torch.from_numpy(X[:3].astype(np.int64))[:, None], np.linspace(-3, 2, 12).reshape(3, 4)
    z = torch.from_numpy(Z).float()
    with torch.no_grad():
        value = log_joint(vae.module_, levels, None, None)(z)
        of_one = log_joint(conditional.module_, levels, torch.tensor([4, 0, 9]), None)(z)
    np.testing.assert_allclose(value, log_joint_of(vae, X[:3], Z), rtol=1e-6)
    np.testing.assert_allclose(of_one, log_joint_of(conditional, X[:3], Z, conditional.classes_[[4, 0, 9]]), rtol=1e-6)


def test_conditional_models_use_their_labels(conditional):
    Z = conditional.transform(X[:20], Y[:20])
    refined = conditional.refine_latents(X[:20], Z, Y[:20], n_steps=50)
    gain = log_joint_of(conditional, X[:20], refined, Y[:20]) - log_joint_of(conditional, X[:20], Z, Y[:20])
    assert (gain >= -1e-4).all() and gain.mean() > 0.1

    def marginal(latents):
        of_classes = [
            log_joint_of(conditional, X[:20], latents, np.full(20, label)) + np.log(p)
            for label, p in zip(conditional.classes_, conditional.class_prior_, strict=True)
        ]
        return np.logaddexp.reduce(of_classes)

    without = conditional.refine_latents(X[:20], Z, n_steps=50)
    assert (marginal(without) >= marginal(Z) - 1e-4).all()
    assert marginal(without).mean() > marginal(refined).mean()


def test_it_works_without_gradients_around_it_and_leaves_none_behind(vae):
    Z = vae.transform(X[:3])
    expected = vae.refine_latents(X[:3], Z, n_steps=5)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            np.testing.assert_array_equal(vae.refine_latents(X[:3], Z, n_steps=5), expected)
    assert all(parameter.grad is None for parameter in vae.module_.parameters())


@pytest.mark.filterwarnings("ignore:The posterior collapsed")
def test_real_valued_and_colour_images():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(60, 4, 4))
    colour = rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    for images, options in ((real, {"likelihood": "normal"}), (colour, {}), (X[:60] > 8, {})):
        model = pofx.VAE(**FAST | {"max_epochs": 2}, **options).fit(images)
        refined = model.refine_latents(images[:5], model.transform(images[:5]), n_steps=10)
        assert refined.shape == (5, 4) and np.isfinite(refined).all()


@pytest.mark.parametrize(
    ("Z", "options", "message"),
    [
        (np.zeros((3, 5)), {}, "5 columns"),
        (np.zeros((2, 4)), {}, "Z holds 2 latents, but X 3 images"),
        (np.full((3, 4), np.nan), {}, "NaN"),
        (np.zeros((3, 4)), {"n_steps": 0}, "n_steps"),
        (np.zeros((3, 4)), {"n_steps": 1.5}, "n_steps"),
        (np.zeros((3, 4)), {"learning_rate": 0.0}, "learning_rate"),
        (np.zeros((3, 4)), {"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_hostile_input(Z, options, message, vae):
    with pytest.raises(ValueError, match=message):
        vae.refine_latents(X[:3], Z, **options)
