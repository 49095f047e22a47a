"""Laws p(z) of the latents.

The standard normal, a Gaussian mixture and the VampPrior; the flow stands in `pofx.families.variational.flow`.

Shapes: S draws an image, N images, L latent dimensions, K components; z_SNL, log-densities in nats.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.distributions import normal

#: Bounds of log sigma^2 of a component, those of q(z|x): what the encoder can say, a component can say.
LOG_VARIANCE_RANGE = (-12.0, 8.0)
#: Numbers that (z - mu_k) / sigma_k may fill at a time; more latents than that pass in parts.
MIXTURE_NUMBERS = 2**23
#: Side in pixels of the patches of one value that a pseudo-input starts from.
PATCH = 4


class Prior(nn.Module, ABC):
    """p(z): a density and a sampler of one and the same law.

    Attributes:
        is_standard_normal: whether p(z) = N(0, I), of which KL(q || p) is known in closed form, dimension by dimension.
    """

    is_standard_normal: ClassVar[bool] = False

    @abstractmethod
    def log_density(self, z_SNL: Tensor) -> Tensor:
        """log p(z) in nats; (..., latent_dim) -> (...), differentiable in z and in the parameters."""

    def fixed_log_density(self) -> Callable[[Tensor], Tensor]:
        """`log_density` with the parameters as they are now, differentiable in z alone; quicker in many calls."""
        return self.log_density

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n draws from p(z), (n, latent_dim), on the generator's device."""


class StandardNormal(Prior):
    """N(0, I)."""

    is_standard_normal: ClassVar[bool] = True
    none_0L: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        # No numbers, but a dtype and a device that follow the module's.
        self.register_buffer("none_0L", torch.empty(0, latent_dim))

    def log_density(self, z_SNL: Tensor) -> Tensor:
        return normal.standard_log_density(z_SNL)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return standard_normal(self.none_0L, n, generator)


class GaussianMixture(Prior):
    """p(z) = sum_k pi_k N(z; mu_k, diag(sigma_k^2)) with learned weights, means and variances.

    It starts near N(0, I): means from N(0, 1/2), variances of 1/2, equal weights.

    Args:
        latent_dim: L.
        n_components: K.
    """

    def __init__(self, latent_dim: int, n_components: int) -> None:
        super().__init__()
        self.mean_KL = nn.Parameter(math.sqrt(0.5) * torch.randn(n_components, latent_dim))
        self.log_variance_KL = nn.Parameter(torch.full((n_components, latent_dim), math.log(0.5)))
        self.logit_K = nn.Parameter(torch.zeros(n_components))

    def log_density(self, z_SNL: Tensor) -> Tensor:
        return mixture_log_density(z_SNL, self.mean_KL, self._bounded(), F.log_softmax(self.logit_K, dim=0))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return mixture_sample(self.mean_KL, self._bounded(), F.log_softmax(self.logit_K, dim=0), n, generator)

    def _bounded(self) -> Tensor:
        return self.log_variance_KL.clamp(*LOG_VARIANCE_RANGE)


