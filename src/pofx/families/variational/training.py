"""What a VAE maximises: on training batches the weighted bound, on held-out images the bound itself."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.data.reader import ImageReader, bounded_batches
from pofx.distributions import classes, normal
from pofx.distributions.numerics import in_double
from pofx.engine.phase import Batch, HeldOutScore, LossTerms, Phase
from pofx.families.variational import elbo
from pofx.families.variational.importance import doubly_reparameterised, k_sample_bound
from pofx.families.variational.module import VAEModule
from pofx.families.variational.reparameterization import reparameterize
from pofx.families.variational.statistics import active_units, activity, dimension_divergences

#: Upper limit of the gradient's norm, in nats a sub-pixel. Ordinary steps have 0.02 to 0.3: only leaps are cut short.
CLIP_NORM = 1.0
#: Draws of z a held-out image, at least.
VALIDATION_DRAWS = 2


def elbo_terms(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, noise_SNL: Tensor, *, discrete: bool = False
) -> tuple[Tensor, Tensor]:
    """The two terms of the ELBO, estimated by the mean over S draws of z (the second only if the prior is learned).

    Args:
        x_NCHW: levels; of a continuous model scaled reals, unless ``discrete`` says levels and means their mass.
        noise_SNL: standard normal noise of the S draws.

    Returns:
        E_q[log p(x|z)] (n,) and KL(q(z|x) || p(z)), in nats: (n, latent_dim), of each dimension, if the prior is the
        standard normal, else (n, 1).
    """
    mean_NL, log_variance_NL = encoded(module, x_NCHW, codes, discrete=discrete)
    z_SNL = reparameterize(mean_NL, log_variance_NL, noise_SNL)
    return terms_at(module, x_NCHW, codes, mean_NL, log_variance_NL, z_SNL, discrete=discrete)


def encoded(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, *, discrete: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and log variance of q(z|x), in the module's dtype whatever the network runs in; each (n, latent_dim)."""
    mean_NL, log_variance_NL = module.encode(module.scaled(x_NCHW, discrete=discrete), codes)
    return mean_NL.to(module.dtype), log_variance_NL.to(module.dtype)


def terms_at(
    module: VAEModule,
    x_NCHW: Tensor,
    codes: Tensor | None,
    mean_NL: Tensor,
    log_variance_NL: Tensor,
    z_SNL: Tensor,
    *,
    discrete: bool = False,
) -> tuple[Tensor, Tensor]:
    """The two terms of `elbo_terms` at draws z_SNL of q(z|x) = N(mean, exp(log_variance))."""
    law = module.law(discrete=discrete)
    reconstruction = torch.zeros(len(x_NCHW), dtype=module.dtype, device=x_NCHW.device)
    for z_NL in z_SNL:  # one draw after the other: memory stays that of one
        parameters = module.decode(z_NL, codes).to(module.dtype)
        reconstruction = reconstruction + elbo.expected_log_likelihood(law, parameters[None], x_NCHW)
    if module.prior.is_standard_normal:
        kl_NG = elbo.kl_divergence(mean_NL, log_variance_NL)
    else:
        kl_NG = elbo.kl_estimate(module.prior, mean_NL, log_variance_NL, z_SNL)
    return reconstruction / len(z_SNL), kl_NG


