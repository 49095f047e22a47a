"""What the layers of an autoregressive network see in given images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.density import DensityModel
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.layers import LayeredModel, numbered, pooled

#: The convolution before the layers.
INPUT_LAYER = "input"


class NetworkLayers(LayeredModel, DensityModel):
    """`layer_features` of an autoregressive model: at every place features of what comes before it."""

    module_: AutoregressiveModule

    @property
    def _layer_names(self) -> tuple[str, ...]:
        return (INPUT_LAYER, *numbered(len(self.module_.layers)))

    def _layer_features(self, x_NCHW: Tensor, codes: Tensor | None, layers: Sequence[str], fields: int) -> Tensor:
        depths = [self._layer_names.index(layer) for layer in layers]

        def features(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            # Each from the image on: the bits of a layer must not depend on which others are asked for.
            maps = (self.module_.hidden(x_NCHW, codes, depth)[0] for depth in depths)
            return torch.cat([pooled(h_NFHW, fields) for h_NFHW in maps], dim=1)

        return self._average_over_classes(x_NCHW, codes, features)
