"""The two players in one module, and the way between levels and what they see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.data.images import ImageFormat
from pofx.families.adversarial import networks
from pofx.families.adversarial.cells import CellGenerator, CellReader
from pofx.nn.architecture import chosen_architecture
from pofx.nn.conditional import ConditionalModule

#: Deviation of real-valued sub-pixels as the networks see them: with 1, what is much finer than the spread of the data
#: is found later.
SEEN_DEVIATION = 2.0


@dataclass(frozen=True)
class Kind:
    """The networks of an architecture, and the sizes that they have unless told."""

    generator: Callable[[tuple[int, int, int], int, int, int, int], nn.Module]
    discriminator: Callable[[tuple[int, int, int], int, int, int], networks.Discriminator]
    encoder: Callable[[tuple[int, int, int], int, int, int], nn.Module]
    width: int
    depth: int
    is_convolutional: bool


KINDS = {
    "mlp": Kind(networks.MLPGenerator, networks.MLPDiscriminator, networks.MLPEncoder, 256, 3, False),
    "convolutional": Kind(CellGenerator, networks.CellDiscriminator, CellReader, 32, 2, True),
    "residual": Kind(
        networks.residual_generator, networks.ResidualDiscriminator, networks.ResidualEncoder, 32, 1, True
    ),
}


class GANModule(ConditionalModule):
    """A generator x = G(z, y), z ~ N(0, I), and a discriminator d(x, y).

    Args:
        image_format: of the images.
        n_classes: 0 for an unconditional model.
        latent_dim: dimensions of z.
        architecture: "mlp", "convolutional", "residual" or "auto" (convolutional from 16 x 16 on).
        width: hidden units of a layer (mlp; None: 256), or channels (convolutional; None: 32), or channels at half size
            (residual; None: 32).
        depth: hidden layers (mlp; None: 3), or convolutions (None: 2), or residual blocks at each size (None: 1).
        continuous: whether images are scaled reals, which have no bounds, and not levels.
        encoder: whether there is a network from images to latents, too.
    """

    n_outputs_a_pixel = 1
    mean_CHW: Tensor
    deviation_CHW: Tensor
    ends_are_reached: Tensor

    def __init__(
        self,
        image_format: ImageFormat,
        n_classes: int,
        *,
        latent_dim: int,
        architecture: str,
        width: int | None,
        depth: int | None,
        continuous: bool,
        encoder: bool,
    ) -> None:
        super().__init__()
        spec = image_format.spec
        shape = (spec.channels, spec.height, spec.width)
        if continuous:
            # Columns of real numbers may have any scale; what the networks see is standardised, each by itself.
            self.register_buffer("mean_CHW", torch.zeros(shape))
            self.register_buffer("deviation_CHW", torch.ones(shape))
        else:
            # Whether black and white are levels that many sub-pixels have exactly; see `within_range`.
            self.register_buffer("ends_are_reached", torch.zeros(2, dtype=torch.bool))
        self.levels, self.latent_dim, self.n_classes, self.continuous = spec.levels, latent_dim, n_classes, continuous
        self.encoder: nn.Module | None = None
        kind = KINDS[chosen_architecture(architecture, spec.height, spec.width)]
        self.is_convolutional = kind.is_convolutional
        width, depth = width or kind.width, kind.depth if depth is None else depth
        if depth == 0 and kind is KINDS["convolutional"]:
            raise ValueError('depth must be at least 1 with architecture="convolutional": cells alone do not overlap')
        self.generator = kind.generator(shape, n_classes, latent_dim, width, depth)
        self.discriminator = kind.discriminator(shape, n_classes, width, depth)
        if encoder:
            self.encoder = kind.encoder(shape, latent_dim, width, depth)

    def scaled(self, x_NCHW: Tensor) -> Tensor:
        """What the networks see: levels 0..K-1 -> [-1, 1]; reals by the mean and deviation of each sub-pixel."""
        u_NCHW = x_NCHW.to(self.dtype)
        if self.continuous:
            return SEEN_DEVIATION * (u_NCHW - self.mean_CHW) / self.deviation_CHW
        return 2 * u_NCHW / (self.levels - 1) - 1

    def generate(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        """G(z, y) as the discriminator sees it, NCHW: within [-1, 1] where images have levels."""
        u_NCHW: Tensor = self.generator(z_NL, self.one_hot(codes, len(z_NL)))
        return u_NCHW if self.continuous else within_range(u_NCHW, self.ends_are_reached)

    def encode(self, u_NCHW: Tensor) -> Tensor:
        """The latent E(x) of each image, whatever its class, (n, latent_dim)."""
        assert self.encoder is not None, "a game without an encoder"
        latent_NL: Tensor = self.encoder(u_NCHW)
        return latent_NL

    def expected(self, u_NCHW: Tensor) -> Tensor:
        """The inverse of `scaled`: levels as real numbers, or scaled reals."""
        if self.continuous:
            return u_NCHW * (self.deviation_CHW / SEEN_DEVIATION) + self.mean_CHW
        return (u_NCHW + 1) * ((self.levels - 1) / 2)

    def quantised(self, u_NCHW: Tensor) -> Tensor:
        """The images that are drawn: the nearest levels, int64; reals as they are."""
        expected_NCHW = self.expected(u_NCHW)
        return expected_NCHW if self.continuous else expected_NCHW.round().long()

    def logits(self, u_NCHW: Tensor, codes: Tensor | None) -> Tensor:
        """d(x, y), (n,)."""
        logit_N: Tensor = self.discriminator(u_NCHW, self.one_hot(codes, len(u_NCHW)))
        return logit_N

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """z ~ N(0, I), (n, latent_dim), on the generator's device."""
        return torch.randn(n, self.latent_dim, generator=generator, dtype=self.dtype, device=generator.device)

    # Of one weight: to ask for the first of all parameters takes longer than a layer of a small network.

    @property
    def dtype(self) -> torch.dtype:
        return self.discriminator.head.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.discriminator.head.weight.device


def within_range(v_NCHW: Tensor, ends_are_reached: Tensor) -> Tensor:
    """Any numbers -> [-1, 1]: cut off at an end that is reached, else drawn towards it as by tanh.

    tanh comes to -1 only slowly, and leaves a haze where the images are black; cut off, what lies beyond is exactly
    black. Where images have few sub-pixels at the end itself, but many near it, cutting off would put too many there.

    Args:
        ends_are_reached: whether -1 and 1 are, (2,), bool.
    """
    reached = torch.where(v_NCHW < 0, ends_are_reached[0], ends_are_reached[1])
    return torch.where(reached, F.hardtanh(v_NCHW), torch.tanh(v_NCHW))
