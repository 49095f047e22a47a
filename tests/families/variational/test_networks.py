"""Encoders and decoders of any size, and what they learn from."""

import pytest
import torch

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.families.variational.elbo import elbo
from pofx.families.variational.module import VAEModule, chosen_likelihood
from pofx.families.variational.training import elbo_terms
from pofx.nn.architecture import chosen_architecture
from pofx.nn.pyramid import pyramid, stage_widths


def make_module(height, width, channels=1, levels=4, n_classes=0, **parameters):
    image_format = ImageFormat(ImageSpec(height, width, channels, levels), 4, "|u1", IntegerLevels(levels))
    defaults = {
        "latent_dim": 3, "architecture": "auto", "width": 4, "depth": 1, "likelihood": "auto", "n_components": 2,
        "continuous": False,
    }  # fmt: skip
    torch.manual_seed(0)
    return VAEModule(image_format, n_classes, **(defaults | parameters))


SIZES = [(1, 1), (1, 17), (5, 7), (16, 16), (17, 23), (28, 28), (33, 16), (64, 40)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("architecture", ["mlp", "convolutional", "residual"])
@pytest.mark.parametrize(("channels", "n_classes"), [(1, 0), (3, 5)])
def test_networks_take_any_size(height, width, architecture, channels, n_classes):
    with torch.random.fork_rng():
        module = make_module(height, width, channels, n_classes=n_classes, architecture=architecture)
    x = torch.randint(0, 4, (2, channels, height, width), generator=torch.Generator().manual_seed(0))
    codes = torch.tensor([1, 4]) if n_classes else None
    mean, log_variance = module.encode(module.scaled(x), codes)
    assert mean.shape == log_variance.shape == (2, 3)
    parameters = module.decode(mean, codes)
    assert parameters.shape == (2, module.n_outputs_a_pixel, height, width)
    assert module.law().log_prob(parameters, x).shape == x.shape


@pytest.mark.parametrize("architecture", ["mlp", "convolutional", "residual"])
@pytest.mark.parametrize("n_classes", [0, 5])
def test_every_parameter_gets_a_gradient(architecture, n_classes):
    with torch.random.fork_rng():
        module = make_module(18, 17, 3, n_classes=n_classes, architecture=architecture)
        for parameter in module.parameters():  # layers that start at zero hide those behind them
            torch.nn.init.normal_(parameter, std=0.1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 4, (4, 3, 18, 17), generator=generator)
    codes = torch.tensor([0, 1, 2, 4]) if n_classes else None
    noise = torch.randn(1, 4, 3, generator=generator)
    elbo(*elbo_terms(module, x, codes, noise, discrete=True)).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("architecture", ["mlp", "convolutional", "residual"])
def test_every_pixel_reaches_the_latent_and_back(architecture):
    """The Jacobian of the posterior mean has no column of zeros, that of the decoder no row."""
    with torch.random.fork_rng():
        module = make_module(17, 19, architecture=architecture, likelihood="logistic").double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    generator = torch.Generator().manual_seed(0)
    u = torch.rand(1, 1, 17, 19, generator=generator, dtype=torch.float64)
    to_latent = torch.autograd.functional.jacobian(lambda v: module.encode(v, None)[0].sum(), u)
    assert (to_latent != 0).all()
    z = torch.randn(1, 3, generator=generator, dtype=torch.float64)
    from_latent = torch.autograd.functional.jacobian(lambda v: module.decode(v, None), z)
    assert (from_latent.abs().sum(dim=-1) != 0).all()


def test_sizes_halve_down_to_eight():
    assert pyramid((28, 28)) == [(28, 28), (14, 14), (7, 7)]
    assert pyramid((33, 17)) == [(33, 17), (17, 9), (9, 5), (5, 3)]
    assert pyramid((1, 40)) == [(1, 40)]
    assert stage_widths(32, 1) == [32]
    assert stage_widths(32, 2) == [32]
    assert stage_widths(32, 4) == [32, 64, 64]


def test_what_auto_stands_for():
    assert chosen_likelihood("auto", 2) == "bernoulli"
    assert chosen_likelihood("auto", 256) == "logistic_mixture"
    assert chosen_likelihood("normal", 2) == "normal"
    assert chosen_architecture("auto", 15, 40) == "mlp"
    assert chosen_architecture("auto", 16, 16) == "convolutional"
