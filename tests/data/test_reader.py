"""Batches from arrays in memory and on disk, and noise that belongs to an image."""

import numpy as np
import pytest
import torch

from pofx.data.checking import infer_format, iterate_parts, mapped_file
from pofx.data.noise import noise_of_images
from pofx.data.reader import MAPPED_BYTES, ROWS_MAPPED, ImageReader


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 9, size=(20, 3, 2), dtype=np.uint8)


def test_batches_hold_the_images_asked_for(images):
    rows = images.reshape(20, -1)
    reader = ImageReader(rows, infer_format(rows, images.shape), labels=np.arange(20))
    x_NCHW, labels = reader.subset(np.array([5, 3, 11])).batch(np.array([2, 0]))
    assert labels.tolist() == [11, 5]
    assert np.array_equal(x_NCHW[:, 0].numpy(), images[[11, 5]])
    assert x_NCHW.dtype == torch.uint8


def test_a_mapped_array_reads_like_one_in_memory(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r").reshape(20, -1)
    assert mapped_file(mapped) is not None
    parts = list(iterate_parts(mapped, part_bytes=20))
    assert len(parts) == 7
    assert np.array_equal(np.concatenate(parts), images.reshape(20, -1))
    reader = ImageReader(mapped, infer_format(mapped, images.shape))
    assert np.array_equal(reader.batch(np.arange(20))[0][:, 0].numpy(), images)


def test_noise_depends_on_the_image_and_the_seed_alone(images):
    x = torch.from_numpy(images)[:, None]
    noise = noise_of_images(x, seed=3, shape=(2, 4))
    assert torch.equal(noise_of_images(x[[7, 2]], seed=3, shape=(2, 4)), noise[[7, 2]])
    assert not torch.equal(noise_of_images(x, seed=4, shape=(2, 4)), noise)
    assert abs(float(noise_of_images(x, seed=5, shape=(50, 40)).mean())) < 0.02
    assert abs(float(noise_of_images(x, seed=5, shape=(50, 40)).std()) - 1) < 0.02


@pytest.mark.parametrize("limit", [0, MAPPED_BYTES])
def test_a_mapped_array_gives_the_same_rows_and_its_pages_back(limit, tmp_path, monkeypatch):
    X = np.random.default_rng(0).integers(0, 256, size=(300, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "x.npy", X)
    released = []
    monkeypatch.setattr("pofx.data.reader.MAPPED_BYTES", limit)
    monkeypatch.setattr("pofx.data.reader.release_pages", lambda rows: released.append(len(rows)))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r").reshape(300, 16)
    reader = ImageReader(mapped, infer_format(mapped, (300, 4, 4)))
    positions = np.random.default_rng(1).permutation(300)[:200]
    assert np.array_equal(reader.values(positions), X.reshape(300, 16)[positions])
    assert len(released) == (200 // ROWS_MAPPED if limit == 0 else 0)
