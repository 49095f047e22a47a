"""What latents are refined for: log p(x, z) as a function of z.

Semi-amortised inference: Kim et al. 2018, arXiv 1802.02550; here for the mode of p(z|x), and not for q.

Shapes: N images, L latent dimensions; z_NL, log-probabilities in nats.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.distributions.numerics import in_double
from pofx.engine.ascent import Objective
from pofx.families.variational.module import VAEModule


def log_joint(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, class_prior: NDArray[np.float64] | None
) -> Objective:
    """log p(x, z | y) = log p(x | z, y) + log p(z) of these images, as a function of z; float64.

    Args:
        codes: classes (n,), of a conditional model.
        class_prior: p(y), where such a model is asked without classes: then log p(x, z) = log sum_y p(y) p(x, z | y).
    """
    law, log_prior = module.law(), module.prior.fixed_log_density()

    def log_likelihood(z_NL: Tensor, y_N: Tensor | None) -> Tensor:
        return in_double(law.log_prob(module.decode(z_NL, y_N), x_NCHW)).flatten(1).sum(dim=1)

    def value(z_NL: Tensor) -> Tensor:
        log_prior_N = in_double(log_prior(z_NL))
        if class_prior is None:
            return log_likelihood(z_NL, codes) + log_prior_N
        joint_KN = [
            log_likelihood(z_NL, torch.full((len(z_NL),), code, device=z_NL.device)) + math.log(p)
            for code, p in enumerate(class_prior)
        ]
        return torch.logsumexp(torch.stack(joint_KN), dim=0) + log_prior_N

    return value
