"""What a GAN says of given images: how its discriminator sees them, and how well its generator can make them again.

Neither is a probability, nor does a discriminator know images that are like neither the data nor what the generator
made. They are statistics of an image, of which one can say where they lie for ordinary images.

Shapes: N images, u_NCHW what the networks see.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions.numerics import in_double
from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread
from pofx.families.adversarial.module import GANModule

#: Names of what `discriminator_statistics` gives, but for the features.
LOGIT_NAME, FEATURE_NAME = "discriminator_logit", "discriminator_feature_{}"
#: Names of what `residual_statistics` gives.
RESIDUAL_NAMES = (
    "log_mean_squared_error",  # of G(E(x)) against x, in the scale of [-1, 1]
    *(name.replace("surprise", "residual") for name in SPREAD_NAMES),
    "latent_squared_norm",  # |E(x)|^2 / 2, in nats -log N(z; 0, I) but for a constant
)


def discriminator_statistics(
    module: GANModule, u_NCHW: Tensor, codes: Tensor | None, class_prior: Tensor | None
) -> Tensor:
    """The logit d(x, y) and the pooled features of the discriminator, (n, 1 + n_pooled), float64.

    Args:
        class_prior: frequencies of the classes, (n_classes,), of a conditional model asked without labels: the logit is
            then the mean over them.
    """
    if codes is None and class_prior is not None:
        of_class = [in_double(module.logits(u_NCHW, _all_of(code, u_NCHW))) for code in range(len(class_prior))]
        logit_N = (torch.stack(of_class, dim=1) * in_double(class_prior)).sum(dim=1)
    else:
        logit_N = in_double(module.logits(u_NCHW, codes))
    return torch.cat([logit_N[:, None], in_double(module.discriminator.pooled_features(u_NCHW))], dim=1)


def squared_residual(module: GANModule, u_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """(G(E(x), y) - x)^2 of each sub-pixel, NCHW, float64, in the scale of [-1, 1].

    A conditional model asked without labels takes the class with which the generator comes nearest.
    """
    z_NL = module.encode(u_NCHW)
    if codes is not None or not module.n_classes:
        return in_double(module.generate(z_NL, codes) - u_NCHW) ** 2
    best_NCHW = squared_residual(module, u_NCHW, _all_of(0, u_NCHW))
    for code in range(1, module.n_classes):
        other_NCHW = in_double(module.generate(z_NL, _all_of(code, u_NCHW)) - u_NCHW) ** 2
        nearer_N = other_NCHW.flatten(1).sum(dim=1) < best_NCHW.flatten(1).sum(dim=1)
        best_NCHW = torch.where(nearer_N[:, None, None, None], other_NCHW, best_NCHW)
    return best_NCHW


def residual_statistics(module: GANModule, u_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """The numbers `RESIDUAL_NAMES` of each image, (n, 5), float64."""
    residual_NCHW = squared_residual(module, u_NCHW, codes)
    tiny = torch.finfo(torch.float32).tiny
    error_N = residual_NCHW.flatten(1).mean(dim=1).clamp(min=tiny).log()
    norm_N = 0.5 * in_double(module.encode(u_NCHW) ** 2).sum(dim=1)
    return torch.cat([error_N[:, None], surprise_spread(residual_NCHW), norm_N[:, None]], dim=1)


def _all_of(code: int, u_NCHW: Tensor) -> Tensor:
    return torch.full((len(u_NCHW),), code, device=u_NCHW.device)
