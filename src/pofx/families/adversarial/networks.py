"""Generators and discriminators without normalisation layers: fully connected for vectors and small images,
residual from 16 x 16 on, of any size.

Shapes: z_NL latents; u_NCHW images scaled to [-1, 1] (real-valued data: standardised); y_NK one-hot labels (K = 0
columns in an unconditional model). No loss in here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.families.adversarial.cells import LEAK, CellReader, he
from pofx.nn.blocks import hidden_layers
from pofx.nn.residual import ResidualDecoder, ResidualReader


def leaky_mlp(n_inputs: int, width: int, depth: int) -> tuple[nn.Sequential, int]:
    """``depth`` fully connected hidden layers with leaky ReLU, and how many features come out (n_inputs at depth 0)."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [he(nn.Linear(n_inputs, width)), nn.LeakyReLU(LEAK)]
        n_inputs = width
    return nn.Sequential(*layers), n_inputs


class Discriminator(nn.Module, ABC):
    """d(x, y) = head(phi(x)) + <embedding(y), phi(x)> / F, phi the F features of the image alone.

    The second term is the only place where labels come in (Miyato & Koyama 2018, arXiv 1802.05637): the features of an
    image do not depend on its label.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, 1)
        self.label = nn.Linear(n_classes, n_features, bias=False) if n_classes else None

    @abstractmethod
    def features(self, u_NCHW: Tensor) -> Tensor:
        """phi(x), NF, the last layer's input."""

    @abstractmethod
    def pooled_features(self, u_NCHW: Tensor) -> Tensor:
        """Features of an image at all depths, (n, n_pooled): what `transform` gives."""

    @property
    @abstractmethod
    def n_pooled(self) -> int: ...

    @property
    @abstractmethod
    def n_layers(self) -> int:
        """How many layers come before the logit."""

    @abstractmethod
    def layers(self, u_NCHW: Tensor) -> list[Tensor]:
        """What each of them gives: maps NCHW with values of either sign, or numbers NF."""

    def forward(self, u_NCHW: Tensor, y_NK: Tensor) -> Tensor:
        features_NF = self.features(u_NCHW)
        logit_N: Tensor = self.head(features_NF)[:, 0]
        if self.label is None:
            return logit_N
        return logit_N + (self.label(y_NK) * features_NF).mean(dim=1)


class MLPDiscriminator(Discriminator):
    """``depth`` hidden layers of ``width`` units."""

    def __init__(self, shape_CHW: tuple[int, int, int], n_classes: int, width: int, depth: int) -> None:
        hidden, n_features = leaky_mlp(math.prod(shape_CHW), width, depth)
        super().__init__(n_features, n_classes)
        self.hidden = hidden
        self.n_features = n_features

    def features(self, u_NCHW: Tensor) -> Tensor:
        features_NF: Tensor = self.hidden(u_NCHW.flatten(1))
        return features_NF

    pooled_features = features

    @property
    def n_pooled(self) -> int:
        return self.n_features

    @property
    def n_layers(self) -> int:
        return sum(isinstance(layer, nn.Linear) for layer in self.hidden)

    def layers(self, u_NCHW: Tensor) -> list[Tensor]:
        return hidden_layers(self.hidden, u_NCHW.flatten(1))


class CellDiscriminator(Discriminator):
    """The maps of a `CellReader`; the features are its outputs."""

    def __init__(self, shape_CHW: tuple[int, int, int], n_classes: int, width: int, depth: int) -> None:
        n_features = 2 * width
        super().__init__(n_features, n_classes)
        self.reader = CellReader(shape_CHW, n_features, width, depth)

    def features(self, u_NCHW: Tensor) -> Tensor:
        return F.leaky_relu(self.reader(u_NCHW), LEAK)

    def pooled_features(self, u_NCHW: Tensor) -> Tensor:
        """The mean of every channel over the cells after each convolution, and the last features."""
        *maps, last_NF = self.layers(u_NCHW)
        return torch.cat([*(h_NCHW.mean(dim=(2, 3)) for h_NCHW in maps), last_NF], dim=1)

    @property
    def n_pooled(self) -> int:
        return sum(layer.out_channels for layer in self.reader.layers) + self.reader.head.out_features  # type: ignore[misc]

    @property
    def n_layers(self) -> int:
        return len(self.reader.layers) + 1

    def layers(self, u_NCHW: Tensor) -> list[Tensor]:
        maps = self.reader.maps(u_NCHW)
        return [*maps, F.leaky_relu(self.reader.head(maps[-1].flatten(1)), LEAK)]


