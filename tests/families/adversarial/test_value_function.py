"""The value of the game and the losses of either player, against the formulas written out in probabilities."""

import math

import numpy as np
import pytest
import torch

from pofx.distributions.divergences import jensen_shannon
from pofx.families.adversarial import value_function as game

REAL = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
MADE = torch.tensor([-0.7, 0.1, 1.5], dtype=torch.float64)


def D(logit):
    return 1 / (1 + torch.exp(-logit))


def test_the_value():
    expected = torch.log(D(REAL)).mean() + torch.log(1 - D(MADE)).mean()
    torch.testing.assert_close(game.value(REAL, MADE), expected)
    torch.testing.assert_close(game.discriminator_loss(REAL, MADE), -expected)


def test_a_discriminator_that_knows_nothing_is_worth_minus_log_4():
    zero = torch.zeros(5, dtype=torch.float64)
    assert float(game.value(zero, zero)) == pytest.approx(-math.log(4), abs=1e-15)


def test_losses_of_the_generator():
    torch.testing.assert_close(game.minimax_loss(REAL, MADE), torch.log(1 - D(MADE)).mean())
    torch.testing.assert_close(game.non_saturating_loss(REAL, MADE), -torch.log(D(MADE)).mean())
    torch.testing.assert_close(game.relativistic_generator_loss(REAL, MADE), -torch.log(D(MADE - REAL)).mean())


def test_the_relativistic_discriminator_sees_pairs():
    torch.testing.assert_close(game.relativistic_discriminator_loss(REAL, MADE), -torch.log(D(REAL - MADE)).mean())
    turned = game.relativistic_discriminator_loss(REAL, MADE.flip(0))
    assert not torch.isclose(turned, game.relativistic_discriminator_loss(REAL, MADE))


def test_the_relativistic_optimum_is_the_log_ratio_and_tells_the_divergence_of_pairs():
    """All pairs of two known laws, each as often as it occurs."""
    p, q = np.array([5, 3, 1, 1]) / 10, np.array([1, 2, 3, 4]) / 10
    real, made = np.repeat(np.arange(4), [5, 3, 1, 1]), np.repeat(np.arange(4), [1, 2, 3, 4])
    pairs = torch.cartesian_prod(torch.from_numpy(real), torch.from_numpy(made)).T
    of_pairs = jensen_shannon(np.outer(p, q).ravel(), np.outer(q, p).ravel())
    for constant in (0.0, 2.5):
        d = torch.from_numpy(np.log(p / q) + constant).requires_grad_()
        loss = game.relativistic_discriminator_loss(d[pairs[0]], d[pairs[1]])
        (slope,) = torch.autograd.grad(loss, d)  # the loss is convex in d
        assert float(loss.detach()) == pytest.approx(math.log(2) - of_pairs, abs=1e-12) and slope.abs().max() < 1e-12
    assert of_pairs > jensen_shannon(p, q) + 0.05


@pytest.mark.parametrize("objective", game.OBJECTIVES)
def test_no_logit_is_too_large(objective):
    for loss in game.LOSSES[objective]:
        for real, made in ((1e4, -1e4), (-1e4, 1e4)):
            logits = torch.full((2,), real, requires_grad=True), torch.full((2,), made, requires_grad=True)
            value = loss(*logits)
            gradients = torch.autograd.grad(value, logits, allow_unused=True)
            assert value.isfinite() and all(g is None or g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("objective", game.OBJECTIVES)
def test_the_players_pull_at_generated_images_in_opposite_directions(objective):
    of_discriminator, of_generator = game.LOSSES[objective]
    made = MADE.clone().requires_grad_()
    (down,) = torch.autograd.grad(of_discriminator(REAL, made), made)
    (up,) = torch.autograd.grad(of_generator(REAL, made), made)
    assert (down > 0).all() and (up < 0).all()


def test_where_the_discriminator_is_sure_only_the_minimax_gradient_vanishes():
    made = torch.full((1,), -30.0, requires_grad=True)
    (saturated,) = torch.autograd.grad(game.minimax_loss(made, made), made)
    (other,) = torch.autograd.grad(game.non_saturating_loss(made, made), made)
    assert abs(float(saturated)) < 1e-12 and abs(float(other)) > 0.99


def test_each_objective_has_the_losses_of_its_name():
    assert {
        "relativistic": (game.relativistic_discriminator_loss, game.relativistic_generator_loss),
        "non_saturating": (game.discriminator_loss, game.non_saturating_loss),
        "minimax": (game.discriminator_loss, game.minimax_loss),
    } == game.LOSSES
