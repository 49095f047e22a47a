"""What an autoregressive model maximises: log p(x), on training batches and on held-out images."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.data.reader import ImageReader, bounded_batches
from pofx.distributions import classes
from pofx.distributions.numerics import in_double
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.families.autoregressive.chain_rule import log_p_terms, log_p_x
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.layers import FIELDS
from pofx.nn.pooling import field_means

#: Upper limit of the gradient's norm, in nats a sub-pixel. Ordinary steps have 0.02 to 0.3: only leaps are cut short.
CLIP_NORM = 1.0


def image_terms(module: AutoregressiveModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """log p(x_i | x_<i) of each sub-pixel, NCHW, in full precision, whatever the network runs in."""
    return log_p_terms(module.law, module(x_NCHW, codes).to(module.dtype), x_NCHW)


def likelihood_phase(module: AutoregressiveModule, n_dims: int, log_prior_K: Tensor | None = None) -> Phase:
    """The one player of the training: minimise -log p(x) / D, nats a sub-pixel.

    Args:
        log_prior_K: log p(y), if images may have no label: of those it is the marginal log sum_y p(y) p(x|y).
    """

    def loss(batch: Batch) -> LossTerms:
        x_NCHW, codes = batch.x, batch.y
        if codes is not None and log_prior_K is not None:
            x_NCHW, codes = classes.at_first_labelled(x_NCHW, codes, batch.progress)
        codes, correction_N = with_classes(module, x_NCHW, codes, log_prior_K, batch.generator)
        log_p = log_p_x(image_terms(module, x_NCHW, codes)).mean() + correction_N.mean()
        return LossTerms(-log_p / n_dims, {"log_p": log_p})

    return Phase("likelihood", list(module.parameters()), loss, clip_norm=CLIP_NORM)


def with_classes(
    module: AutoregressiveModule,
    x_NCHW: Tensor,
    codes: Tensor | None,
    log_prior_K: Tensor | None,
    generator: torch.Generator,
) -> tuple[Tensor | None, Tensor]:
    """`classes.impute` for these images; the codes as they are, and 0, if ``log_prior_K`` is None."""
    if codes is None or log_prior_K is None:
        return codes, torch.zeros(1, dtype=module.dtype, device=x_NCHW.device)

    def conditional(positions: Tensor) -> Tensor:
        def log_prob(x: Tensor, y: Tensor) -> Tensor:
            return log_p_x(in_double(image_terms(module, x, y)))

        return classes.of_every_class(x_NCHW[positions], len(log_prior_K), log_prob)

    drawn, correction_N = classes.impute(codes, log_prior_K, conditional, generator)
    return drawn, correction_N.to(module.dtype).to(x_NCHW.device)


def validation_log_p(module: AutoregressiveModule, reader: ImageReader, log_prior_K: Tensor | None = None) -> float:
    """Mean log p(x) of held-out images, in nats; arguments as for `likelihood_phase`."""
    generator = torch.Generator(module.device).manual_seed(0)
    total = 0.0
    for x_NCHW, codes in bounded_batches(reader, module.n_outputs_a_pixel):
        x_NCHW = x_NCHW.to(module.device)
        codes = None if codes is None else codes.to(module.device)
        codes, correction_N = with_classes(module, x_NCHW, codes, log_prior_K, generator)
        log_p_N = log_p_x(in_double(image_terms(module, x_NCHW, codes)))
        total += float((log_p_N + in_double(correction_N)).sum())
    return total / len(reader)


def features(module: AutoregressiveModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """What the middle layer says of an image: its features, averaged over at most 4 x 4 fields; (n, fields * F).

    The middle of the stack is the usual place of what is abstract and not yet bent to the prediction of levels (Chen et
    al. 2020, iGPT, section 4.1); no label chooses it.
    """
    h_NFHW, _ = module.hidden(x_NCHW, codes, middle_layer(module))
    return field_means(h_NFHW, FIELDS)


def middle_layer(module: AutoregressiveModule) -> int:
    """How many layers come before the features."""
    return (len(module.layers) + 1) // 2


def feature_fields(height: int, width: int) -> tuple[int, int]:
    """The grid over which features are averaged."""
    return min(height, FIELDS), min(width, FIELDS)
