"""Numbers about single images that tell how typical they are of what a VAE was fitted to.

Of log p(x) alone models are a poor judge of what belongs (Nalisnick et al. 2019, arXiv 1810.09136): simple images of
another kind get a high one. How the terms are made up, and whether the latent is an ordinary one, tells more.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions.numerics import in_double
from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread
from pofx.families.variational import elbo
from pofx.families.variational.module import VAEModule

STATISTIC_NAMES = (
    "reconstruction",  # log p(x|z) at the mean of q(z|x), nats
    "kl",  # KL(q(z|x) || p(z)), nats
    "mean_norm",  # |mu|
    "deviation_norm",  # |sigma|
    *SPREAD_NAMES,  # of -log p(x_i|z) over sub-pixels
)


def surprise_terms(module: VAEModule, x_NCHW: Tensor, codes: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """-log p(x_i | z = mu(x)) of each sub-pixel, its expected value under the model (the entropy), and mu, log sigma^2.

    Shapes: NCHW, NCHW, (n, latent_dim), (n, latent_dim).
    """
    law = module.law()
    mean_NL, log_variance_NL = module.encode(module.scaled(x_NCHW), codes)
    parameters = module.decode(mean_NL, codes)
    return -law.log_prob(parameters, x_NCHW), law.entropy(parameters, x_NCHW), mean_NL, log_variance_NL


def typicality_statistics(module: VAEModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """The statistics `STATISTIC_NAMES` of each image, (n, 7)."""
    surprise, _, mean_NL, log_variance_NL = surprise_terms(module, x_NCHW, codes)
    of_latent = torch.stack(
        [
            -in_double(surprise.flatten(1)).sum(dim=1),
            in_double(elbo.kl_divergence(mean_NL, log_variance_NL)).sum(dim=1),
            in_double(mean_NL).norm(dim=1),
            torch.exp(0.5 * in_double(log_variance_NL)).norm(dim=1),
        ],
        dim=1,
    )
    return torch.cat([of_latent, surprise_spread(surprise)], dim=1)
