"""Importance-weighted bounds of a linear Gaussian model, whose log p(x) and posterior are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pofx.data.toy import LinearGaussian
from pofx.distributions import normal
from pofx.families.variational.bounds import importance_weighted_bound


@pytest.fixture(scope="module")
def model() -> LinearGaussian:
    weights = np.random.default_rng(0).normal(size=(6, 2))
    return LinearGaussian(weights, np.linspace(-1, 1, 6), 0.5)


def tensors(model: LinearGaussian, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, log p(x), and the mean of the posterior."""
    x = model.sample(n, 1)
    mean, _ = model.posterior(x)
    return tuple(torch.from_numpy(np.asarray(value)) for value in (x, model.log_prob(x), mean))  # type: ignore[return-value]


def log_joint(model: LinearGaussian, x_ND: Tensor):  # type: ignore[no-untyped-def]
    weights, offset = torch.from_numpy(model.weights), torch.from_numpy(model.offset)
    log_variance = torch.from_numpy(np.log(np.asarray(model.noise_variance)))

    def function(z_SNL: Tensor) -> Tensor:
        zero = torch.zeros(z_SNL.shape[-1], dtype=z_SNL.dtype)
        return normal.log_density(x_ND, z_SNL @ weights.T + offset, log_variance) + normal.log_density(
            z_SNL, zero, zero
        )

    return function


def test_rises_with_k_towards_log_p(model: LinearGaussian) -> None:
    """q is as wide as the prior at the posterior's mean: a loose ELBO, which weights can make up for."""
    x, log_p, mean = tensors(model, 400)
    function = log_joint(model, x)
    generator = torch.Generator().manual_seed(0)
    differences = []
    for k in (1, 10, 100, 5000):
        bound = importance_weighted_bound(function, mean, torch.zeros_like(mean), k, generator)
        differences.append(bound - log_p)
    means = [float(d.mean()) for d in differences]
    errors = [float(d.std() / len(d) ** 0.5) for d in differences]
    assert means[0] < means[1] < means[2] < means[3] + 2 * errors[3]
    assert all(mean < 2 * error for mean, error in zip(means, errors, strict=True))
    assert means[0] < -0.5 and abs(means[3]) < 0.01


def test_of_the_elbo_at_one_draw(model: LinearGaussian) -> None:
    """k = 1: the mean of the bound is log p(x) - KL(q || p(z|x)), both known."""
    x, log_p, mean = tensors(model, 20_000)
    bound = importance_weighted_bound(
        log_joint(model, x), mean, torch.zeros_like(mean), 1, torch.Generator().manual_seed(0)
    )
    _, covariance = model.posterior(x[:1].numpy())
    precision = np.linalg.inv(covariance)
    kl = 0.5 * (np.trace(precision) - len(precision) + np.linalg.slogdet(covariance)[1])
    error = float((bound - log_p).std() / len(bound) ** 0.5)
    assert abs(float((bound - log_p).mean()) + kl) < 4 * error


def test_chunks_change_nothing_but_rounding(model: LinearGaussian) -> None:
    x, _, mean = tensors(model, 5)
    calls: list[int] = []

    def counted(z_SNL: Tensor) -> Tensor:
        calls.append(len(z_SNL))
        return log_joint(model, x)(z_SNL)

    def bound(chunk: int) -> Tensor:
        return importance_weighted_bound(
            counted, mean, torch.zeros_like(mean), 130, torch.Generator().manual_seed(3), chunk=chunk
        )

    assert torch.allclose(bound(64), bound(130), rtol=0, atol=1e-12)
    assert calls == [64, 64, 2, 130]


def test_no_draws_are_no_bound(model: LinearGaussian) -> None:
    with pytest.raises(ValueError, match="n_samples"):
        importance_weighted_bound(log_joint(model, torch.zeros(1, 6)), torch.zeros(1, 2), torch.zeros(1, 2), 0)
