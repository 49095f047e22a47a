"""What the encoder minimises, what refinement ascends and what a latent dimension is worth, written out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.engine.phase import Batch
from pofx.families.adversarial.encoder import encoder_phase, log_joint
from pofx.families.adversarial.features import EncodedImages
from pofx.families.adversarial.module import GANModule


def module():
    torch.manual_seed(0)
    image_format = ImageFormat(ImageSpec(4, 4, 1, 5), 3, "|u1", IntegerLevels(5))
    sizes = {"latent_dim": 3, "architecture": "mlp", "width": 6, "depth": 1}
    return GANModule(image_format, 0, continuous=False, encoder=True, **sizes).double()


def test_the_encoder_regresses_latents_and_rebuilds_images():
    """E|E(G(z)) - z|^2 / L + 10 E|G(E(x)) - x|^2 / D; of the generator nothing is moved."""
    network = module()
    x = torch.randint(0, 5, (6, 1, 4, 4), generator=torch.Generator().manual_seed(1))
    phase = encoder_phase(network)
    found = phase.loss(Batch(x, None, 0, 0.0, torch.Generator().manual_seed(5)))
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    u = network.scaled(x)
    latents = (network.encode(network.generate(z, None)) - z).square().sum(1).mean() / 3
    images = (network.generate(network.encode(u), None) - u).square().flatten(1).sum(1).mean() / 16
    torch.testing.assert_close(found.total, latents + 10 * images)
    assert list(phase.parameters) == list(network.encoder.parameters())


def test_refinement_ascends_the_log_of_two_normal_laws():
    """log N(x; G(z), s^2 I) + log N(z; 0, I), but for a constant."""
    network, variance = module(), 0.3
    u, z = torch.rand(2, 1, 4, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    found = log_joint(network, u, None, variance)

    def written_out(z):
        of_images = torch.distributions.Normal(network.generate(z, None), variance**0.5).log_prob(u)
        return of_images.flatten(1).sum(1) + torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)

    torch.testing.assert_close(found(z) - found(0.5 * z), written_out(z) - written_out(0.5 * z))


def test_the_importance_of_a_latent_is_the_variance_that_it_brings():
    """Of G(z) = A z a mean over sub-pixels of A^2: E |A (z' - z)|^2 / 2D, z' - z of variance 2."""
    A = torch.tensor([[1.0, 0.0, 2.0], [0.5, 0.0, 1.0]], dtype=torch.float64)
    linear = SimpleNamespace(
        latent_dim=3,
        latents=lambda n, generator: torch.randn(n, 3, generator=generator, dtype=torch.float64),
        generate=lambda z_NL, codes: (z_NL @ A.T)[:, None, None, :],
    )
    model = SimpleNamespace(module_=linear, _is_conditional=False)
    found = EncodedImages._measured_importance(model, 20_000, torch.Generator().manual_seed(0))
    assert found == pytest.approx(np.array([1.25, 0.0, 5.0]) / 2, rel=0.05)
