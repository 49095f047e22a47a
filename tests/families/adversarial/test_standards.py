"""What a GAN learns of its images before the game: the same numbers, however few images are in memory at a time."""

import numpy as np
import pytest
import torch

import pofx
from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.data.reader import ImageReader
from pofx.families.adversarial import standards, training
from pofx.families.adversarial.standards import mean_and_deviation, reached_ends
from pofx.families.adversarial.training import divergence_images, held_out_divergence


def noted(monkeypatch):
    """The sizes of all batches that are read."""
    sizes, whole = [], ImageReader.batch
    monkeypatch.setattr(ImageReader, "batch", lambda self, at: sizes.append(len(at)) or whole(self, at))
    return sizes


def of_levels(X, levels):
    image_format = ImageFormat(ImageSpec(*X.shape[1:], 1, levels), 3, X.dtype.str, IntegerLevels(levels))
    return ImageReader(X.reshape(len(X), -1), image_format)


@pytest.mark.parametrize("part", [1, 100, 2**22])
def test_ends_are_counted_in_parts(part, monkeypatch):
    X = np.full((20, 2, 5), 3, np.uint8)
    X.reshape(-1)[:10] = 0  # one in twenty
    X.reshape(-1)[-9:] = 7  # and just fewer
    monkeypatch.setattr(standards, "PART", part)
    sizes = noted(monkeypatch)
    assert reached_ends(of_levels(X, 8), 8, seed=0).tolist() == [True, False]
    assert sum(sizes) == 20 and max(sizes) == min(20, max(1, part // 10))


@pytest.mark.parametrize("part", [1, 30, 2**22])
def test_moments_are_those_of_all_images(part, monkeypatch):
    """Also where the mean is far larger than the deviation, and where there is none."""
    monkeypatch.setattr(standards, "PART", part)
    X = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 1e-3, 0.0] + [5.0, 1000.0, 2.0]
    model = pofx.GAN(max_epochs=1, width=4, depth=1, latent_dim=2, precision="float64", random_state=0, device="cpu")
    module = model.fit(X).module_
    reader = ImageReader(X, model.image_format_, continuous=True, dtype=torch.float64)
    seen = reader.batch(np.setdiff1d(np.arange(50), model.held_out_indices_))[0].numpy()
    expected = seen.std(axis=0)
    expected[..., 2] = 1  # not the rounding of a mean, by which anything new would be divided
    np.testing.assert_allclose(module.mean_CHW, seen.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(module.deviation_CHW, expected, rtol=1e-9)
    mean_CHW, deviation_CHW = mean_and_deviation(reader, seed=0)
    assert mean_CHW.dtype == deviation_CHW.dtype == torch.float64


def test_large_images_are_compared_in_smaller_numbers(monkeypatch):
    """No more than 256 MiB of float64 numbers of either kind, which 2000 images of 128 x 128 are just below."""
    assert [divergence_images(n) for n in (1, 128 * 128, 256 * 256 * 3, 2**30)] == [2000, 2000, 170, 32]
    X = np.random.default_rng(0).integers(0, 4, (60, 4, 4)).astype(np.uint8)
    model = pofx.GAN(max_epochs=1, width=4, depth=1, latent_dim=2, random_state=0, device="cpu").fit(X)
    monkeypatch.setattr(training, "DIVERGENCE_NUMBERS", 16 * 40)
    sizes = noted(monkeypatch)
    with torch.inference_mode():
        held_out_divergence(model.module_, of_levels(X, 4))
    assert sum(sizes) == 40