def log_weight_terms(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, noise_SNL: Tensor, *, kl_weight: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x|z_s), log p(z_s) and log q(z_s|x) at S draws z_s ~ q(z|x), all decoded at once; each (S, n).

    The encoder's gradient of a `k_sample_bound` of them with this weight is the doubly reparameterised one; the mean
    and variance in log q are constants.
    """
    n_draws, n = len(noise_SNL), len(x_NCHW)
    mean_NL, log_variance_NL = encoded(module, x_NCHW, codes)
    z_SNL = reparameterize(mean_NL, log_variance_NL, noise_SNL)
    codes_SN = None if codes is None else codes.repeat(n_draws)
    parameters = module.decode(z_SNL.flatten(0, 1), codes_SN).to(module.dtype).unflatten(0, (n_draws, n))
    log_likelihood_SN = elbo.log_likelihoods(module.law(), parameters, x_NCHW)
    log_prior_SN = elbo.log_prior(module.prior, z_SNL)
    log_posterior_SN = normal.log_density(z_SNL, mean_NL.detach(), log_variance_NL.detach())
    log_w_SN = log_likelihood_SN + kl_weight * (log_prior_SN - log_posterior_SN)
    doubly_reparameterised(z_SNL, log_w_SN, kl_weight)
    return log_likelihood_SN, log_prior_SN, log_posterior_SN


def with_classes(
    module: VAEModule, x_NCHW: Tensor, codes: Tensor | None, log_prior_K: Tensor | None, generator: torch.Generator
) -> tuple[Tensor | None, Tensor]:
    """`classes.impute` for these images, by their ELBO; the codes as they are, and 0, if ``log_prior_K`` is None.

    The posterior has noise of its own, so that the ELBO of the class drawn, estimated with other noise, is a bound in
    expectation.
    """
    if codes is None or log_prior_K is None:
        return codes, torch.zeros(1, dtype=module.dtype, device=x_NCHW.device)

    def conditional(positions: Tensor) -> Tensor:
        noise_SNL = standard_noise(module, 1, len(positions), generator)

        def bound(x: Tensor, y: Tensor) -> Tensor:
            return elbo.elbo(*elbo_terms(module, x, y, noise_SNL))

        return classes.of_every_class(x_NCHW[positions], len(log_prior_K), bound)

    drawn, correction_N = classes.impute(codes, log_prior_K, conditional, generator)
    return drawn, correction_N.to(module.dtype).to(x_NCHW.device)


def vae_phase(
    module: VAEModule,
    n_dims: int,
    *,
    beta: float,
    free_bits: float,
    kl_warm_up: float,
    n_importance: int = 1,
    log_prior_K: Tensor | None = None,
) -> Phase:
    """The one player of the training, in nats a sub-pixel.

    With one draw an image it minimises (penalised KL - expected log-likelihood) / D; see `elbo.penalised_kl`. With k
    draws it maximises the weighted `k_sample_bound` / D. In both, the weight of the KL rises from 0 to ``beta``.

    Args:
        n_dims: D, sub-pixels an image.
        free_bits: nats a latent dimension; latent_dim times as much for all together if the prior is learned.
        n_importance: k.
        log_prior_K: log p(y), if images may have no label: of those it is the bound on log sum_y p(y) p(x|y).
    """
    # A learned prior tells no dimension's KL from another's: they have the sum of their allowances together.
    allowance = free_bits if module.prior.is_standard_normal else free_bits * module.latent_dim

    def elbo_loss(
        x_NCHW: Tensor, codes: Tensor | None, log_class: Tensor, noise_SNL: Tensor, weight: float
    ) -> LossTerms:
        likelihood, kl_NG = elbo_terms(module, x_NCHW, codes, noise_SNL)
        penalty = elbo.penalised_kl(kl_NG, weight, allowance)
        reconstruction, kl = likelihood.mean(), kl_NG.sum(dim=1).mean()
        return LossTerms(
            (penalty - reconstruction - log_class) / n_dims,
            {"elbo": reconstruction - kl + log_class, "reconstruction": reconstruction, "kl": kl},
        )

    def importance_loss(
        x_NCHW: Tensor, codes: Tensor | None, log_class: Tensor, noise_SNL: Tensor, weight: float
    ) -> LossTerms:
        terms = log_weight_terms(module, x_NCHW, codes, noise_SNL, kl_weight=weight)
        log_likelihood_SN, log_prior_SN, log_posterior_SN = terms
        reconstruction, kl = log_likelihood_SN.mean(), (log_posterior_SN - log_prior_SN).mean()
        return LossTerms(
            -(k_sample_bound(*terms, weight).mean() + log_class) / n_dims,
            {
                "bound": k_sample_bound(*terms).mean() + log_class,
                "elbo": reconstruction - kl + log_class,
                "reconstruction": reconstruction,
                "kl": kl,
            },
        )

    def loss(batch: Batch) -> LossTerms:
        x_NCHW, codes = batch.x, batch.y
        if codes is not None and log_prior_K is not None:
            x_NCHW, codes = classes.at_first_labelled(x_NCHW, codes, batch.progress)
        noise_SNL = standard_noise(module, n_importance, len(x_NCHW), batch.generator)
        codes, correction_N = with_classes(module, x_NCHW, codes, log_prior_K, batch.generator)
        warm_up = min(1.0, batch.progress / kl_warm_up) if kl_warm_up else 1.0
        loss_of = elbo_loss if n_importance == 1 else importance_loss
        return loss_of(x_NCHW, codes, correction_N.mean(), noise_SNL, beta * warm_up)

    return Phase("elbo", list(module.parameters()), loss, clip_norm=CLIP_NORM)


def held_out_bound(
    module: VAEModule, reader: ImageReader, n_importance: int = 1, log_prior_K: Tensor | None = None
) -> HeldOutScore:
    """Mean bound of held-out images in nats, with the same noise at every call, so that epochs can be compared.

    It is the bound that training maximises: the ELBO, or with ``n_importance`` k > 1 the k-sample bound. Measured
    beside it: ``active_units`` (see `statistics.active_units`), ``held_out_kl``, the mean of KL(q(z|x) || p(z)), and
    ``held_out_kl_j`` for each latent dimension j (see `statistics.dimension_divergences`).
    """
    generator = torch.Generator(module.device).manual_seed(0)
    bound, divergence = 0.0, 0.0
    posteriors = []
    for x_NCHW, codes in bounded_batches(reader, module.n_outputs_a_pixel):
        x_NCHW, codes = x_NCHW.to(module.device), None if codes is None else codes.to(module.device)
        noise_SNL = standard_noise(module, max(n_importance, VALIDATION_DRAWS), len(x_NCHW), generator)
        codes, correction_N = with_classes(module, x_NCHW, codes, log_prior_K, generator)
        mean_NL, log_variance_NL = encoded(module, x_NCHW, codes)
        z_SNL = reparameterize(mean_NL, log_variance_NL, noise_SNL)
        if n_importance == 1:
            likelihood_N, kl_NG = terms_at(module, x_NCHW, codes, mean_NL, log_variance_NL, z_SNL)
            bound_N, kl_N = elbo.elbo(likelihood_N, kl_NG), kl_NG.sum(dim=1)
        else:
            log_prior_SN = elbo.log_prior(module.prior, z_SNL)
            log_posterior_SN = normal.log_density(z_SNL, mean_NL, log_variance_NL)
            log_likelihood_SN = torch.stack(
                [
                    elbo.log_likelihoods(module.law(), module.decode(z_NL, codes).to(module.dtype)[None], x_NCHW)[0]
                    for z_NL in z_SNL
                ]
            )
            bound_N = k_sample_bound(log_likelihood_SN, log_prior_SN, log_posterior_SN)
            kl_N = (log_posterior_SN - log_prior_SN).mean(dim=0)
        bound += float((in_double(bound_N) + in_double(correction_N)).sum())
        divergence += float(in_double(kl_N).sum())
        posteriors.append((in_double(mean_NL).cpu(), in_double(log_variance_NL).cpu()))
    means, log_variances = (torch.cat(parts) for parts in zip(*posteriors, strict=True))
    learned = not module.prior.is_standard_normal
    activity_L = activity(means, log_variances, relative=learned)
    measured = {"held_out_kl": divergence / len(reader), "active_units": float(active_units(activity_L))}
    for j, kl in enumerate(dimension_divergences(means, log_variances, learned=learned).tolist()):
        # A model file's header holds the history: many dimensions over many epochs take no more room than they need.
        measured[f"held_out_kl_{j}"] = float(f"{kl:.4g}")
    return HeldOutScore(bound / len(reader), measured)


def standard_noise(module: VAEModule, n_draws: int, n: int, generator: torch.Generator) -> Tensor:
    """Standard normal noise (n_draws, n, latent_dim) in the module's dtype, on the generator's device."""
    shape = (n_draws, n, module.latent_dim)
    return torch.randn(shape, generator=generator, dtype=module.dtype, device=generator.device)
