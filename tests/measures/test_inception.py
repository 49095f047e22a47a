"""The network of the FID: its shape, its resizing, and the file that it takes."""

import hashlib

import numpy as np
import pytest
import torch

from pofx.measures import inception
from pofx.measures.extractors import Extractor, published_inception
from pofx.measures.frechet import frechet_distance


@pytest.fixture(scope="module")
def network():
    """Weights of a fixed law, drawn parameter by parameter in the order of their names."""
    rng = np.random.default_rng(0)
    network = inception.InceptionV3().eval()
    for name, tensor in sorted(network.state_dict().items()):
        if name.endswith("conv.weight"):
            deviation = np.sqrt(2 / tensor[0].numel())
            tensor.copy_(torch.from_numpy(deviation * rng.normal(size=tensor.shape)))
        elif name.endswith(("bn.weight", "running_var")):
            tensor.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, size=tensor.shape)))
        elif name.endswith(("bn.bias", "running_mean")):
            tensor.copy_(torch.from_numpy(0.3 * rng.normal(size=tensor.shape)))
    return network


@pytest.fixture
def weights(network, tmp_path, monkeypatch):
    """A file of these weights that is taken for the published one."""
    path = tmp_path / "weights.pth"
    names = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save({**network.state_dict(), **names}, path)
    monkeypatch.setattr(inception, "FILE_BYTES", path.stat().st_size)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_its_parameters_are_those_of_the_published_file(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_785_568
    shapes = {name: tuple(tensor.shape) for name, tensor in network.named_parameters()}
    assert len(shapes) == 94 * 3
    assert shapes["Conv2d_4a_3x3.conv.weight"] == (192, 80, 3, 3)
    assert shapes["Mixed_5b.branch5x5_2.conv.weight"] == (64, 48, 5, 5)
    assert shapes["Mixed_6a.branch3x3.conv.weight"] == (384, 288, 3, 3)
    assert shapes["Mixed_6c.branch7x7dbl_3.conv.weight"] == (160, 160, 1, 7)
    assert shapes["Mixed_7a.branch7x7x3_4.bn.weight"] == (192,)
    assert shapes["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)
    assert shapes["Mixed_7b.branch_pool.conv.weight"] == (192, 1280, 1, 1)


def test_its_features_are_those_of_another_implementation(weights):
    """The numbers are what torch-fidelity 0.4.0 gives for the same weights and images."""
    images = np.random.default_rng(1).integers(0, 256, size=(2, 20, 31, 3), dtype=np.uint8)
    features = inception.PublishedInception(weights)(images)
    assert features.shape == (2, 2048)
    assert features.mean(axis=1) == pytest.approx([3.7444813, 3.6219059], rel=1e-5)
    assert features[0, [0, 500, 1000, 1500, 2047]] == pytest.approx(
        [1.439535, 1.668054, 13.111929, 0.119629, 23.937938], abs=1e-4
    )
    assert np.abs(features[0] - features[1]).mean() == pytest.approx(0.155470, rel=1e-4)


def test_images_are_resized_without_a_shift_by_half_a_pixel():
    x = torch.arange(12.0, dtype=torch.float64).reshape(1, 1, 3, 4) ** 2
    made = inception.resized(x, 7)[0, 0]
    for row in range(7):
        for column in range(7):
            place = row * 3 / 7, column * 4 / 7
            top, left = int(place[0]), int(place[1])
            below, right = min(top + 1, 2), min(left + 1, 3)
            a, b = place[0] - top, place[1] - left
            upper = (1 - b) * x[0, 0, top, left] + b * x[0, 0, top, right]
            lower = (1 - b) * x[0, 0, below, left] + b * x[0, 0, below, right]
            assert made[row, column] == pytest.approx(float((1 - a) * upper + a * lower))
    assert torch.equal(inception.resized(x, 3)[..., :1], x[..., :1])


def test_the_border_does_not_count_in_a_mean():
    block = inception.Mixed(1, {"branch1x1": [(1, (1, 1), 1)]}, "avg", 1).eval()
    block.branch_pool.conv.weight.data.fill_(1.0)
    pooled = block._pooled(torch.full((1, 1, 4, 4), 5.0))
    assert torch.allclose(pooled, torch.full((1, 1, 4, 4), 5.0 / (1 + 1e-3) ** 0.5))


def test_gray_images_and_other_levels_are_stretched_to_bytes(weights):
    bits = np.random.default_rng(2).integers(0, 2, size=(1, 8, 8), dtype=np.uint8)
    of_bits = inception.PublishedInception(weights, levels=2)(bits)
    colour = np.repeat(255 * bits[..., None], 3, axis=3)
    assert np.array_equal(of_bits, inception.PublishedInception(weights)(colour))
    with pytest.raises(ValueError, match=r"values from 0 to 255; FID's Inception .* needs them in 0\.\.1"):
        inception.PublishedInception(weights, levels=2)(colour)
    with pytest.raises(ValueError, match=r"must have shape \(n, H, W\)"):
        inception.PublishedInception(weights)(np.zeros((3, 64)))


def test_only_the_published_file_is_opened(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a stranger's file was read")

    monkeypatch.setattr(torch, "load", never)
    path = tmp_path / "pt_inception-2015-12-05-6726825d.pth"
    path.write_bytes(b"PK" * 100)
    with pytest.raises(ValueError, match="is not the published file of Inception weights"):
        published_inception(path)
    monkeypatch.setattr(inception, "FILE_BYTES", 200)  # of the right length, but another content
    with pytest.raises(ValueError, match="no other weights make a FID"):
        published_inception(path)
    with pytest.raises(FileNotFoundError):
        published_inception(tmp_path / "nothing.pth")


def test_its_name_is_its_own_and_stands_in_results(weights):
    seen = []

    class Counter:
        def __enter__(self):
            return lambda done, total: seen.append((done, total))

        def __exit__(self, *_):
            pass

    extractor = published_inception(weights, counter=Counter)
    features = extractor(np.random.default_rng(3).integers(0, 256, size=(3, 5, 5), dtype=np.uint8))
    assert seen == [(3, 3)]
    told = str(frechet_distance(features[:, :2], features[:, :2] + 1, extractor=extractor.name))
    assert "on FID's Inception (2015-12-05, pool 3)" in told
    with pytest.raises(ValueError, match="cannot be the name"):
        Extractor(inception.NAME, lambda images: images)
