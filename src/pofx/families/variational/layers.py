"""What the layers of a VAE's encoder see in given images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.density import DensityModel
from pofx.families.variational.module import VAEModule
from pofx.layers import LATENT_LAYER, LayeredModel, numbered, pooled


class EncoderLayers(LayeredModel, DensityModel):
    """`layer_features` of a VAE: the layers of its encoder, and the mean of q(z|x)."""

    module_: VAEModule

    @property
    def _layer_names(self) -> tuple[str, ...]:
        return (*numbered(self.module_.encoder.n_layers), LATENT_LAYER)  # type: ignore[arg-type]

    def _layer_features(self, x_NCHW: Tensor, codes: Tensor | None, layers: Sequence[str], fields: int) -> Tensor:
        module, names = self.module_, self._layer_names

        def features(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            u_NCHW = module.scaled(x_NCHW)
            outputs = module.encoder.layers(u_NCHW, module.one_hot(codes, len(u_NCHW)))  # type: ignore[operator]
            by_name = dict(zip(names, outputs, strict=False))
            if LATENT_LAYER in layers:
                by_name[LATENT_LAYER] = module.encode(u_NCHW, codes)[0]
            return torch.cat([pooled(by_name[layer], fields) for layer in layers], dim=1)

        return self._average_over_classes(x_NCHW, codes, features)
