"""`VAE`: the variational autoencoder behind the contract of `pofx.base`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from pofx.base import Density
from pofx.data.images import ImageFormat
from pofx.data.levels import RealLevels
from pofx.data.reader import ImageReader
from pofx.engine.phase import HeldOutScore, Phase
from pofx.families.variational.completing import ImageCompletion
from pofx.families.variational.diagnosis import LatentDiagnosis
from pofx.families.variational.latents import LatentImages
from pofx.families.variational.module import VAEModule
from pofx.families.variational.scores import BoundScores
from pofx.families.variational.training import held_out_bound, vae_phase


class VAE(LatentImages, BoundScores, LatentDiagnosis, ImageCompletion):
    """Variational autoencoder: a decoder p(x|z) over latents z ~ p(z), and an encoder q(z|x) trained with it.

        log p(x) >= ELBO(x) = E_{q(z|x)}[log p(x|z)] - KL(q(z|x) || p(z)),

    q a diagonal normal, its draws z = mu + sigma * eps (Kingma & Welling 2013, arXiv 1312.6114). Training maximises the
    bound; `score_samples` gives an unbiased estimate of it, hence a lower bound on log p(x) in expectation;
    `log_prob_bounds` gives tighter ones, and `certify` tells how tight.

    Args:
        image_shape: (height, width) or (height, width, channels) of the rows of a two-dimensional X; None reads it from
            X (square if possible).
        levels: number of levels of a sub-pixel; None reads it from X (see `pofx.data.levels`).
        conditional: learn p(x|y) from the labels given to `fit`.
        latent_dim: dimensions of z. Those that the images do not need go silent by themselves (`latent_importance_`).
        architecture: "mlp", "convolutional", "residual" (slower a step, better after many), or "auto": convolutional
            from 16 x 16 on.
        width: hidden units of a layer (mlp; None: 512), or channels at half size (convolutional; None: 24. residual;
            None: 32).
        depth: hidden layers (mlp; None: 2), residual blocks at the smallest size (convolutional; None: 1), or at every
            size of the decoder, the encoder having half as many, rounded up (residual; None: 2).
        likelihood: the law of a sub-pixel given z: "bernoulli" (two levels), "categorical", "logistic" or
            "logistic_mixture" (discretised; the mixture with dependence between the colours of a pixel), "normal" (mean
            and variance from the decoder: a density for real-valued data, the mass of a step for levels). "auto":
            bernoulli for two levels, else logistic_mixture.
        n_components: logistics a pixel in the mixture.
        prior: the law p(z), the same for all classes: "normal", N(0, I); or learned with the rest: "flow" (RealNVP, an
            invertible network), "vamp" (the mixture of the posteriors of learned pseudo-inputs) or "mixture" (of
            normals). A learned one fits the latents that images have, so that the bound is higher and samples better.
        prior_components: components of "vamp" (None: 100; each costs an encoding a step) or "mixture" (None: 64).
        prior_depth: couplings of "flow" (None: 8).
        prior_width: hidden units of each coupling of "flow" (None: 128).
        n_importance: k, draws of z an image in training. Above 1 it maximises the k-sample bound (IWAE, Burda et al.
            2015, arXiv 1509.00519) instead of the ELBO, at k times the cost of the decoder, with doubly reparameterised
            gradients; the ELBO, which `score_samples` estimates, may then be lower and log p(x) higher. All draws of a
            batch are decoded at once. Of each of the n_importance * batch_size images memory holds, until the gradient
            is taken, height * width * p outputs of the decoder (p as the pixel's law has parameters: 1 of "bernoulli",
            3 * n_components of a gray and 10 * n_components of an RGB "logistic_mixture"), what the law computes from
            them, and the activations of every layer of the decoder. A smaller ``batch_size`` takes less.
        beta: weight of the KL term in training (Higgins et al. 2017); scores always use 1. In the k-sample bound it is
            the exponent of p(z) / q(z|x).
        free_bits: nats a latent dimension below which training does not press its KL further down. A learned prior
            tells no dimension's KL from another's: its KL as a whole is not pressed below latent_dim times as much.
            The k-sample bound has no KL term: with ``n_importance`` above 1 it must be 0.
        kl_warm_up: part of the training over which the weight of the KL term rises from 0 to ``beta``.
        max_epochs: passes over the training images, at most.
        max_minutes: minutes of training, at most; the schedule then follows the clock.
        batch_size: images a step.
        learning_rate: Adam's, at its peak; it warms up, then falls to zero along a cosine.
        validation_fraction: part of the images held out to choose the best state; 0 uses the last one.
        early_stopping: epochs without a better held-out score after which training ends; None goes on to the end.
        ema_half_life: half-life in steps of the average of the weights that is kept; None keeps the raw weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "float32", "bfloat16" (mixed; for GPUs) or "float64". On a GPU the convolutions of a float32 training
            may round to TF32; those of scoring and sampling do not.
        checkpoint_dir: folder for the state of the training; a fit that was killed goes on from there.
        random_state: seed of everything random in the fit, and of `sample` unless that is given its own. With a
            ``checkpoint_dir`` and no integer here the seed follows from the data, so that a fit is found again.
        verbose: show a progress line.

    Attributes set by `fit`, besides those of `GenerativeModel`:
        latent_importance_ (latent_dim,): KL(q(z_j|x) || N(0, 1)) of each dimension in nats, the mean over training
            images; near 0 means that the dimension says nothing about the image. With a learned prior, which has no
            such terms, KL(q(z_j|x) || N(m_j, s_j^2)), m_j and s_j^2 the mean and variance of z_j over all images.
        latent_activity_ (latent_dim,): the variance over training images of E_q[z_j]; above 0.01 a dimension counts as
            active (Burda et al.). With a learned prior, which leaves the scale of z_j open, its share in the variance
            of z_j.
        history_: besides the columns of every model, at every epoch and of held-out images: ``held_out_kl``, the mean
            KL(q(z|x) || p(z)); ``held_out_kl_0``, ``held_out_kl_1``, ..., that of each dimension, measured as
            ``latent_importance_`` is (so that with a learned prior, whose KL has no dimensions, they do not sum to
            ``held_out_kl``), to four digits; ``active_units``, the number of active dimensions.
        held_out_kl_: ``held_out_kl`` of the state that was kept; None without held-out images.
        posterior_collapsed_: whether after 500 steps or more the latents say next to nothing about an image: none is
            active, or the KL is below 0.05 nats. A fit that ends so gives a UserWarning.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().images
        >>> vae = pofx.VAE(max_epochs=3, random_state=0).fit(X)
        >>> vae.transform(X).shape
        (1797, 32)
    """

    density: ClassVar[Density] = "lower bound"
    _trains_unlabelled: ClassVar[bool] = True
    module_: VAEModule

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ImageCompletion._parameter_constraints,
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"auto", "mlp", "convolutional", "residual"})],
        "width": [Interval(Integral, 1, None, closed="left"), None],
        "depth": [Interval(Integral, 0, None, closed="left"), None],
        "likelihood": [StrOptions({"auto", "bernoulli", "categorical", "logistic", "logistic_mixture", "normal"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "prior": [StrOptions({"normal", "flow", "vamp", "mixture"})],
        "prior_components": [Interval(Integral, 1, None, closed="left"), None],
        "prior_depth": [Interval(Integral, 1, None, closed="left"), None],
        "prior_width": [Interval(Integral, 1, None, closed="left"), None],
        "n_importance": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "kl_warm_up": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        levels: int | None = None,
        conditional: bool = False,
        *,
        latent_dim: int = 32,
        architecture: str = "auto",
        width: int | None = None,
        depth: int | None = None,
        likelihood: str = "auto",
        n_components: int = 3,
        prior: str = "normal",
        prior_components: int | None = None,
        prior_depth: int | None = None,
        prior_width: int | None = None,
        n_importance: int = 1,
        beta: float = 1.0,
        free_bits: float = 0.0,
        kl_warm_up: float = 0.1,
        max_epochs: int = 100,
        max_minutes: float | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.1,
        early_stopping: int | None = 20,
        ema_half_life: float | None = 500,
        device: str = "auto",
        precision: str = "float32",
        checkpoint_dir: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.image_shape = image_shape
        self.levels = levels
        self.conditional = conditional
        self.latent_dim = latent_dim
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.likelihood = likelihood
        self.n_components = n_components
        self.prior = prior
        self.prior_components = prior_components
        self.prior_depth = prior_depth
        self.prior_width = prior_width
        self.n_importance = n_importance
        self.beta = beta
        self.free_bits = free_bits
        self.kl_warm_up = kl_warm_up
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.ema_half_life = ema_half_life
        self.device = device
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    # ---- training ---------------------------------------------------------------------------------------------------

    def _is_continuous(self, image_format: ImageFormat) -> bool:
        return self.likelihood == "normal" and isinstance(image_format.grid, RealLevels)

    def _build_module(self, image_format: ImageFormat, n_classes: int) -> VAEModule:
        return VAEModule(
            image_format,
            n_classes,
            latent_dim=self.latent_dim,
            architecture=self.architecture,
            width=self.width,
            depth=self.depth,
            likelihood=self.likelihood,
            n_components=self.n_components,
            continuous=self._is_continuous(image_format),
            prior=self.prior,
            prior_components=self.prior_components,
            prior_depth=self.prior_depth,
            prior_width=self.prior_width,
        )

    def _phases(self, module: nn.Module, image_format: ImageFormat) -> Sequence[Phase]:
        assert isinstance(module, VAEModule)
        if self.n_importance > 1 and self.free_bits:
            raise ValueError(
                f"free_bits={self.free_bits!r} has no meaning with n_importance={self.n_importance!r}: the k-sample "
                "bound has no KL term that could be left alone"
            )
        return [
            vae_phase(
                module,
                image_format.spec.n_dims,
                beta=self.beta,
                free_bits=self.free_bits,
                kl_warm_up=self.kl_warm_up,
                n_importance=self.n_importance,
                log_prior_K=self._marginal_prior,
            )
        ]

    def _validation_score(self, module: nn.Module, reader: ImageReader) -> HeldOutScore:
        assert isinstance(module, VAEModule)
        return held_out_bound(module, reader, self.n_importance, self._marginal_prior)
