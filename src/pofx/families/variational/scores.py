"""Scores of images by a VAE: its bound on log p(x), statistics of typicality, maps of surprise."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pofx.data.noise import noise_of_images
from pofx.density import DensityModel
from pofx.families.variational import elbo
from pofx.families.variational.module import VAEModule
from pofx.families.variational.statistics import STATISTIC_NAMES, excess_surprise, typicality_statistics
from pofx.families.variational.training import elbo_terms

#: Draws of z for a score: four and their mirror images, which keeps the estimate unbiased and makes it calmer.
SCORE_DRAWS = 8


class BoundScores(DensityModel):
    """`score_samples` by the ELBO, and what else an image is told by the terms of that bound."""

    module_: VAEModule

    def _log_prob(self, x_NCHW: Tensor, codes: Tensor | None, *, discrete: bool) -> Tensor:
        return elbo.elbo(*elbo_terms(self.module_, x_NCHW, codes, self._score_noise(x_NCHW), discrete=discrete))

    def _score_noise(self, x_NCHW: Tensor) -> Tensor:
        """The noise that belongs to these images; draws 2i and 2i + 1 mirror each other."""
        noise_NSL = noise_of_images(x_NCHW, self.seed_, (SCORE_DRAWS // 2, self.module_.latent_dim))
        mirrored_NSL = torch.stack([noise_NSL, -noise_NSL], dim=2).flatten(1, 2)
        return mirrored_NSL.transpose(0, 1).to(self._dtype).to(x_NCHW.device)

    def _divergence_noise(self, x_NCHW: Tensor) -> Tensor | None:
        """The noise of the estimate of KL(q || p); None where that has a closed form."""
        return None if self.module_.prior.is_standard_normal else self._score_noise(x_NCHW)

    def _marginal_log_prob(self, x_NCHW: Tensor, *, discrete: bool) -> Tensor:
        """A lower bound on log sum_y p(y) p(x|y), in expectation.

        For any weights r_y that sum to 1, log sum_y p(y) p(x|y) >= sum_y r_y (ELBO(x|y) + log p(y) - log r_y), with
        equality at r_y = p(y|x). The weights come from one half of the draws, the bounds from the other, and the other
        way round: the weights are then independent of the estimates that they multiply. (The logsumexp of estimates
        would exceed the bound in the mean.)
        """
        noise = self._score_noise(x_NCHW)
        bounds = [self._bounds_of(x_NCHW, part, discrete=discrete) for part in noise.chunk(2)]
        log_prior_K = torch.from_numpy(np.log(self.class_prior_)).to(bounds[0].device)
        halves = [bound + log_prior_K for bound in bounds]
        values = []
        for weighing, weighed in (halves, halves[::-1]):
            log_weights = torch.log_softmax(weighing, dim=1)
            # Weights that underflow contribute nothing; 0 * (anything - log 0) would be NaN.
            terms = log_weights.exp() * (weighed - log_weights.clamp(min=-700.0))
            values.append(terms.sum(dim=1))
        return torch.stack(values).mean(dim=0)

    def _class_log_probs(self, x_NCHW: Tensor, *, discrete: bool) -> Tensor:
        # The noise belongs to the image: that of one class is that of all.
        return self._bounds_of(x_NCHW, self._score_noise(x_NCHW), discrete=discrete)

    def _bounds_of(self, x_NCHW: Tensor, noise_SNL: Tensor, *, discrete: bool) -> Tensor:
        """ELBO(x|y) for every class, estimated with this noise; (n, n_classes), float64."""

        def bound(x: Tensor, codes: Tensor) -> Tensor:
            return elbo.elbo(*elbo_terms(self.module_, x, codes, noise_SNL, discrete=discrete))

        return self._for_every_class(x_NCHW, bound)

    def typicality_statistics(
        self, X: ArrayLike, y: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Statistics (n, k) that tell typical images from others, and their k names.

        The terms of the bound at the mean of q(z|x), the norms of the mean and deviation of q, and how the surprise
        -log p(x_i|z) is spread over the sub-pixels; see `pofx.families.variational.statistics`.
        """
        reader = self._checked_reader(X, y)

        def statistics(x: Tensor, codes: Tensor | None) -> Tensor:
            return typicality_statistics(self.module_, x, codes, self._divergence_noise(x))

        (values,) = self._map(reader, lambda x, codes: self._average_over_classes(x, codes, statistics))
        return values, STATISTIC_NAMES

    def surprise_map(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """-log p(x_i | z) - H_i of each sub-pixel at z = mu(x), in nats, in the layout of the training images.

        H_i is what the model expects -log p(x_i | z) to be (the entropy of that sub-pixel): positive where the image is
        less likely than the model's own images are there.
        """
        reader = self._checked_reader(X, y)
        surprise = partial(excess_surprise, self.module_)
        (values,) = self._map(reader, lambda x, codes: self._average_over_classes(x, codes, surprise))
        return self.image_format_.layout(values)
