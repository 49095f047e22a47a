"""What a VAE maximises: on training batches the weighted bound, on held-out images the bound itself."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.data.reader import ImageReader, bounded_batches
from pofx.distributions.numerics import in_double
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.families.variational import elbo
from pofx.families.variational.module import VAEModule
from pofx.families.variational.reparameterization import reparameterize

#: Upper limit of the gradient's norm, in nats a sub-pixel. Ordinary steps have 0.02 to 0.3: only leaps are cut short.
CLIP_NORM = 1.0


def elbo_terms(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, noise_SNL: Tensor, *, discrete: bool = False
) -> tuple[Tensor, Tensor]:
    """The two terms of the ELBO, the first estimated by the mean over S draws of z.

    Args:
        x_NCHW: levels; of a continuous model scaled reals, unless ``discrete`` says levels and means their mass.
        noise_SNL: standard normal noise of the S draws.

    Returns:
        E_q[log p(x|z)] (n,) and KL(q(z|x) || p(z)) of each dimension (n, latent_dim), in nats.
    """
    u_NCHW = module.scaled(x_NCHW, discrete=discrete)
    law = module.law(discrete=discrete)
    mean_NL, log_variance_NL = module.encode(u_NCHW, codes)
    # Likelihood and divergence are computed in full precision, whatever the network runs in.
    mean_NL, log_variance_NL = mean_NL.to(module.dtype), log_variance_NL.to(module.dtype)
    reconstruction = torch.zeros(len(x_NCHW), dtype=module.dtype, device=x_NCHW.device)
    for noise_NL in noise_SNL:  # one draw after the other: memory stays that of one
        parameters = module.decode(reparameterize(mean_NL, log_variance_NL, noise_NL), codes).to(module.dtype)
        reconstruction = reconstruction + elbo.expected_log_likelihood(law, parameters[None], x_NCHW)
    return reconstruction / len(noise_SNL), elbo.kl_divergence(mean_NL, log_variance_NL)


def elbo_phase(module: VAEModule, n_dims: int, *, beta: float, free_bits: float, kl_warm_up: float) -> Phase:
    """The one player of the training: minimise (penalised KL - expected log-likelihood) / D, nats a sub-pixel."""

    def loss(batch: Batch) -> LossTerms:
        noise = torch.randn(
            1,
            len(batch.x),
            module.latent_dim,
            generator=batch.generator,
            dtype=module.dtype,
            device=batch.x.device,
        )
        likelihood, kl_NL = elbo_terms(module, batch.x, batch.y, noise)
        warm_up = min(1.0, batch.progress / kl_warm_up) if kl_warm_up else 1.0
        penalty = elbo.penalised_kl(kl_NL, beta * warm_up, free_bits)
        reconstruction, kl = likelihood.mean(), kl_NL.sum(dim=1).mean()
        return LossTerms(
            (penalty - reconstruction) / n_dims,
            {"elbo": reconstruction - kl, "reconstruction": reconstruction, "kl": kl},
        )

    return Phase("elbo", list(module.parameters()), loss, clip_norm=CLIP_NORM)


def validation_elbo(module: VAEModule, reader: ImageReader) -> float:
    """Mean ELBO of held-out images in nats, with the same noise at every call, so that epochs can be compared."""
    generator = torch.Generator(module.device).manual_seed(0)
    total = 0.0
    for x_NCHW, codes in bounded_batches(reader, module.n_outputs_a_pixel):
        noise = torch.randn(
            2, len(x_NCHW), module.latent_dim, generator=generator, dtype=module.dtype, device=module.device
        )
        codes = None if codes is None else codes.to(module.device)
        terms = elbo_terms(module, x_NCHW.to(module.device), codes, noise)
        total += float(in_double(elbo.elbo(*terms)).sum())
    return total / len(reader)
