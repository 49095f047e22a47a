"""The losses of both players in the game, written out; what the phases are told; the score that chooses the state."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch.nn.functional import logsigmoid

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.data.reader import ImageReader
from pofx.engine.phase import Batch
from pofx.families.adversarial.augmentation import augmented
from pofx.families.adversarial.module import GANModule
from pofx.families.adversarial.training import game, held_out_divergence

GAMMA = 0.7


def image_format(side=4):
    return ImageFormat(ImageSpec(side, side, 1, 5), 3, "|u1", IntegerLevels(5))


def players(n_classes=0, architecture="mlp", side=4):
    torch.manual_seed(0)
    return GANModule(
        image_format(side),
        n_classes,
        latent_dim=3,
        architecture=architecture,
        width=6,
        depth=2,
        continuous=False,
        encoder=False,
    ).double()


def batch(progress=0.0, n_classes=0):
    """Six images; all noise of a loss is from seed 5."""
    x = torch.randint(0, 5, (6, 1, 4, 4), generator=torch.Generator().manual_seed(1))
    y = torch.tensor([0, 1, 2, 2, 0, 1]) if n_classes else None  # not the same from the end
    return Batch(x, y, 0, progress, torch.Generator().manual_seed(5))


def images(module, given):
    """Real and generated ones, as the discriminator sees them in this batch."""
    z_NL = torch.randn(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return module.scaled(given.x), module.generate(z_NL, given.y)


def slope(module, u_NCHW, codes):
    """E |grad_u d(u, y)|^2, image by image."""
    of_images = []
    for i in range(len(u_NCHW)):
        one = u_NCHW[i : i + 1].detach().requires_grad_()
        (grad,) = torch.autograd.grad(module.logits(one, None if codes is None else codes[i : i + 1])[0], one)
        of_images.append(grad.square().sum())
    return torch.stack(of_images).mean()


@pytest.mark.parametrize("n_classes", [0, 3])
@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.5, 0.55), (1.0, 0.1)])
def test_the_discriminator_has_half_of_gamma_on_the_slope_at_real_and_at_generated_images(progress, share, n_classes):
    """Pairs of one label; gamma falls to a tenth along half a cosine."""
    module, given = players(n_classes), batch(progress, n_classes)
    found = game(module, objective="relativistic", gamma=GAMMA, augmentation=False)[0].loss(given)
    real, made = images(module, given)
    r1, r2 = slope(module, real, given.y), slope(module, made, given.y)
    of_real, of_made = module.logits(real, given.y), module.logits(made, given.y)
    pairs = -logsigmoid(of_real - of_made).mean()
    assert not torch.isclose(r1, r2, rtol=1e-3)
    torch.testing.assert_close(found.total, pairs + share * GAMMA / 2 * (r1 + r2))
    # No value V: sigmoid(d) is no probability in this game.
    torch.testing.assert_close(dict(found.terms), {"game": pairs, "r1": r1, "r2": r2})


@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
def test_the_classical_discriminator_minimises_minus_the_value(objective):
    module, given = players(), batch()
    found = game(module, objective=objective, gamma=0.0, augmentation=False)[0].loss(given)
    real, made = (module.logits(u, None) for u in images(module, given))
    torch.testing.assert_close(found.total, -(logsigmoid(real) + logsigmoid(-made)).mean())
    torch.testing.assert_close(found.terms["value"], -found.total)
    assert float(found.terms["r1"]) == float(found.terms["r2"]) == 0


def test_the_discriminators_loss_does_not_move_the_generator():
    module = players()
    found = game(module, objective="relativistic", gamma=GAMMA, augmentation=False)[0].loss(batch())
    gradients = torch.autograd.grad(found.total, list(module.generator.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in gradients)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("relativistic", lambda real, made: -logsigmoid(made - real).mean()),
        ("non_saturating", lambda real, made: -logsigmoid(made).mean()),
        ("minimax", lambda real, made: logsigmoid(-made).mean()),
    ],
)
def test_the_generator_is_told_its_own_loss(objective, expected):
    module, given = players(3), batch(n_classes=3)
    found = game(module, objective=objective, gamma=GAMMA, augmentation=False)[1].loss(given)
    torch.testing.assert_close(found.total, expected(*(module.logits(u, given.y) for u in images(module, given))))
    gradients = torch.autograd.grad(found.total, list(module.generator.parameters()))
    assert all((gradient != 0).any() for gradient in gradients)


def test_with_augmentation_both_players_losses_are_of_changed_images_alone():
    """The noise is drawn in order: latents, then the changes of one set and of the other."""
    module = players()
    phases = game(module, objective="relativistic", gamma=0.0, augmentation=True)
    for phase, order in zip(phases, (("real", "made"), ("made", "real")), strict=True):
        given = batch()
        made = module.generate(module.latents(6, given.generator), None)
        shown = {"real": module.scaled(given.x), "made": made}
        logits = {name: module.logits(augmented(shown[name], given.generator), None) for name in order}
        torch.testing.assert_close(phase.loss(batch()).total, -logsigmoid(logits[order[0]] - logits[order[1]]).mean())


def test_each_player_moves_its_own_weights_at_the_rates_of_its_game():
    for architecture, gamma, betas, final in [
        ("mlp", GAMMA, (0.5, 0.99), None),
        ("convolutional", GAMMA, (0.0, 0.9), 0.99),
        ("mlp", 0.0, (0.5, 0.999), None),
        ("convolutional", 0.0, (0.5, 0.999), None),
    ]:
        module = players(architecture=architecture, side=16)
        phases = game(module, objective="relativistic", gamma=gamma, augmentation=False)
        for phase, network in zip(phases, (module.discriminator, module.generator), strict=True):
            assert (phase.betas, phase.final_beta2) == (betas, final)
            assert list(phase.parameters) == list(network.parameters())


@torch.no_grad()
def test_the_score_is_minus_the_energy_distance_of_rounded_images():
    module = players()
    rows = np.random.default_rng(0).integers(0, 5, size=(40, 16)).astype(np.uint8)
    found = held_out_divergence(module, ImageReader(rows, image_format()))
    z_NL = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    levels = (2 * (module.generate(z_NL, None) + 1)).round()  # five levels: -1, -1/2, ..., 1
    x, y = rows / 2 - 1, (levels / 2 - 1).flatten(1).numpy()
    within = sum(cdist(z, z).sum() / (40 * 39) for z in (x, y))
    assert found.score == pytest.approx(within - 2 * cdist(x, y).mean(), rel=1e-10)
    assert found.score < -0.5 < -found.noise < 0


def test_a_generator_whose_numbers_overflow_has_no_score():
    """Its weights are finite, so that no step was taken back; the states before it are not to be lost."""
    module = players()
    with torch.no_grad():
        for parameter in module.generator.parameters():
            parameter.mul_(1e200)
    X = np.random.default_rng(0).integers(0, 5, (40, 16)).astype(np.uint8)
    with torch.inference_mode():
        assert np.isnan(held_out_divergence(module, ImageReader(X, image_format())).score)
