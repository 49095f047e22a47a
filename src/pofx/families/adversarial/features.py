"""What a GAN tells about given images: features of its discriminator, or latents if it has an encoder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from pofx.distributions.numerics import from_double, in_double
from pofx.engine.ascent import Objective
from pofx.families.adversarial import typicality
from pofx.families.adversarial.encoder import log_joint
from pofx.families.adversarial.layers import DiscriminatorLayers
from pofx.families.adversarial.module import GANModule
from pofx.latent_space import LatentSpace


def _has_encoder(model: Any) -> bool:
    """Of what was fitted; before the fit, of what is asked for. The error tells why there is none."""
    fitted = getattr(model, "module_", None)
    if fitted.encoder is None if fitted is not None else not model.encoder:
        raise AttributeError("this GAN has no way from images to latents: fit it with encoder=True")
    return True


class EncodedImages(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LatentSpace, DiscriminatorLayers):
    """`transform`, and with an encoder `inverse_transform`, `reconstruct` and `refine_latents`."""

    module_: GANModule
    error_variance_: float
    encoder: bool

    def transform(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[Any]:
        """Features of each image: its latent E(x), (n, latent_dim), if the model has an encoder; else the mean of every
        channel of the discriminator over its map, at all sizes, and its last layer, (n, n_features).

        Neither depends on a label. Float32 for float32 images, else float64.
        """
        reader = self._checked_reader(X, y)
        module = self.module_
        function = module.discriminator.pooled_features if module.encoder is None else module.encode
        (features,) = self._map(reader, lambda x_NCHW, codes: function(module.scaled(x_NCHW)))
        return features.astype(np.float32) if reader.rows.dtype == np.float32 else features

    @available_if(_has_encoder)
    def inverse_transform(self, Z: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """G(z) of each latent, float64, in the layout and range of the training images, not rounded to levels.

        Args:
            Z: latents (n, latent_dim).
            y: labels, of a conditional model; without them the mean under the class frequencies.
        """
        return super().inverse_transform(Z, y)

    @available_if(_has_encoder)
    def refine_latents(
        self,
        X: ArrayLike,
        Z: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_steps: int = 200,
        learning_rate: float = 0.05,
    ) -> NDArray[np.float64]:
        """Latents that show these images better than Z, see `LatentSpace.refine_latents`.

        A GAN has no law p(x|z). What ascends is log N(x; G(z), s^2) + log N(z; 0, I), s^2 the mean squared error of
        held-out images that were encoded and generated again.
        """
        return super().refine_latents(X, Z, y, n_steps=n_steps, learning_rate=learning_rate)

    @available_if(_has_encoder)
    def reconstruct(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """G(E(x)): what the generator makes of the latent of each image, float64, not rounded to levels.

        Of a conditional model without labels the mean under the class frequencies.
        """
        reader = self._checked_reader(X, y)

        def again(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            return self._expected_over_classes(self.module_.encode(self.module_.scaled(x_NCHW)), codes)

        (images,) = self._map(reader, again)
        return self._expected_images(images)

    def typicality_statistics(
        self, X: ArrayLike, y: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Statistics (n, k) that tell typical images from others, and their k names.

        The logit and the features of the discriminator and, with an encoder, the error of G(E(x)), how it is spread
        over the sub-pixels, and the norm of E(x); see `pofx.families.adversarial.typicality`. Neither is a probability.
        """
        reader = self._checked_reader(X, y)
        module = self.module_

        def statistics(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            u_NCHW = module.scaled(x_NCHW)
            prior = from_double(torch.from_numpy(self.class_prior_), u_NCHW.device) if self._is_conditional else None
            seen = typicality.discriminator_statistics(module, u_NCHW, codes, prior)
            if module.encoder is None:
                return seen
            return torch.cat([seen, typicality.residual_statistics(module, u_NCHW, codes)], dim=1)

        (values,) = self._map(reader, statistics)
        features = (typicality.FEATURE_NAME.format(i) for i in range(module.discriminator.n_pooled))
        of_residual = () if module.encoder is None else typicality.RESIDUAL_NAMES
        return values, (typicality.LOGIT_NAME, *features, *of_residual)

    @available_if(_has_encoder)
    def surprise_map(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """((G(E(x)) - x)_i^2 / s^2 - 1) / 2 of each sub-pixel, in the layout of the training images.

        s^2 is the mean of that square over held-out images (`error_variance_`): positive where the generator misses the
        image by more than it usually does. It would be the surprise under N(G(E(x)), s^2), in nats; a GAN has no p(x).
        """
        reader = self._checked_reader(X, y)

        def surprise(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            residual_NCHW = typicality.squared_residual(self.module_, self.module_.scaled(x_NCHW), codes)
            return 0.5 * (residual_NCHW / self.error_variance_ - 1)

        (values,) = self._map(reader, surprise)
        return self.image_format_.layout(values)

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _expected_NCHW(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        return self.module_.expected(self.module_.generate(z_NL, codes))

    def _latent_objective(self, x_NCHW: Tensor, codes: Tensor | None) -> Objective:
        u_NCHW, variance = self.module_.scaled(x_NCHW), self.error_variance_
        if codes is not None or not self._is_conditional:
            return log_joint(self.module_, u_NCHW, codes, variance)
        of_class = [
            log_joint(self.module_, u_NCHW, torch.full((len(u_NCHW),), code, device=u_NCHW.device), variance)
            for code in range(len(self.classes_))
        ]
        log_p = [math.log(p) for p in self.class_prior_]

        def marginal(z_NL: Tensor) -> Tensor:
            return torch.logsumexp(torch.stack([f(z_NL) + p for f, p in zip(of_class, log_p, strict=True)]), dim=0)

        return marginal

    def _measured_importance(self, n: int, generator: torch.Generator) -> NDArray[np.float64]:
        """E |G(z') - G(z)|^2 / (2 D) of each latent dimension, z' being z with this one drawn anew; (latent_dim,)."""
        module = self.module_
        with torch.inference_mode():
            z_NL = module.latents(n, generator)
            codes = None
            if self._is_conditional:
                prior = from_double(torch.from_numpy(self.class_prior_), z_NL.device)
                codes = torch.multinomial(prior, n, replacement=True, generator=generator)
            images, importance = module.generate(z_NL, codes), []
            for dimension in range(module.latent_dim):
                changed_NL = z_NL.clone()
                changed_NL[:, dimension] = module.latents(n, generator)[:, 0]
                difference = module.generate(changed_NL, codes) - images
                importance.append(float(0.5 * (in_double(difference) ** 2).mean()))
        return np.array(importance)

    @property
    def _latent_dim(self) -> int:
        return self.module_.latent_dim

    @property
    def _n_features_out(self) -> int:
        module = self.module_
        return module.discriminator.n_pooled if module.encoder is None else module.latent_dim
