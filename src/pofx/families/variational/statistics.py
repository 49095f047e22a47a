"""Numbers about single images that tell how typical they are of what a VAE was fitted to, and about its latents.

Of log p(x) alone models are a poor judge of what belongs (Nalisnick et al. 2019, arXiv 1810.09136): simple images of
another kind get a high one. How the terms are made up, and whether the latent is an ordinary one, tells more.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.numerics import in_double
from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread
from pofx.families.variational import elbo
from pofx.families.variational.module import VAEModule
from pofx.families.variational.reparameterization import reparameterize

STATISTIC_NAMES = (
    "reconstruction",  # log p(x|z) at the mean of q(z|x), nats
    "kl",  # KL(q(z|x) || p(z)), nats
    "mean_norm",  # |mu|
    "deviation_norm",  # |sigma|
    *SPREAD_NAMES,  # of -log p(x_i|z) over sub-pixels
)
#: A latent dimension is active if its `activity` is above this. Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519,
#: section 5.2.
ACTIVE_VARIANCE = 0.01
#: A mean KL below this, in nats: z says next to nothing about x.
COLLAPSED_KL = 0.05


def excess_surprise(module: VAEModule, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
    """-log p(x_i | z) - H_i of each sub-pixel at z = mu(x), H_i what the model expects (its entropy); NCHW."""
    law = module.law()
    mean_NL, _ = module.encode(module.scaled(x_NCHW), codes)
    parameters = module.decode(mean_NL, codes)
    return -law.log_prob(parameters, x_NCHW) - law.entropy(parameters, x_NCHW)


def typicality_statistics(module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, noise_SNL: Tensor | None) -> Tensor:
    """The statistics `STATISTIC_NAMES` of each image, (n, 7).

    Args:
        noise_SNL: as for `divergence`.
    """
    mean_NL, log_variance_NL = module.encode(module.scaled(x_NCHW), codes)
    surprise = -module.law().log_prob(module.decode(mean_NL, codes), x_NCHW)
    of_latent = torch.stack(
        [
            -in_double(surprise.flatten(1)).sum(dim=1),
            divergence(module, mean_NL, log_variance_NL, noise_SNL),
            in_double(mean_NL).norm(dim=1),
            torch.exp(0.5 * in_double(log_variance_NL)).norm(dim=1),
        ],
        dim=1,
    )
    return torch.cat([of_latent, surprise_spread(surprise)], dim=1)


def divergence(module: VAEModule, mean_NL: Tensor, log_variance_NL: Tensor, noise_SNL: Tensor | None) -> Tensor:
    """KL(q(z|x) || p(z)) of each image, (n,), float64: in closed form for the standard normal, else estimated.

    Args:
        noise_SNL: standard normal noise of the estimate's draws; needed only if the prior is learned.
    """
    if module.prior.is_standard_normal:
        return in_double(elbo.kl_divergence(mean_NL, log_variance_NL)).sum(dim=1)
    assert noise_SNL is not None, "the KL against a learned prior is estimated from draws"
    z_SNL = reparameterize(mean_NL, log_variance_NL, noise_SNL)
    return in_double(elbo.kl_estimate(module.prior, mean_NL, log_variance_NL, z_SNL)).sum(dim=1)


def activity(mean_NL: Tensor, log_variance_NL: Tensor, *, relative: bool) -> Tensor:
    """Var_x(E_{q(z_j|x)}[z_j]) of each latent dimension over these images, (latent_dim,), as Burda et al. have it.

    Args:
        relative: divided by the whole variance of z_j, that within the q(z_j|x) included. A learned prior leaves the
            scale of a dimension open, so that only this share means something; the standard normal fixes it to about 1.
    """
    between_L = mean_NL.var(dim=0, correction=0)
    return between_L / (between_L + log_variance_NL.exp().mean(dim=0)) if relative else between_L


def active_units(activity_L: Tensor) -> int:
    """How many latent dimensions are active: their `activity` is above `ACTIVE_VARIANCE`."""
    return int((activity_L > ACTIVE_VARIANCE).sum())


def divergence_from_aggregate(mean_NL: Tensor, log_variance_NL: Tensor) -> Tensor:
    """Mean over images of KL(q(z_j|x) || N(m_j, s_j^2)) of each dimension, m_j and s_j^2 the moments of all q; (L,).

    With m_j = mean_x mu_j, s_j^2 = Var_x(mu_j) + mean_x sigma_j^2 it comes to (log s_j^2 - mean_x log sigma_j^2) / 2:
    never negative, and at least the mutual information between x and z_j under the model's q, which it equals where
    the z_j of all images together are normal. It needs no prior whose dimensions can be told apart.
    """
    between_L, within_L = mean_NL.var(dim=0, correction=0), log_variance_NL.exp().mean(dim=0)
    moments = (mean_NL.mean(dim=0), torch.log(between_L + within_L))
    return normal.kl_divergence(mean_NL, log_variance_NL, *moments).mean(dim=0)


def dimension_divergences(mean_NL: Tensor, log_variance_NL: Tensor, *, learned: bool) -> Tensor:
    """What each latent dimension says about an image, in nats, the mean over these images; (L,).

    Args:
        learned: False: KL(q(z_j|x) || N(0, 1)), the terms of KL(q(z|x) || p(z)) of a standard normal prior. True:
            `divergence_from_aggregate`, for the KL against a learned prior has no such terms.
    """
    if learned:
        return divergence_from_aggregate(mean_NL, log_variance_NL)
    return elbo.kl_divergence(mean_NL, log_variance_NL).mean(dim=0)
