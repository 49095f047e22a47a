"""An encoder for a generator that is already trained: from images back to latents.

Shapes: N images, u_NCHW what the networks see, z_NL latents.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double
from pofx.engine.ascent import Objective
from pofx.engine.phase import Batch, HeldOutScore, LossTerms, Phase
from pofx.families.adversarial.module import GANModule

#: Weight of the images' squared error beside that of the latents, each a mean over its own numbers.
IMAGE_WEIGHT = 10.0


def encoder_phase(module: GANModule) -> Phase:
    """Minimise E_z|E(G(z)) - z|^2 / L + w E_x|G(E(x)) - x|^2 / D: latents that are known, and images that are real.

    The first term alone knows generated images only, the second alone leaves the latents' law open. The generator
    stays as it is. (Latent regression: Donahue et al. 2017, arXiv 1605.09782, section 4.1, where it is the baseline.)
    """

    def loss(batch: Batch) -> LossTerms:
        z_NL = module.latents(len(batch.x), batch.generator)
        with torch.no_grad():
            made_NCHW = module.generate(z_NL, batch.y)
        u_NCHW = module.scaled(batch.x)
        latents = ((module.encode(made_NCHW) - z_NL) ** 2).mean()
        images = ((module.generate(module.encode(u_NCHW), batch.y) - u_NCHW) ** 2).mean()
        return LossTerms(latents + IMAGE_WEIGHT * images, {"latents": latents, "images": images})

    assert module.encoder is not None
    return Phase("encoder", list(module.encoder.parameters()), loss, clip_norm=10.0)


def held_out_error(module: GANModule, reader: ImageReader) -> HeldOutScore:
    """Minus the mean squared error of held-out images that are encoded and generated again, in the scale of [-1, 1]."""
    return HeldOutScore(-mean_squared_error(module, reader))


def mean_squared_error(module: GANModule, reader: ImageReader) -> float:
    """Of these images against G(E(x)), a mean over images and sub-pixels."""
    total = 0.0
    for start in range(0, len(reader), 128):
        x_NCHW, codes = reader.batch(np.arange(start, min(start + 128, len(reader))))
        u_NCHW = module.scaled(x_NCHW.to(module.device))
        again_NCHW = module.generate(module.encode(u_NCHW), None if codes is None else codes.to(module.device))
        total += float((in_double(again_NCHW - u_NCHW) ** 2).flatten(1).mean(dim=1).sum())
    return total / len(reader)


def log_joint(module: GANModule, u_NCHW: Tensor, codes: Tensor | None, variance: float) -> Objective:
    """log N(x; G(z, y), s^2) + log N(z; 0, I) but for a constant, as a function of z; (n,), float64.

    A generator has no law of pixels given z: this one is taken for refinement alone, s^2 the mean squared error of
    G(E(x)).
    """

    def value(z_NL: Tensor) -> Tensor:
        error_N = (in_double(module.generate(z_NL, codes) - u_NCHW) ** 2).flatten(1).sum(dim=1)
        return -0.5 * error_N / variance - 0.5 * (in_double(z_NL) ** 2).sum(dim=1)

    return value
