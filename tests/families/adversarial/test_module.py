"""The way between levels, or real numbers, and what the two networks see."""

import pytest
import torch

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.families.adversarial.module import GANModule
from pofx.nn.architecture import chosen_architecture


def module(levels=5, continuous=False):
    image_format = ImageFormat(ImageSpec(2, 3, 1, levels), 3, "|u1", IntegerLevels(levels))
    sizes = {"latent_dim": 3, "architecture": "mlp", "width": 4, "depth": 1}
    return GANModule(image_format, 0, continuous=continuous, encoder=False, **sizes).double()


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_levels_fill_the_range_and_come_back(levels):
    players = module(levels)
    x = torch.arange(levels).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 3)
    u = players.scaled(x)
    assert float(u.min()) == -1 and float(u.max()) == 1
    torch.testing.assert_close(u[1] - u[0], torch.full_like(u[0], 2 / (levels - 1)))
    torch.testing.assert_close(players.expected(u), x.double())
    for part in (-0.45, 0.0, 0.45):  # of a step
        assert torch.equal(players.quantised((u + part * 2 / (levels - 1)).clamp(-1, 1)), x)


def test_real_numbers_are_seen_with_mean_zero_and_deviation_two_and_come_back():
    players = module(continuous=True)
    rows = torch.randn(500, 1, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 7 + 30
    players.mean_CHW.copy_(rows.mean(dim=0))
    players.deviation_CHW.copy_(rows.std(dim=0, correction=0))
    u = players.scaled(rows)
    torch.testing.assert_close(u.mean(dim=0), torch.zeros(1, 2, 3, dtype=torch.float64))
    torch.testing.assert_close(u.std(dim=0, correction=0), torch.full((1, 2, 3), 2.0, dtype=torch.float64))
    torch.testing.assert_close(players.quantised(u), rows)


def test_what_is_generated_has_bounds_only_where_there_are_levels():
    z = 50 * torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.manual_seed(0)
    assert module().generate(z, None).abs().max() <= 1 < module(continuous=True).generate(z, None).abs().max()


def test_convolutions_are_for_images_that_have_both_sides():
    sides = {(8, 8): "mlp", (15, 40): "mlp", (40, 15): "mlp", (16, 16): "convolutional", (16, 40): "convolutional"}
    assert {side: chosen_architecture("auto", *side) for side in sides} == sides
    assert chosen_architecture("residual", 8, 8) == "residual"
