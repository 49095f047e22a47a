"""Models that have a log p(x): everything a user asks about it, derived from one method of the family."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from pofx.base import GenerativeModel
from pofx.data.levels import RealLevels
from pofx.data.reader import ImageReader
from pofx.distributions.classes import of_every_class
from pofx.fitted import CHUNK


def _knows_classes(model: Any) -> bool:
    """Before the fit of a model that is going to be conditional, too."""
    if not (hasattr(model, "classes_") if hasattr(model, "module_") else model.conditional):
        raise AttributeError(f"this {type(model).__name__} is not conditional: it knows no p(x|y)")
    return True


class DensityModel(GenerativeModel):
    """A model that has a log p(x), exactly or as a lower bound (`density` says which)."""

    @abstractmethod
    def _log_prob(self, x_NCHW: Tensor, codes: Tensor | None, *, discrete: bool) -> Tensor:
        """log p(x) or log p(x|y) of each image, or its bound, in nats; (n,).

        Args:
            x_NCHW: levels, or scaled reals if the model is continuous and not ``discrete``.
            discrete: the mass of the image of levels is asked for, also of a continuous model.
        """

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """log p(x) of each image in nats (`density` says whether it is exact or a lower bound); higher is likelier.

        Of a conditional model log p(x|y) for given labels, and the marginal log sum_y p(y) p(x|y) without (of a bound:
        still a bound). Deterministic, and independent of what else is scored beside an image. Real-valued data have a
        density (in the unit of X), all others a mass.

        Raises:
            ValueError: an integer outside 0..levels-1, another image shape, an unknown label.
        """
        reader = self._checked_reader(X, y)
        return self._log_probs(reader) + self._log_density_within(reader)

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """The mean of `score_samples`, in nats an image."""
        return float(np.mean(self.score_samples(X, y)))

    def bits_per_dim(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """-log2 p(x) / D of the discrete image, for comparison between image sizes; (n,), lower is likelier.

        Of a lower bound on log p(x) this is an upper bound on the bits. Real-valued data are taken at their levels.
        """
        reader = self._checked_reader(X, y, continuous=False)
        return -self._log_probs(reader) / (self.spec_.n_dims * np.log(2))

    @available_if(_knows_classes)
    def class_log_probs(self, X: ArrayLike) -> NDArray[np.float64]:
        """log p(x|y) of each image for each of the ``classes_``, (n, n_classes), in nats: one pass over the images.

        What Bayes' rule needs for p(y|x). As `score_samples` with that label for all images; of a lower bound they are
        bounds, and not all may be equally tight. Of conditional models only.
        """
        reader = self._checked_reader(X, None)
        discrete = not reader.continuous
        (values,) = self._map(reader, lambda x_NCHW, _: self._class_log_probs(x_NCHW, discrete=discrete))
        within = self._log_density_within(reader)
        return values + (within[:, None] if isinstance(within, np.ndarray) else within)

    def _log_probs(self, reader: ImageReader) -> NDArray[np.float64]:
        discrete = not reader.continuous

        def log_prob(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            if codes is None and self._is_conditional:
                return self._marginal_log_prob(x_NCHW, discrete=discrete)
            return self._log_prob(x_NCHW, codes, discrete=discrete)

        (values,) = self._map(reader, log_prob)
        return values

    def _marginal_log_prob(self, x_NCHW: Tensor, *, discrete: bool) -> Tensor:
        """log sum_y p(y) p(x|y), (n,), float64.

        A family whose log p(x|y) are estimates of bounds overrides it: the logsumexp of estimates is no such estimate.
        """
        return torch.logsumexp(self._joint(x_NCHW, discrete=discrete), dim=1)

    def _joint(self, x_NCHW: Tensor, *, discrete: bool) -> Tensor:
        """log p(y) + log p(x|y) for every class; (n, n_classes), float64."""
        conditional_NK = self._class_log_probs(x_NCHW, discrete=discrete)
        return conditional_NK + torch.from_numpy(np.log(self.class_prior_)).to(conditional_NK.device)

    def _class_log_probs(self, x_NCHW: Tensor, *, discrete: bool) -> Tensor:
        """log p(x|y), or its bound, for every class; (n, n_classes), float64."""
        return self._for_every_class(x_NCHW, lambda x, codes: self._log_prob(x, codes, discrete=discrete))

    def _for_every_class(self, values: Tensor, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """function(values, y) for every class, float64, along a new second axis."""
        return of_every_class(values, len(self.classes_), function)

    def _average_over_classes(
        self, x_NCHW: Tensor, codes: Tensor | None, function: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        """function(x, y), or its mean under p(y|x) if a conditional model is asked without labels."""
        if codes is not None or not self._is_conditional:
            return function(x_NCHW, codes)
        discrete = not self.continuous_
        weights = torch.softmax(self._joint(x_NCHW, discrete=discrete), dim=1)
        return self._weighted_over_classes(x_NCHW, weights, function)

    def _score_unit(self, reader: ImageReader) -> float:
        return float(np.mean(self._log_density_within(reader)))

    def _log_density_within(self, reader: ImageReader) -> NDArray[np.float64] | float:
        """What turns the score of the network into a density of the user's real numbers; 0 for discrete images."""
        grid = self.image_format_.grid
        if not isinstance(grid, RealLevels):
            return 0.0
        if reader.continuous:
            return -self.spec_.n_dims * float(np.log(grid.scale))
        sums = []
        for start in range(0, len(reader), CHUNK):
            positions = np.arange(start, min(start + CHUNK, len(reader)))
            sums.append(grid.log_density_within(reader.values(positions)).sum(axis=1))
        return np.concatenate(sums)
