"""The way from latents back to images, of every model that has latents."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from pofx.base import GenerativeModel
from pofx.distributions.numerics import from_double, in_double
from pofx.engine.ascent import Objective, ascended
from pofx.engine.devices import full_float32, resolve_device


class LatentSpace(GenerativeModel):
    """`inverse_transform` and `refine_latents`."""

    @property
    @abstractmethod
    def _latent_dim(self) -> int: ...

    @abstractmethod
    def _expected_NCHW(self, z_NL: Tensor, codes: Tensor | None) -> Tensor:
        """The image of each latent, of these classes: levels as real numbers, or scaled reals."""

    @abstractmethod
    def _latent_objective(self, x_NCHW: Tensor, codes: Tensor | None) -> Objective:
        """log p(x_n, z) of these images as a function of z, but for a constant; of a conditional model without classes
        of the marginal over them."""

    def inverse_transform(self, Z: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """The image that each latent stands for, float64, in the layout and range of the training images: E[x|z] of a
        model with a law of pixels given z, else what the generator makes of z.

        (Of a colour image under the logistic mixture the means of the second and third colour are approximate; see
        `DiscretisedLogisticMixture`.)

        Args:
            Z: latents (n, latent_dim).
            y: labels, of a conditional model; without them the mean under the class frequencies.
        """
        latents = self._checked_latents(Z)
        self._refuse_labels_unless_conditional(y)
        codes = self._codes(y, len(latents))
        device, size, means = resolve_device(self.device, self._dtype), self._chunk_size, []
        self.module_.to(device)
        with torch.inference_mode(), full_float32():
            for start in range(0, len(latents), size):
                n = min(size, len(latents) - start)
                # The last latent fills up the last chunk, as in scoring.
                positions = np.minimum(np.arange(start, start + size), len(latents) - 1)
                z_NL = torch.from_numpy(latents[positions]).to(self._dtype).to(device)
                given = None if codes is None else torch.from_numpy(codes[positions]).to(device)
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
        p(z|x). Of each image the best latent on the way is kept, never one worse than its start. Nothing in it is
        random. (A model without a law p(x|z) of its own says in its documentation which one it takes.)

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
        device, size = resolve_device(self.device, self._dtype), self._chunk_size
        self.module_.to(device)
        refined = np.empty(latents.shape)
        # Also within torch.no_grad() or inference_mode(): the ascent needs gradients.
        with full_float32(), self._counted() as count, torch.inference_mode(False), torch.enable_grad():
            for start in range(0, len(reader), size):
                n = min(size, len(reader) - start)
                # The last image fills up the last chunk, as in scoring.
                positions = np.minimum(np.arange(start, start + size), len(reader) - 1)
                x_NCHW, codes = reader.batch(positions)
                objective = self._latent_objective(x_NCHW.to(device), None if codes is None else codes.to(device))
                z_NL = torch.from_numpy(latents[positions]).to(self._dtype).to(device)
                best_NL = ascended(objective, z_NL, n_steps=n_steps, learning_rate=learning_rate)
                refined[start : start + n] = in_double(best_NL[:n]).cpu().numpy()
                count(start + n, len(reader))
        return refined

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _checked_latents(self, Z: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        latents: NDArray[np.float64] = check_array(Z, dtype=np.float64)
        if latents.shape[1] != self._latent_dim:
            raise ValueError(f"Z has {latents.shape[1]} columns, but the latents of this model have {self._latent_dim}")
        if len(latents) and np.abs(latents).max() > torch.finfo(self._dtype).max:
            raise ValueError(f"Z holds numbers that are too large for {self._dtype}: up to {np.abs(latents).max():.3g}")
        return latents

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
