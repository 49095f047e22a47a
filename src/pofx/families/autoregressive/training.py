"""What an autoregressive model maximises: log p(x), on training batches and on held-out images."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.data.reader import ImageReader, bounded_batches
from pofx.distributions.numerics import in_double
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.families.autoregressive.chain_rule import log_p_terms, log_p_x
from pofx.families.autoregressive.module import AutoregressiveModule

#: Upper limit of the gradient's norm, in nats a sub-pixel. Ordinary steps have 0.02 to 0.3: only leaps are cut short.
CLIP_NORM = 1.0


def image_terms(module: AutoregressiveModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """log p(x_i | x_<i) of each sub-pixel, NCHW, in full precision, whatever the network runs in."""
    return log_p_terms(module.law, module(x_NCHW, codes).to(module.dtype), x_NCHW)


def likelihood_phase(module: AutoregressiveModule, n_dims: int) -> Phase:
    """The one player of the training: minimise -log p(x) / D, nats a sub-pixel."""

    def loss(batch: Batch) -> LossTerms:
        log_p = log_p_x(image_terms(module, batch.x, batch.y)).mean()
        return LossTerms(-log_p / n_dims, {"log_p": log_p})

    return Phase("likelihood", list(module.parameters()), loss, clip_norm=CLIP_NORM)


def validation_log_p(module: AutoregressiveModule, reader: ImageReader) -> float:
    """Mean log p(x) of held-out images, in nats."""
    total = 0.0
    for x_NCHW, codes in bounded_batches(reader, module.n_outputs_a_pixel):
        x_NCHW = x_NCHW.to(module.device)
        codes = None if codes is None else codes.to(module.device)
        total += float(log_p_x(in_double(image_terms(module, x_NCHW, codes))).sum())
    return total / len(reader)


def features(module: AutoregressiveModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """What the middle layer says of an image: its features, averaged over at most 4 x 4 fields; (n, fields * F).

    The middle of the stack is the usual place of what is abstract and not yet bent to the prediction of levels (Chen et
    al. 2020, iGPT, section 4.1); no label chooses it.
    """
    h_NFHW, _ = module.hidden(x_NCHW, codes, middle_layer(module))
    fields = feature_fields(h_NFHW.shape[2], h_NFHW.shape[3])
    return torch.nn.functional.adaptive_avg_pool2d(h_NFHW, fields).flatten(1)


def middle_layer(module: AutoregressiveModule) -> int:
    """How many layers come before the features."""
    return (len(module.layers) + 1) // 2


def feature_fields(height: int, width: int) -> tuple[int, int]:
    """The grid over which features are averaged."""
    return min(height, 4), min(width, 4)
