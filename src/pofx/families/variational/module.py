"""The network of a VAE: encoder, decoder and the law of a pixel, wired together; no loss in here."""

from __future__ import annotations

from torch import Tensor, nn

from pofx.data.images import ImageFormat
from pofx.distributions.pixels import PixelLaw, pixel_law
from pofx.families.variational import networks
from pofx.families.variational.flow import RealNVP
from pofx.families.variational.priors import GaussianMixture, Prior, StandardNormal, VampPrior
from pofx.nn.architecture import chosen_architecture
from pofx.nn.conditional import ConditionalModule
from pofx.nn.residual import ResidualDecoder


class VAEModule(ConditionalModule):
    """q(z|x, y), p(x|z, y) and p(z), which does not depend on y.

    Args:
        continuous: real-valued images come as they are (scaled), with a density; otherwise levels, with a mass.
        prior: "normal", "flow", "vamp" or "mixture".
        prior_components: of the VampPrior (None: 100) or the mixture (None: 64).
        prior_depth, prior_width: couplings of the flow (None: 8), and hidden units in each (None: 128).

    Raises:
        ValueError: a size that this prior does not have.
    """

    def __init__(
        self,
        image_format: ImageFormat,
        n_classes: int,
        *,
        latent_dim: int,
        architecture: str,
        width: int | None,
        depth: int | None,
        likelihood: str,
        n_components: int,
        continuous: bool,
        prior: str = "normal",
        prior_components: int | None = None,
        prior_depth: int | None = None,
        prior_width: int | None = None,
    ) -> None:
        super().__init__()
        spec = image_format.spec
        self.levels, self.n_classes, self.latent_dim, self.continuous = spec.levels, n_classes, latent_dim, continuous
        name = chosen_likelihood(likelihood, spec.levels)
        self.mass_law = pixel_law(name, spec.channels, spec.levels, n_components, continuous=False)
        self.density_law: PixelLaw | None = (
            pixel_law(name, spec.channels, spec.levels, n_components, continuous=True) if continuous else None
        )
        self.n_outputs_a_pixel = self.mass_law.n_parameters
        shape, n_outputs = spec.shape_CHW, self.n_outputs_a_pixel
        self.encoder: nn.Module
        self.decoder: nn.Module
        chosen = chosen_architecture(architecture, spec.height, spec.width)
        if chosen == "mlp":
            width, depth = width or 512, 2 if depth is None else depth
            self.encoder = networks.MLPEncoder(shape, n_classes, latent_dim, width, depth)
            self.decoder = networks.MLPDecoder(shape, n_outputs, n_classes, latent_dim, width, depth)
        elif chosen == "convolutional":
            width, depth = width or 24, 1 if depth is None else depth
            self.encoder = networks.ConvolutionalEncoder(shape, n_classes, latent_dim, width, depth)
            self.decoder = networks.ConvolutionalDecoder(shape, n_outputs, n_classes, latent_dim, width, depth)
        else:
            width, depth = width or 32, 2 if depth is None else depth
            # What is hard is to draw an image, not to read one: the decoder has twice the blocks.
            self.encoder = networks.ResidualEncoder(shape, n_classes, latent_dim, width, -(-depth // 2))
            self.decoder = ResidualDecoder(shape, n_outputs, n_classes, latent_dim, width, depth)
        self.prior = self._made_prior(prior, shape, prior_components, prior_depth, prior_width)

    def _made_prior(
        self,
        name: str,
        shape_CHW: tuple[int, int, int],
        components: int | None,
        depth: int | None,
        width: int | None,
    ) -> Prior:
        sizes = {"prior_components": components, "prior_depth": depth, "prior_width": width}
        own = {"flow": ("prior_depth", "prior_width"), "vamp": ("prior_components",), "mixture": ("prior_components",)}
        foreign = [size for size, value in sizes.items() if value is not None and size not in own.get(name, ())]
        if foreign:
            raise ValueError(f"{foreign[0]} is no size of prior={name!r}; leave it None")
        if name == "flow":
            return RealNVP(self.latent_dim, depth or 8, width or 128)
        if name == "vamp":
            return VampPrior(self.encoder, shape_CHW, self.n_classes, components or 100)
        if name == "mixture":
            return GaussianMixture(self.latent_dim, components or 64)
        return StandardNormal(self.latent_dim)

    def law(self, *, discrete: bool = False) -> PixelLaw:
        """p(x_i | z): the mass of a level; of a continuous model the density, unless ``discrete`` asks for the mass."""
        return self.mass_law if discrete or self.density_law is None else self.density_law

    def scaled(self, x_NCHW: Tensor, *, discrete: bool = False) -> Tensor:
        """What the encoder sees: levels 0..K-1 -> [-1, 1]; the scaled reals of a continuous model stay as they are,
        unless ``discrete`` says that x holds levels."""
        u_NCHW = x_NCHW.to(self.dtype)
        return 2 * u_NCHW / (self.levels - 1) - 1 if discrete or not self.continuous else u_NCHW

    def encode(self, u_NCHW: Tensor, codes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x, y), each (n, latent_dim)."""
        mean_NL, log_variance_NL = self.encoder(u_NCHW, self.one_hot(codes, len(u_NCHW)))
        return mean_NL, log_variance_NL

    def decode(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        """Parameters of the pixel law, NPHW."""
        parameters: Tensor = self.decoder(z_NL, self.one_hot(codes, len(z_NL)))
        return parameters


def chosen_likelihood(likelihood: str, levels: int) -> str:
    """The pixel law that ``likelihood="auto"`` stands for."""
    if likelihood != "auto":
        return likelihood
    return "bernoulli" if levels == 2 else "logistic_mixture"
