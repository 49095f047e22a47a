"""A VAE of two latents over 3 x 3 binary images whose log p(x) is an integral over a grid."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import pofx
from pofx.distributions import normal
from pofx.families.variational.bounds import log_joint_of

IMAGES = np.array(list(itertools.product([0, 1], repeat=9)), dtype=np.uint8).reshape(-1, 3, 3)
PATTERNS = np.array([[[2, 2, 2], [0, 0, 0], [-2, -2, -2]], [[1, -2, 1], [1, -2, 1], [1, -2, 1]]])
#: Half the width of the grid, and the distance of its points.
HALF_WIDTH, SPACING = 8.0, 0.16


def some_images(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of two factors, and a class that shifts one of them."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=n)
    strength = rng.normal(size=(n, 2)) * 1.2 + np.stack([y - 0.5, np.zeros(n)], axis=1)
    logits = np.einsum("nk,khw->nhw", strength, PATTERNS)
    return (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.uint8), y


@functools.cache
def tiny_vae(*, moved: bool = True, **parameters: Any) -> pofx.VAE:
    """Fitted for a moment, in float64; if ``moved``, its q is then put and widened well away from the posterior."""
    X, y = some_images(320)
    settings: dict[str, Any] = {
        "latent_dim": 2, "width": 12, "depth": 1, "max_epochs": 12, "learning_rate": 0.03, "validation_fraction": 0,
        "ema_half_life": None, "precision": "float64", "device": "cpu", "random_state": 0,
    }  # fmt: skip
    model = pofx.VAE(**settings | parameters).fit(X, y if parameters.get("conditional") else None)
    with torch.no_grad():
        if moved:
            model.module_.encoder.head.bias += torch.tensor([0.4, -0.3, 0.6, 0.6])
    return model


def different_images(n: int) -> NDArray[np.uint8]:
    """The first n of `some_images` that differ, at most: equal images have equal noise, and are no two estimates."""
    X = some_images(512)[0]
    return X[np.sort(np.unique(X, axis=0, return_index=True)[1])][:n]


def grid() -> Tensor:
    """Points z_GL of a square."""
    side = torch.arange(-HALF_WIDTH, HALF_WIDTH + SPACING / 2, SPACING, dtype=torch.float64)
    return torch.cartesian_prod(side, side)


@torch.no_grad()
def log_p(model: pofx.VAE, images: NDArray[Any], codes: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """log of the integral of p(x|z) p(z) over z, of each image; of p(x|y, z) for given class codes."""
    module, z_GL = model.module_, grid()
    log_prior_G = module.prior.log_density(z_GL)
    assert abs(float(log_prior_G.exp().sum()) * SPACING**2 - 1) < 1e-6, "the grid does not hold the prior"
    x_ND = 2 * torch.from_numpy(images.reshape(len(images), -1)).double() - 1
    values = torch.empty(len(images), dtype=torch.float64)
    for code in [None] if codes is None else np.unique(codes):
        chosen = np.ones(len(images), bool) if code is None else codes == code
        given = None if code is None else torch.full((len(z_GL),), int(code))
        logits_GD = module.decode(z_GL, given).flatten(1)
        # For x = -1, 1: log sigmoid(x l) = x l / 2 - [|l| / 2 + log(1 + exp(-|l|))], the bracket without x.
        both_G = (0.5 * logits_GD.abs() + torch.log1p(torch.exp(-logits_GD.abs()))).sum(1)
        terms_GN = 0.5 * logits_GD @ x_ND[chosen].T + (log_prior_G - both_G)[:, None]
        values[chosen] = torch.logsumexp(terms_GN, 0) + 2 * math.log(SPACING)
    return values.numpy()


@torch.no_grad()
def divergence_of_posterior(model: pofx.VAE, images: NDArray[Any]) -> NDArray[np.float64]:
    """KL(q(z|x) || p(z|x)) of each image, the integral over a grid in units of q."""
    module = model.module_
    x_NCHW = torch.from_numpy(images).unsqueeze(1)
    mean_NL, log_variance_NL = module.encode(module.scaled(x_NCHW), None)
    e_GL = grid()[(grid().abs() < 6.5).all(dim=1)]
    mass_G = normal.log_density(e_GL, torch.zeros(2), torch.zeros(2)).exp() * SPACING**2
    total = torch.zeros(len(images), dtype=torch.float64)
    log_joint = log_joint_of(module, x_NCHW, None, discrete=True)
    for part_SL, mass_S in zip(e_GL.split(512), mass_G.split(512), strict=True):
        z_SNL = mean_NL + torch.exp(0.5 * log_variance_NL) * part_SL[:, None]
        total += mass_S @ (normal.log_density(z_SNL, mean_NL, log_variance_NL) - log_joint(z_SNL))
    return total.numpy() + log_p(model, images)
