"""Latents that fit given images better than the mean of q(z|x), which an encoder guesses in one pass.

Shapes: N images, L latent dimensions; z_NL, log-probabilities in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double
from pofx.families.variational.module import VAEModule

LogJoint = Callable[[Tensor], Tensor]
"""From z_NL to log p(x_n, z_n) = log p(x_n | z_n) + log p(z_n), (N,), float64."""

#: Adam's (Kingma & Ba 2014, arXiv 1412.6980): decay of the means of gradients and of their squares, and what is added
#: to the root of the latter.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def log_joint(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, class_prior: NDArray[np.float64] | None
) -> LogJoint:
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


def refine_latents(log_joint: LogJoint, z_NL: Tensor, *, n_steps: int, learning_rate: float) -> Tensor:
    """Latents of a higher log p(x, z), by gradient ascent from z; (n, latent_dim).

    Adam with a step size that falls along a half cosine from ``learning_rate`` to 0. Each image is a problem of its
    own, and keeps the best latent that it came through: never one worse than its start. Nothing in it is random.

    Semi-amortised inference: Kim et al. 2018, arXiv 1802.02550; here for the mode of p(z|x), and not for q.

    Args:
        log_joint: of these N images.
        n_steps: gradients.
        learning_rate: in the unit of the latents.
    """
    z_NL = z_NL.detach().clone()
    best_NL = z_NL.clone()
    best_N = torch.full_like(in_double(z_NL[:, 0]), -math.inf)
    mean_NL, square_NL = torch.zeros_like(z_NL), torch.zeros_like(z_NL)
    for step in range(n_steps + 1):
        z_NL.requires_grad_(True)
        value_N = log_joint(z_NL)
        better_N = value_N.detach() > best_N
        best_N = torch.where(better_N, value_N.detach(), best_N)
        best_NL = torch.where(better_N.to(z_NL.device)[:, None], z_NL.detach(), best_NL)
        if step == n_steps:
            break
        (gradient_NL,) = torch.autograd.grad(value_N.sum(), z_NL)
        mean_NL = BETA_1 * mean_NL + (1 - BETA_1) * gradient_NL
        square_NL = BETA_2 * square_NL + (1 - BETA_2) * gradient_NL**2
        slope_NL = mean_NL / (1 - BETA_1 ** (step + 1))
        size_NL = (square_NL / (1 - BETA_2 ** (step + 1))).sqrt() + EPSILON
        rate = learning_rate * 0.5 * (1 + math.cos(math.pi * step / n_steps))
        z_NL = z_NL.detach() + rate * slope_NL / size_NL
    return best_NL


def refined_in_chunks(
    module: VAEModule,
    reader: ImageReader,
    latents: NDArray[np.float64],
    size: int,
    *,
    class_prior: NDArray[np.float64] | None,
    n_steps: int,
    learning_rate: float,
    count: Callable[[int, int], None],
) -> NDArray[np.float64]:
    """`refine_latents` of all images of a reader from these latents (n, latent_dim), in chunks of one fixed size.

    Args:
        size: images a chunk; the last one fills up the last chunk.
        class_prior: see `log_joint`.
        count: called with (images done, images in all) after each chunk.
    """
    refined = np.empty(latents.shape)
    # Also within torch.no_grad() or inference_mode(): the ascent needs gradients.
    with torch.inference_mode(False), torch.enable_grad():
        for start in range(0, len(reader), size):
            n = min(size, len(reader) - start)
            positions = np.minimum(np.arange(start, start + size), len(reader) - 1)
            x_NCHW, codes = reader.batch(positions)
            value = log_joint(
                module, x_NCHW.to(module.device), None if codes is None else codes.to(module.device), class_prior
            )
            z_NL = torch.from_numpy(latents[positions]).to(module.dtype).to(module.device)
            best_NL = refine_latents(value, z_NL, n_steps=n_steps, learning_rate=learning_rate)
            refined[start : start + n] = in_double(best_NL[:n]).cpu().numpy()
            count(start + n, len(reader))
    return refined