class ResidualDiscriminator(Discriminator):
    """The maps of a `ResidualReader`; the features are its outputs."""

    def __init__(self, shape_CHW: tuple[int, int, int], n_classes: int, width: int, depth: int) -> None:
        n_features = 4 * width
        super().__init__(n_features, n_classes)
        self.reader = ResidualReader(shape_CHW, 0, n_features, width, depth)

    def features(self, u_NCHW: Tensor) -> Tensor:
        return F.silu(self.reader(u_NCHW, u_NCHW.new_empty(len(u_NCHW), 0)))

    def pooled_features(self, u_NCHW: Tensor) -> Tensor:
        """The mean of every channel over its map at each size, and the last features."""
        *maps, last_NF = self.layers(u_NCHW)
        return torch.cat([*(F.silu(h_NCHW).mean(dim=(2, 3)) for h_NCHW in maps), last_NF], dim=1)

    @property
    def n_pooled(self) -> int:
        return sum(down.out_channels for down in self.reader.down) + self.reader.head.out_features  # type: ignore[misc]

    @property
    def n_layers(self) -> int:
        return len(self.reader.down) + 1

    def layers(self, u_NCHW: Tensor) -> list[Tensor]:
        maps = self.reader.maps(u_NCHW, u_NCHW.new_empty(len(u_NCHW), 0))
        return [*maps, F.silu(self.reader.head(F.silu(maps[-1]).flatten(1)))]


class MLPGenerator(nn.Module):
    """Latent and label -> image, through ``depth`` hidden layers of ``width`` units."""

    def __init__(
        self, shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
    ) -> None:
        super().__init__()
        self.shape_CHW = shape_CHW
        self.hidden, n_features = leaky_mlp(latent_dim + n_classes, width, depth)
        self.head = nn.Linear(n_features, math.prod(shape_CHW))

    def forward(self, z_NL: Tensor, y_NK: Tensor) -> Tensor:
        flat_ND: Tensor = self.head(self.hidden(torch.cat([z_NL, y_NK], dim=1)))
        return flat_ND.unflatten(1, self.shape_CHW)


class MLPEncoder(nn.Module):
    """Image -> latent, through ``depth`` hidden layers of ``width`` units."""

    def __init__(self, shape_CHW: tuple[int, int, int], latent_dim: int, width: int, depth: int) -> None:
        super().__init__()
        self.hidden, n_features = leaky_mlp(math.prod(shape_CHW), width, depth)
        self.head = nn.Linear(n_features, latent_dim)

    def forward(self, u_NCHW: Tensor) -> Tensor:
        latent_NL: Tensor = self.head(self.hidden(u_NCHW.flatten(1)))
        return latent_NL


class ResidualEncoder(ResidualReader):
    """Image -> latent, by a `ResidualReader` that needs no label."""

    def __init__(self, shape_CHW: tuple[int, int, int], latent_dim: int, width: int, depth: int) -> None:
        super().__init__(shape_CHW, 0, latent_dim, width, depth)

    def forward(self, u_NCHW: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(u_NCHW, u_NCHW.new_empty(len(u_NCHW), 0))


def residual_generator(
    shape_CHW: tuple[int, int, int], n_classes: int, latent_dim: int, width: int, depth: int
) -> ResidualDecoder:
    """Latent and label -> image, C numbers a pixel."""
    return ResidualDecoder(shape_CHW, shape_CHW[0], n_classes, latent_dim, width, depth)
