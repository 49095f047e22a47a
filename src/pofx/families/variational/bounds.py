"""Bounds on log p(x) from draws of z, the ELBO and tighter ones.

Shapes: S draws of z an image, N images, L latent dimensions; z_SNL, log-probabilities in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pofx.distributions.numerics import HALF_LOG_2_PI, in_double
from pofx.families.variational.module import VAEModule
from pofx.families.variational.reparameterization import reparameterize

LogJoint = Callable[[Tensor], Tensor]
"""From z_SNL to log p(x_n, z_sn) = log p(x_n | z_sn) + log p(z_sn), (S, N)."""


def log_joint_of(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, *, discrete: bool, chunk: int | None = None
) -> LogJoint:
    """log p(x | z) + log p(z) of these images as a function of z_SNL, by the parameters of the prior as they are now.

    Args:
        x_NCHW: levels; of a continuous model scaled reals, unless ``discrete`` says levels and means their mass.
        codes: class codes (n,) of a conditional model: p(x | z, y).
        chunk: draws an image that are decoded together, which bounds the memory where no gradients are kept; None for
            all of them.
    """
    law, x_NCHW = module.law(discrete=discrete), x_NCHW.to(module.dtype)
    log_prior = module.prior.fixed_log_density()

    def log_likelihood(z_SNL: Tensor) -> Tensor:
        n_draws, n, _ = z_SNL.shape
        parameters = module.decode(z_SNL.flatten(0, 1), None if codes is None else codes.repeat(n_draws))
        return law.log_likelihood(parameters.unflatten(0, (n_draws, n)), x_NCHW)

    def log_joint(z_SNL: Tensor) -> Tensor:
        parts = [log_likelihood(part_SNL) for part_SNL in z_SNL.split(chunk or len(z_SNL))]
        return torch.cat(parts) + log_prior(z_SNL)

    return log_joint


def log_importance_weights(log_joint: LogJoint, mean_NL: Tensor, log_variance_NL: Tensor, noise_SNL: Tensor) -> Tensor:
    """log p(x, z) - log q(z | x) at z = mu + sigma * noise; (S, N), float64, differentiable in the noise.

    Its mean over z ~ q is the ELBO; the mean of its exponential is p(x).
    """
    log_p_SN = log_joint(reparameterize(mean_NL, log_variance_NL, noise_SNL))
    # log q(z | x) at such a z: the noise is what z - mu comes to in units of sigma.
    constant_N = (0.5 * log_variance_NL + HALF_LOG_2_PI).sum(dim=-1)
    log_q_SN = -0.5 * (noise_SNL**2).sum(dim=-1) - constant_N
    return in_double(log_p_SN) - in_double(log_q_SN)


class Estimate(NamedTuple):
    """A lower bound of N images, in the mean over draws, and its standard error over draws; (n,), float64, nats."""

    lower_N: Tensor
    std_error_N: Tensor


class WeightSum:
    """Weights w of N images, added up draw by draw in float64: their mean is an estimate of p(x)."""

    def __init__(self) -> None:
        self.n_draws = 0
        self._log_sum_N = self._log_squares_N = torch.tensor(-math.inf, dtype=torch.float64)

    def add(self, log_w_SN: Tensor) -> None:
        """Count S more draws of each image."""
        self.n_draws += len(log_w_SN)
        self._log_sum_N = torch.logaddexp(self._log_sum_N, torch.logsumexp(log_w_SN, 0))
        self._log_squares_N = torch.logaddexp(self._log_squares_N, torch.logsumexp(2 * log_w_SN, 0))

    def log_mean(self) -> Tensor:
        """log (1/k) sum_s w_s, (n,)."""
        return self._log_sum_N - math.log(self.n_draws)

    def log_variance_of_mean(self) -> Tensor:
        """log of the estimated variance of (1/k) sum_s w_s, (n,): (sum w^2 / k - mean^2) / (k - 1); NaN of one draw."""
        k = self.n_draws
        if k < 2:
            return torch.full_like(self._log_sum_N, math.nan)
        # With the mean square as unit: sum w^2 / (k mean^2) >= 1, but for rounding.
        excess = torch.expm1(self._log_squares_N + math.log(k) - 2 * self._log_sum_N).clamp(min=0)
        return torch.log(excess) - math.log(k - 1) + 2 * self.log_mean()


def log_mean_estimate(weights: Sequence[WeightSum], log_prior_K: Tensor) -> Estimate:
    """log sum_y p(y) (1/k) sum_s w_ys, and its standard error by the delta method: that of the sum, over the sum.

    The sum has the mean p(x) = sum_y p(y) p(x|y), so that the logarithm is a lower bound in the mean. One class, with
    log prior 0, gives the bound on log p(x|y), or that of a model without classes. Where weights are very unequal the
    standard error is itself uncertain, and rather too small.
    """
    log_means_KN = torch.stack([w.log_mean() for w in weights])
    log_variances_KN = torch.stack([w.log_variance_of_mean() for w in weights])
    log_prior_K1 = log_prior_K.unsqueeze(1)
    lower_N = torch.logsumexp(log_prior_K1 + log_means_KN, 0)
    log_variance_N = torch.logsumexp(2 * log_prior_K1 + log_variances_KN, 0)
    return Estimate(lower_N, torch.exp(0.5 * log_variance_N - lower_N))


class LogWeightSum:
    """log w of N images, added up draw by draw in float64: their mean is the ELBO."""

    def __init__(self) -> None:
        self.n_draws = 0
        self._sum_N = self._squares_N = self._first_N = torch.zeros(())

    def add(self, log_w_SN: Tensor) -> None:
        """Count S more draws of each image."""
        if self.n_draws == 0:
            # Squares of what is left when the first draw is taken off cancel less.
            self._first_N = log_w_SN[0]
            self._sum_N = self._squares_N = torch.zeros_like(self._first_N)
        self.n_draws += len(log_w_SN)
        left_SN = log_w_SN - self._first_N
        self._sum_N = self._sum_N + left_SN.sum(0)
        self._squares_N = self._squares_N + (left_SN**2).sum(0)

    def mean(self) -> Tensor:
        """(1/k) sum_s log w_s, (n,)."""
        return self._first_N + self._sum_N / self.n_draws

    def variance_of_mean(self) -> Tensor:
        """The estimated variance of `mean`, (n,); NaN of one draw."""
        k = self.n_draws
        if k < 2:
            return torch.full_like(self._sum_N, math.nan)
        return (self._squares_N - self._sum_N**2 / k).clamp(min=0) / (k * (k - 1))


def elbo_estimate(log_weights: Sequence[LogWeightSum], log_prior_K: Tensor, log_posterior_NK: Tensor) -> Estimate:
    """An unbiased estimate of the ELBO and its standard error, or of a bound on the marginal over classes.

    For any weights r_y that sum to 1, log sum_y p(y) p(x|y) >= sum_y r_y (ELBO(x|y) + log p(y) - log r_y), and equal
    where q is the posterior and r_y = p(y|x).

    Args:
        log_weights: of each class, K of them; of a model without classes one.
        log_prior_K: log p(y).
        log_posterior_NK: log r_y, which must come from other draws than ``log_weights``.
    """
    means_NK = torch.stack([w.mean() for w in log_weights], dim=1)
    variances_NK = torch.stack([w.variance_of_mean() for w in log_weights], dim=1)
    r_NK = log_posterior_NK.exp()
    # Weights that underflow contribute nothing; 0 * (anything + inf) would be NaN.
    terms_NK = r_NK * (means_NK + log_prior_K - log_posterior_NK.clamp(min=-700.0))
    return Estimate(terms_NK.sum(dim=1), (r_NK**2 * variances_NK).sum(dim=1).sqrt())


def importance_weighted_bound(
    log_joint: LogJoint,
    mean_NL: Tensor,
    log_variance_NL: Tensor,
    n_samples: int,
    generator: torch.Generator | None = None,
    *,
    chunk: int = 64,
) -> Tensor:
    """log (1/k) sum_{s=1}^{k} p(x, z_s) / q(z_s | x), z_s ~ q(z | x): a draw, in the mean a lower bound; (n,), float64.

    k = 1 gives an estimate of the ELBO; the mean over draws rises with k towards log p(x), as long as q has no lighter
    tails than p(z | x). Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519, eq. 8 and theorem 1.

    Args:
        log_joint: log p(x, z) of these N images.
        mean_NL, log_variance_NL: q(z | x) = N(mean, diag exp(log_variance)), encoded once.
        n_samples: k.
        generator: of the draws, on the device of ``mean_NL``.
        chunk: draws an image that are decoded together; bounds the memory, whatever k is.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, not {n_samples}")
    weights = WeightSum()
    for start in range(0, n_samples, chunk):
        n_draws = min(chunk, n_samples - start)
        noise_SNL = torch.randn(
            n_draws, *mean_NL.shape, generator=generator, dtype=mean_NL.dtype, device=mean_NL.device
        )
        weights.add(log_importance_weights(log_joint, mean_NL, log_variance_NL, noise_SNL))
    return weights.log_mean()
