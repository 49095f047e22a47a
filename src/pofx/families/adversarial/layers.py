"""What the layers of a GAN's discriminator see in given images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.families.adversarial.module import GANModule
from pofx.layers import LATENT_LAYER, LayeredModel, numbered, pooled


class DiscriminatorLayers(LayeredModel):
    """`layer_features` of a GAN: the layers of its discriminator and, with an encoder, the latent E(x).

    None depends on a label.
    """

    module_: GANModule

    @property
    def _layer_names(self) -> tuple[str, ...]:
        names = numbered(self.module_.discriminator.n_layers)
        return names if self.module_.encoder is None else (*names, LATENT_LAYER)

    def _layer_features(self, x_NCHW: Tensor, codes: Tensor | None, layers: Sequence[str], fields: int) -> Tensor:
        module, u_NCHW = self.module_, self.module_.scaled(x_NCHW)
        by_name = dict(zip(self._layer_names, module.discriminator.layers(u_NCHW), strict=False))
        if LATENT_LAYER in layers:
            by_name[LATENT_LAYER] = module.encode(u_NCHW)
        return torch.cat([pooled(by_name[layer], fields) for layer in layers], dim=1)
