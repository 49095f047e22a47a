"""The most central of several completions."""

import numpy as np
import pytest

import pofx
from pofx import completion

X = np.random.default_rng(0).integers(0, 3, (7, 4, 4))
KNOWN = np.arange(16).reshape(4, 4) < 6


@pytest.fixture(scope="module")
def model():
    settings = {"n_layers": 1, "n_channels": 4, "max_epochs": 1, "validation_fraction": 0.0, "random_state": 0}
    return pofx.PixelCNN(**settings).fit(np.random.default_rng(1).integers(0, 3, (40, 4, 4)))


def draws_of(model, monkeypatch, held, n_draws, **words):
    """The central completions, and all that were drawn for each image, (images, draws, 4, 4)."""
    drawn, complete = [], pofx.PixelCNN.complete

    def watched(self, *arguments, **options):
        drawn.append(complete(self, *arguments, **options))
        return drawn[-1]

    monkeypatch.setattr(pofx.PixelCNN, "complete", watched)
    monkeypatch.setattr(completion, "HELD", held)
    found = model.central_completion(X, KNOWN, n_draws=n_draws, random_state=3, **words)
    return found, [block.reshape(-1, n_draws, 4, 4) for block in drawn]


@pytest.mark.parametrize("held", [10**6, 16 * 5 * 3, 1])
def test_it_is_the_medoid(model, monkeypatch, held):
    found, blocks = draws_of(model, monkeypatch, held, 5)
    assert [len(block) for block in blocks] == {10**6: [7], 240: [3, 3, 1], 1: [1] * 7}[held]
    for image, draws in zip(found, np.concatenate(blocks), strict=True):
        apart = ((draws[:, None] - draws[None]) ** 2).sum(axis=(1, 2, 3))
        assert any(np.array_equal(image, draws[i]) for i in np.flatnonzero(apart == apart.min()))
        assert len(np.unique(draws.reshape(5, -1), axis=0)) > 1
    assert np.array_equal(found[:, KNOWN], X[:, KNOWN])


def test_the_draws_of_blocks_have_noise_of_their_own(model, monkeypatch):
    same = np.repeat(X[:1], 6, axis=0)
    monkeypatch.setattr(completion, "HELD", 1)
    found = model.central_completion(same, KNOWN, n_draws=1, random_state=0)
    assert len(np.unique(found.reshape(6, -1), axis=0)) > 1


def test_it_is_nearer_to_the_truth_and_less_varied(model):
    """The truth being drawn as the completions are."""
    images = np.repeat(X[:1], 400, axis=0)
    truth = model.complete(images, KNOWN, random_state=10)
    one, many = (model.central_completion(images, KNOWN, n_draws=n, random_state=11) for n in (1, 16))
    assert ((many - truth) ** 2).mean() < 0.9 * ((one - truth) ** 2).mean()
    assert many.var(axis=0).mean() < 0.8 * one.var(axis=0).mean()


def test_options_reach_the_model(model, monkeypatch):
    cold, _ = draws_of(model, monkeypatch, 10**6, 1, temperature=1e-3)
    assert np.array_equal(cold, model.complete(X, KNOWN, temperature=1e-3, random_state=99))


def test_a_value_that_is_none_is_named_where_it_is_known(model):
    broken = X.astype(np.float64)
    broken[2, 3, 3] = np.nan  # unknown there
    model.complete(broken, KNOWN, random_state=0)
    broken[3, 0, 1] = np.nan
    with pytest.raises(ValueError, match=r"image 3 has NaN or infinity where it is known: .*mask"):
        model.complete(broken, KNOWN)
