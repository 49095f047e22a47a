"""Real-valued data have a density in the user's unit: it integrates to 1 over the whole line, tails included."""

import numpy as np
import pytest
import torch

import pofx


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(-30, 2, size=150), rng.normal(10, 5, size=150)])[:, None]


@pytest.mark.parametrize("likelihood", ["categorical", "logistic", "logistic_mixture", "normal"])
def test_the_density_integrates_to_one(likelihood, values):
    """With a decoder that ignores z and q(z|x) = p(z) the bound is log p(x) itself; summed over a fine grid."""
    model = pofx.VAE(
        likelihood=likelihood, latent_dim=1, width=8, depth=1, max_epochs=20, batch_size=16, precision="float64",
        random_state=0,
    ).fit(values)  # fmt: skip
    with torch.no_grad():
        model.module_.encoder.head.weight.zero_()
        model.module_.encoder.head.bias.zero_()
        model.module_.decoder.hidden[0].weight.zero_()
    grid = model.image_format_.grid
    # A normal law over two heaps reaches far beyond both, and is smooth; the steps have short tails.
    spacing, beyond = (grid.step / 8, 512) if likelihood == "normal" else (grid.step / 64, 64)
    points = np.arange(grid.low - beyond * grid.step, grid.high + beyond * grid.step, spacing) + spacing / 2
    density = np.exp(model.score_samples(points[:, None]))
    assert density.sum() * spacing == pytest.approx(1, abs=1e-4)


def test_a_model_of_the_line_finds_both_heaps(values):
    model = pofx.VAE(latent_dim=2, width=32, max_epochs=150, batch_size=32, random_state=0).fit(values)
    at_heaps, between = model.score_samples([[-30.0], [10.0]]), model.score_samples([[-12.0]])
    assert at_heaps.min() > between + 1
    samples = model.sample(2000, random_state=0)
    assert np.mean(samples < -12) == pytest.approx(0.5, abs=0.15)
