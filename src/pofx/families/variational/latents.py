"""The way between images and latents of a VAE, in both directions."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from pofx.density import DensityModel
from pofx.distributions.numerics import from_double, in_double
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.randomness import draw_seed
from pofx.families.variational.module import VAEModule
from pofx.families.variational.refinement import refined_in_chunks
from pofx.families.variational.reparameterization import reparameterize


class LatentImages(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityModel):
    """`transform` and `inverse_transform`, `refine_latents`, `reconstruct`, and the draws of `sample`."""

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

    def inverse_transform(self, Z: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """E[x|z], the expected image of each latent, float64, in the layout and range of the training images.

        (Of a colour image under the logistic mixture the means of the second and third colour are approximate; see
        `DiscretisedLogisticMixture`.)

        Args:
            Z: latents (n, latent_dim).
            y: labels, of a conditional model; without them the mean under the class frequencies.
        """
        latents = self._checked_latents(Z)
        self._refuse_labels_unless_conditional(y)
        codes = self._codes(y, len(latents))
        self.module_.to(resolve_device(self.device, self._dtype))
        size, means = self._chunk_size, []
        with torch.inference_mode(), full_float32():
            for start in range(0, len(latents), size):
                n = min(size, len(latents) - start)
                # The last latent fills up the last chunk, as in scoring.
                positions = np.minimum(np.arange(start, start + size), len(latents) - 1)
                z_NL = torch.from_numpy(latents[positions]).to(self._dtype).to(self.module_.device)
                given = None if codes is None else torch.from_numpy(codes[positions]).to(self.module_.device)
                means.append(in_double(self._expected_over_classes(z_NL, given)[:n]).cpu().numpy())
        return self._expected_images(np.concatenate(means))

    def refine_latents(
        self,
        X: ArrayLike,
        Z: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_steps: int = 200,
        learning_rate: float = 0.05,
    ) -> NDArray[np.float64]:
        """Latents that explain these images better than Z: gradient ascent on log p(x|z) + log p(z), (n, latent_dim).

        What `transform` gives is the guess of one pass through a network; from there the ascent leads up to a mode of
        p(z|x). Of each image the best latent on the way is kept, never one worse than its start. See
        `pofx.families.variational.refinement`; nothing in it is random.

        Args:
            Z: where to begin, (n, latent_dim); `transform(X)`, say.
            y: labels, of a conditional model; without them p(x|z) is the marginal under the class frequencies.
            n_steps: steps of Adam, whose size falls to 0 along a cosine.
            learning_rate: the first of these sizes.

        Raises:
            ValueError: Z does not belong to these images; fewer than one step, a rate that is not positive.
        """
        reader = self._checked_reader(X, y)
        latents = self._checked_latents(Z)
        if len(latents) != len(reader):
            raise ValueError(f"Z holds {len(latents)} latents, but X {len(reader)} images")
        if not isinstance(n_steps, Integral) or n_steps < 1 or not 0 < learning_rate < float("inf"):
            raise ValueError(
                "n_steps must be an integer of at least 1 and learning_rate a positive number, not "
                f"{n_steps!r} and {learning_rate!r}"
            )
        self.module_.to(resolve_device(self.device, self._dtype))
        with full_float32(), self._counted() as count:
            return refined_in_chunks(
                self.module_,
                reader,
                latents,
                self._chunk_size,
                class_prior=self.class_prior_ if y is None and self._is_conditional else None,
                n_steps=n_steps,
                learning_rate=learning_rate,
                count=count,
            )

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

    def _checked_latents(self, Z: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        latents: NDArray[np.float64] = check_array(Z, dtype=np.float64)
        if latents.shape[1] != self.module_.latent_dim:
            raise ValueError(
                f"Z has {latents.shape[1]} columns, but the latents of this model have {self.module_.latent_dim}"
            )
        if len(latents) and np.abs(latents).max() > torch.finfo(self._dtype).max:
            raise ValueError(f"Z holds numbers that are too large for {self._dtype}: up to {np.abs(latents).max():.3g}")
        return latents

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

    def _expected_over_classes(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        """E[x|z]; of a conditional model without labels, the mean under p(y), for z does not depend on y."""
        if codes is not None or not self._is_conditional:
            return self._expected_NCHW(z_NL, codes)
        prior_NK = from_double(torch.from_numpy(self.class_prior_), z_NL.device).expand(len(z_NL), -1)
        return self._weighted_over_classes(z_NL, prior_NK, self._expected_NCHW)

    def _expected_images(self, means_NCHW: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.continuous_:
            return self.image_format_.unscaled_images(means_NCHW)
        return self.image_format_.expected_images(means_NCHW)

    @property
    def _n_features_out(self) -> int:
        return self.module_.latent_dim