class VampPrior(Prior):
    """p(z) = 1/K sum_k q(z | u_k), the posteriors of learned pseudo-inputs u_k under the model's own encoder.

    Tomczak & Welling 2018, arXiv 1705.07120, equation 9. The best prior for the ELBO is the mixture of the posteriors
    of all images, which this approximates with K of them. (Its pseudo-inputs are bounded; here they are free.)

    In a conditional model the encoder wants a label too: each pseudo-input has a pseudo-label, a point of the simplex
    of the classes that is learned with it. Component k starts near class k modulo their number; how many components
    end at which class follows from the classes' frequencies, for p(z) approximates the posteriors of all classes.

    Args:
        encoder: (u_KCHW, y_KY) -> mean and log variance; the model's, shared, not owned.
        shape_CHW: of an image.
        n_classes: columns of y; 0 in an unconditional model.
        n_components: K.
    """

    def __init__(self, encoder: nn.Module, shape_CHW: tuple[int, int, int], n_classes: int, n_components: int) -> None:
        super().__init__()
        # In a tuple: an attribute would make it this module's part, too, and its weights would be stored twice.
        self._shared = (encoder,)
        self.pseudo_KCHW = nn.Parameter(patches(n_components, shape_CHW))
        self.label_logit_KY: nn.Parameter | None = None
        if n_classes:
            near = torch.arange(n_components)[:, None] % n_classes == torch.arange(n_classes)
            self.label_logit_KY = nn.Parameter(3 * near.to(self.pseudo_KCHW.dtype))

    def components(self) -> tuple[Tensor, Tensor]:
        """Means and log variances of q(z | u_k), each (K, L)."""
        (encoder,) = self._shared
        if self.label_logit_KY is None:
            y_KY = self.pseudo_KCHW.new_empty(len(self.pseudo_KCHW), 0)
        else:
            y_KY = F.softmax(self.label_logit_KY, dim=1)
        mean_KL, log_variance_KL = encoder(self.pseudo_KCHW, y_KY)
        return mean_KL, log_variance_KL

    def log_density(self, z_SNL: Tensor) -> Tensor:
        return mixture_log_density(z_SNL, *self.components(), self._log_weight())

    def fixed_log_density(self) -> Callable[[Tensor], Tensor]:
        """Encodes the pseudo-inputs once."""
        # Not under inference mode: who differentiates by z could not use what is made there.
        with torch.inference_mode(False), torch.no_grad():
            components, log_weight_K = self.components(), self._log_weight()
        return lambda z_SNL: mixture_log_density(z_SNL, *components, log_weight_K)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return mixture_sample(*self.components(), self._log_weight(), n, generator)

    def _log_weight(self) -> Tensor:
        n_components = len(self.pseudo_KCHW)
        return self.pseudo_KCHW.new_full((n_components,), -math.log(n_components))


def standard_normal(like_ML: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n draws from N(0, I), of the width and dtype of ``like_ML``, on the generator's device."""
    return torch.randn(n, like_ML.shape[-1], generator=generator, dtype=like_ML.dtype, device=generator.device)


def mixture_log_density(z_SNL: Tensor, mean_KL: Tensor, log_variance_KL: Tensor, log_weight_K: Tensor) -> Tensor:
    """log sum_k exp(log_weight_k) N(z; mu_k, diag(sigma_k^2)); (..., L) -> (...).

    The distances are taken from differences, not from expanded squares, which would cancel where sigma_k is small.
    """
    z_ML = z_SNL.reshape(-1, z_SNL.shape[-1])
    parts = z_ML.split(max(1, MIXTURE_NUMBERS // mean_KL.numel()))
    log_p_M = [
        torch.logsumexp(log_weight_K + normal.log_density(part_ML[:, None], mean_KL, log_variance_KL), dim=1)
        for part_ML in parts
    ]
    return torch.cat(log_p_M).reshape(z_SNL.shape[:-1])


def mixture_sample(
    mean_KL: Tensor, log_variance_KL: Tensor, log_weight_K: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    """n draws from the mixture: a component, then a draw from it."""
    component_N = torch.multinomial(log_weight_K.exp(), n, replacement=True, generator=generator)
    noise_NL = standard_normal(mean_KL, n, generator)
    return mean_KL[component_N] + torch.exp(0.5 * log_variance_KL[component_N]) * noise_NL


def patches(n: int, shape_CHW: tuple[int, int, int]) -> Tensor:
    """n images of uniform noise in [-1, 1] that is constant on patches: an encoder tells them apart from the start.

    (Of noise that differs from pixel to pixel a network averages nearly all away.)
    """
    channels, height, width = shape_CHW
    coarse = 2 * torch.rand(n, channels, -(-height // PATCH), -(-width // PATCH)) - 1
    return coarse.repeat_interleave(PATCH, dim=2).repeat_interleave(PATCH, dim=3)[:, :, :height, :width].contiguous()
