"""What a GAN says of given images."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pofx
from pofx.families.adversarial import typicality

X, Y = load_digits().images, load_digits().target
SMALL = {"width": 24, "depth": 1, "latent_dim": 4, "random_state": 0}


@pytest.fixture(scope="module")
def with_encoder():
    return pofx.GAN(encoder=True, max_epochs=20, **SMALL).fit(X[:1000])


@pytest.fixture(scope="module")
def without():
    return pofx.GAN(max_epochs=2, **SMALL).fit(X[:300])


@pytest.fixture(scope="module")
def conditional():
    return pofx.GAN(encoder=True, conditional=True, max_epochs=3, **SMALL).fit(X[:500], Y[:500])


def test_the_statistics_are_the_discriminator_s_and_with_an_encoder_those_of_the_residual(with_encoder, without):
    values, names = without.typicality_statistics(X[:50])
    assert values.shape == (50, 1 + 24) and names[0] == "discriminator_logit" and len(names) == len(set(names)) == 25
    np.testing.assert_allclose(values[:, 1:], without.transform(X[:50]))
    more, more_names = with_encoder.typicality_statistics(X[:50])
    assert more.shape == (50, 30) and more_names[25:] == typicality.RESIDUAL_NAMES
    scaled, again = X[:50] / 8 - 1, with_encoder.reconstruct(X[:50]) / 8 - 1
    error = ((again - scaled) ** 2).reshape(50, -1)
    np.testing.assert_allclose(more[:, 25], np.log(error.mean(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(more[:, 26], error.std(axis=1), rtol=1e-4)
    np.testing.assert_allclose(more[:, 27], np.quantile(error, 0.95, axis=1), rtol=1e-4)
    np.testing.assert_allclose(more[:, 28], np.log(np.maximum(error, 1e-6)).mean(axis=1), rtol=1e-3)
    np.testing.assert_allclose(more[:, 29], 0.5 * (with_encoder.transform(X[:50]) ** 2).sum(axis=1), rtol=1e-5)


def test_the_map_is_the_squared_residual_in_units_of_its_usual_size(with_encoder):
    scaled, again = X[:50] / 8 - 1, with_encoder.reconstruct(X[:50]) / 8 - 1
    expected = 0.5 * ((again - scaled) ** 2 / with_encoder.error_variance_ - 1)
    np.testing.assert_allclose(with_encoder.surprise_map(X[:50]), expected, rtol=1e-3, atol=1e-4)
    held_out = X[:1000][with_encoder.held_out_indices_]
    assert abs(with_encoder.surprise_map(held_out).mean()) < 1e-4


def test_without_an_encoder_there_is_no_map_and_the_error_says_why(without):
    assert not hasattr(without, "surprise_map")
    with pytest.raises(AttributeError) as caught:
        without.surprise_map(X)
    assert "encoder=True" in str(caught.value.__cause__)


def test_noise_has_a_greater_residual_than_digits(with_encoder):
    noise = np.random.default_rng(0).integers(0, 17, size=(100, 8, 8)).astype(float)
    error = [with_encoder.typicality_statistics(images)[0][:, 25] for images in (X[1000:1100], noise)]
    assert np.median(error[1]) > np.quantile(error[0], 0.95)


def test_an_image_gets_the_same_bits_whatever_it_is_asked_with(with_encoder):
    whole, _ = with_encoder.typicality_statistics(X[:70])
    np.testing.assert_array_equal(whole[66:67], with_encoder.typicality_statistics(X[66:67])[0])


def test_without_labels_the_class_that_comes_nearest_counts_and_the_mean_logit(conditional):
    of_class = [conditional.typicality_statistics(X[:40], np.full(40, label))[0] for label in range(10)]
    values, _ = conditional.typicality_statistics(X[:40])
    np.testing.assert_allclose(values[:, 0], np.tensordot(conditional.class_prior_, of_class, axes=1)[:, 0], rtol=1e-5)
    errors = np.stack([found[:, 25] for found in of_class])
    np.testing.assert_allclose(values[:, 25], errors.min(axis=0), rtol=1e-6)
    nearest = errors.argmin(axis=0)
    assert len(np.unique(nearest)) > 1
    maps = np.stack([conditional.surprise_map(X[:40], np.full(40, label)) for label in range(10)])
    np.testing.assert_allclose(conditional.surprise_map(X[:40]), maps[nearest, np.arange(40)], rtol=1e-6)


def test_real_valued_vectors_have_them_too():
    vectors = np.random.default_rng(0).normal(size=(200, 3))
    model = pofx.GAN(encoder=True, max_epochs=1, **SMALL).fit(vectors)
    assert np.isfinite(model.typicality_statistics(vectors)[0]).all() and model.surprise_map(vectors).shape == (200, 3)


def test_a_perfect_generator_has_a_finite_logarithm_of_its_error(monkeypatch, with_encoder):
    module = with_encoder.module_
    u_NCHW = module.scaled(torch.from_numpy(X[:3, None]))
    monkeypatch.setattr(typicality, "squared_residual", lambda *_: torch.zeros(3, 1, 8, 8, dtype=torch.float64))
    assert typicality.residual_statistics(module, u_NCHW, None).isfinite().all()
