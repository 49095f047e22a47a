"""The slope of the discriminator and its own derivative, against finite differences, eager and compiled."""

import numpy as np
import pytest
import torch
from torch import nn

from pofx.families.adversarial.networks import CellDiscriminator, MLPDiscriminator, ResidualDiscriminator
from pofx.families.adversarial.penalties import logits_and_slope

NO_LABEL = torch.empty(3, 0, dtype=torch.float64)


def networks():
    torch.manual_seed(0)
    return {
        "mlp": (MLPDiscriminator((1, 3, 2), 0, 8, 2), (1, 3, 2)),
        "convolutional": (CellDiscriminator((2, 16, 17), 0, 3, 2), (2, 16, 17)),
        "residual": (ResidualDiscriminator((2, 16, 17), 0, 2, 1), (2, 16, 17)),
    }


def test_the_slope_of_a_known_function():
    """d(x) = a.x + x.B x / 2 has the gradient a + B x."""
    torch.manual_seed(0)
    a, root, x = torch.randn(5), torch.randn(5, 5), torch.randn(4, 5, 1, 1)
    B = root + root.T

    def critic(x_NCHW):
        v = x_NCHW.flatten(1)
        return v @ a + 0.5 * ((v @ B) * v).sum(1)

    logit, slope = logits_and_slope(critic, x)
    torch.testing.assert_close(logit, critic(x))
    torch.testing.assert_close(slope, ((a + x.flatten(1) @ B) ** 2).sum(1))


@pytest.mark.parametrize(
    ("kind", "compiled"),
    [("mlp", False), ("convolutional", False), ("residual", False), ("mlp", True), ("convolutional", True)],
)
def test_the_gradient_of_both_penalties_is_that_of_finite_differences(kind, compiled):
    discriminator, shape = networks()[kind]
    discriminator = discriminator.double()
    with torch.no_grad():  # what begins at zero would hide its own derivative
        for parameter in discriminator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    real, made = torch.randn(3, *shape, dtype=torch.float64), torch.randn(3, *shape, dtype=torch.float64)

    def penalties(real, made):
        slopes = [logits_and_slope(lambda u: discriminator(u, NO_LABEL), u)[1].mean() for u in (real, made)]
        return 0.5 * sum(slopes)

    # Without a code generator: what is checked is the graph, in which the derivative of a derivative can get lost.
    function = torch.compile(penalties, backend="aot_eager") if compiled else penalties
    parameters = [p for p in discriminator.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(function(real, made), parameters, allow_unused=True)
    step, checked = 1e-6, 0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        n = parameter.numel()
        for place in {n // 2, n - 1} if compiled else {0, n // 2, n - 1}:
            index = np.unravel_index(place, parameter.shape)  # channels may come last in memory
            before, values = float(parameter.detach()[index]), []
            for sign in (1, -1):
                parameter.data[index] = before + sign * step
                values.append(float(penalties(real, made).detach()))
            parameter.data[index] = before
            found = 0.0 if gradient is None else float(gradient[index])
            assert found == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-7)
            checked += abs(found) > 1e-6
    assert checked > 4


def test_weights_that_do_not_change_the_slope_get_no_gradient():
    """A bias of a linear critic moves d, not its slope."""
    linear = nn.Linear(3, 1)
    _, slope = logits_and_slope(lambda u: linear(u.flatten(1))[:, 0], torch.randn(2, 3, 1, 1))
    of_weight, of_bias = torch.autograd.grad(slope.sum(), [linear.weight, linear.bias], allow_unused=True)
    torch.testing.assert_close(of_weight, 4 * linear.weight.detach())
    assert of_bias is None or (of_bias == 0).all()
