"""The game as phases of the training, and the divergence that chooses the weights that are kept.

Shapes: N images, u_NCHW what the networks see.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double
from pofx.engine.phase import Batch, HeldOutScore, LossTerms, Phase
from pofx.engine.schedule import cosine_between
from pofx.families.adversarial import value_function
from pofx.families.adversarial.augmentation import augmented
from pofx.families.adversarial.module import GANModule
from pofx.families.adversarial.penalties import logits_and_slope
from pofx.measures.energy_distance import energy_distance

#: What gamma falls to in the course of the training, as a share of what it begins at.
FINAL_GAMMA = 0.1
#: Adam's decay rates of the game with both penalties, whose second one rises (Huang et al. 2025, arXiv 2501.05441,
#: appendix D), and of the classical one (Radford et al. 2015, arXiv 1511.06434, section 4).
BETAS, FINAL_BETA2 = (0.0, 0.9), 0.99
CLASSICAL_BETAS = (0.5, 0.999)
#: Fully connected networks do better with some momentum and a steady second rate.
MLP_BETAS = (0.5, 0.99)
#: Images of each kind from which the divergence is measured, at most; and of large images so many that the numbers of
#: either kind take no more than 256 MiB, but not fewer than 32.
DIVERGENCE_IMAGES, DIVERGENCE_NUMBERS, LEAST_DIVERGENCE_IMAGES = 2000, 2**25, 32


def game(
    module: GANModule, *, objective: value_function.Objective, gamma: float, augmentation: bool
) -> tuple[Phase, Phase]:
    """The discriminator's phase and the generator's, one after the other at every step.

    The discriminator minimises its loss + gamma/2 (R1 + R2); see `value_function` and `penalties`.

    Args:
        gamma: at the beginning; it falls to `FINAL_GAMMA` of that along half a cosine.
    """
    of_discriminator, of_generator = value_function.LOSSES[objective]

    def seen(u_NCHW: Tensor, generator: torch.Generator) -> Tensor:
        return augmented(u_NCHW, generator) if augmentation else u_NCHW

    def generated(batch: Batch) -> Tensor:
        return module.generate(module.latents(len(batch.x), batch.generator), batch.y)

    def discriminator_loss(batch: Batch) -> LossTerms:
        with torch.no_grad():
            made_NCHW = generated(batch)
        pairs = (module.scaled(batch.x), made_NCHW)
        codes = None if batch.y is None else torch.cat([batch.y, batch.y])
        both_NCHW = torch.cat([seen(u_NCHW, batch.generator) for u_NCHW in pairs])
        if gamma:
            logit_N, slope_N = logits_and_slope(lambda u_NCHW: module.logits(u_NCHW, codes), both_NCHW)
        else:
            logit_N = module.logits(both_NCHW, codes)
            slope_N = torch.zeros_like(logit_N)
        real_N, made_N = logit_N.chunk(2)
        r1, r2 = (half_N.mean() for half_N in slope_N.chunk(2))
        now = cosine_between(gamma, FINAL_GAMMA * gamma, batch.progress)
        loss = of_discriminator(real_N, made_N)
        terms = {"game": loss, "r1": r1, "r2": r2}
        if objective != "relativistic":  # there D is no probability, and V no value of the game
            terms["value"] = value_function.value(real_N, made_N)
        return LossTerms(loss + 0.5 * now * (r1 + r2), terms)

    def generator_loss(batch: Batch) -> LossTerms:
        made_N = module.logits(seen(generated(batch), batch.generator), batch.y)
        if objective != "relativistic":
            return LossTerms(of_generator(made_N, made_N))  # real images mean nothing to it
        with torch.no_grad():
            real_N = module.logits(seen(module.scaled(batch.x), batch.generator), batch.y)
        return LossTerms(of_generator(real_N, made_N))

    settings: dict[str, Any] = {"betas": CLASSICAL_BETAS}
    if gamma:
        settings = {"betas": BETAS, "final_beta2": FINAL_BETA2} if module.is_convolutional else {"betas": MLP_BETAS}
    return (
        Phase("discriminator", list(module.discriminator.parameters()), discriminator_loss, **settings),
        Phase("generator", list(module.generator.parameters()), generator_loss, **settings),
    )


def held_out_divergence(module: GANModule, reader: ImageReader) -> HeldOutScore:
    """Minus the energy distance between held-out images and as many generated ones, in the scale of [-1, 1].

    Generated images are quantised as samples are, and made from the same latents at every call, so that epochs can be
    compared; of a conditional model they have the labels of the held-out ones. The noise of the score is the deviation
    of the estimate for equal laws.
    """
    generator = torch.Generator(module.device).manual_seed(0)
    positions = np.random.default_rng(0).permutation(len(reader))
    positions = positions[: divergence_images(reader.image_format.spec.n_dims)]
    real, made = [], []
    for start in range(0, len(positions), 128):
        x_NCHW, codes = reader.batch(positions[start : start + 128])
        codes = None if codes is None else codes.to(module.device)
        u_NCHW = module.generate(module.latents(len(x_NCHW), generator), codes)
        if not bool(u_NCHW.isfinite().all()):
            # Finite weights can make numbers too large: no state to keep, and no reason to lose those before.
            return HeldOutScore(float("nan"))
        real.append(in_double(module.scaled(x_NCHW.to(module.device))).cpu().flatten(1))
        made.append(in_double(module.scaled(module.quantised(u_NCHW))).cpu().flatten(1))
    if len(positions) < 2:
        return HeldOutScore(float("nan"))
    distance = energy_distance(torch.cat(real).numpy(), torch.cat(made).numpy())
    return HeldOutScore(-distance.value, {"held_out_noise": distance.null_deviation}, distance.null_deviation)


def divergence_images(n_dims: int) -> int:
    """How many held-out images of so many sub-pixels are compared, at most."""
    return min(DIVERGENCE_IMAGES, max(LEAST_DIVERGENCE_IMAGES, DIVERGENCE_NUMBERS // n_dims))
