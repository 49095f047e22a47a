"""The way between images and latents of a VAE, in both directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor

from pofx.engine.ascent import Objective
from pofx.engine.randomness import draw_seed
from pofx.families.variational.layers import EncoderLayers
from pofx.families.variational.module import VAEModule
from pofx.families.variational.refinement import log_joint
from pofx.families.variational.reparameterization import reparameterize
from pofx.latent_space import LatentSpace


class LatentImages(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LatentSpace, EncoderLayers):
    """`transform`, `reconstruct`, and the draws of `sample`; see `LatentSpace` for the way back from latents."""

    module_: VAEModule

    def transform(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[Any]:
        """The mean of q(z|x): features of each image, (n, latent_dim).

        Float32 for float32 images, else float64. A conditional model without labels averages over p(y|x).
        """
        reader = self._checked_reader(X, y)

        def mean(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            return self._average_over_classes(x_NCHW, codes, self._posterior_mean)

        (means,) = self._map(reader, mean)
        return means.astype(np.float32) if reader.rows.dtype == np.float32 else means

    def reconstruct(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Encode and decode.

        Args:
            sample: False: the mean of p(x|z) at the mean of q(z|x), float64. True: z ~ q(z|x), then x ~ p(x|z), images
                like those of `sample`.
            random_state: seed or generator of the draws; None as in `sample`.
        """
        reader = self._checked_reader(X, y)
        if sample:
            seed = draw_seed(self.random_state if random_state is None else random_state)
            generator = torch.Generator().manual_seed(seed)
            (drawn,) = self._map(reader, lambda x, codes: self._drawn_reconstruction(x, codes, generator))
            return self._as_images(drawn, np.random.default_rng([seed, 0]))

        def mean_image(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            return self._expected_NCHW(self._posterior_mean(x_NCHW, codes), codes)

        (means,) = self._map(reader, lambda x, codes: self._average_over_classes(x, codes, mean_image))
        return self._expected_images(means)

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _draw(self, n: int, codes: Tensor | None, generator: torch.Generator) -> Tensor:
        parameters = self.module_.decode(self.module_.prior.sample(n, generator), codes)
        return self.module_.law().sample(parameters, generator)

    def _posterior(self, x_NCHW: Tensor, codes: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.module_.encode(self.module_.scaled(x_NCHW), codes)

    def _posterior_mean(self, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
        return self._posterior(x_NCHW, codes)[0]

    def _drawn_reconstruction(self, x_NCHW: Tensor, codes: Tensor | None, generator: torch.Generator) -> Tensor:
        """z ~ q(z|x), x ~ p(x|z); of a conditional model without labels y ~ p(y|x) first."""
        if codes is None and self._is_conditional:
            joint = self._joint(x_NCHW, discrete=not self.continuous_)
            codes = torch.multinomial(torch.softmax(joint, dim=1).cpu(), 1, generator=generator)[:, 0].to(x_NCHW.device)
        mean_NL, log_variance_NL = self._posterior(x_NCHW, codes)
        noise = torch.randn(mean_NL.shape, generator=generator, dtype=self._dtype).to(x_NCHW.device)
        parameters = self.module_.decode(reparameterize(mean_NL, log_variance_NL, noise), codes)
        return self.module_.law().sample(parameters.cpu(), generator)

    def _expected_NCHW(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        """E[x|z]: levels as real numbers, or scaled reals."""
        return self.module_.law().mean(self.module_.decode(z_NL, codes))

    def _latent_objective(self, x_NCHW: Tensor, codes: Tensor | None) -> Objective:
        marginal = codes is None and self._is_conditional
        return log_joint(self.module_, x_NCHW, codes, self.class_prior_ if marginal else None)

    @property
    def _latent_dim(self) -> int:
        return self.module_.latent_dim

    @property
    def _n_features_out(self) -> int:
        return self.module_.latent_dim
