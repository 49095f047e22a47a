"""The law of two levels."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from pofx.distributions import grid
from pofx.distributions.law import ALL_CHANNELS, GivenChannel, PixelLaw, SubPixelLaw, check_positive


@dataclass(frozen=True)
class Bernoulli(PixelLaw):
    """Levels 0 and 1 with logit l: p(1) = sigmoid(l), p(0) = sigmoid(-l).

    Parameters of a pixel: C logits, one a channel.
    """

    channels: int
    levels: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        check_positive(channels=self.channels)

    @property
    def n_parameters(self) -> int:
        return self.channels

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        return lambda level_NCHW: logsigmoid((2 * level_NCHW - 1) * parameters_NPHW)

    def _log_likelihood(self, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """The signs of an image are made once for all of its laws."""
        return logsigmoid((2 * x_NCHW - 1) * parameters_SNPHW).flatten(2).sum(dim=2)

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        return parameters_NPHW.sigmoid()

    @property
    def n_noise(self) -> int:
        return self.channels

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return grid.standard_logistic_noise(like_NQHW, generator)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        """1 where l + noise > 0, noise logistic."""
        return given(ALL_CHANNELS, (parameters_NPHW + noise_NQHW > 0).long())

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """H = p(1) softplus(-l) + p(0) softplus(l), a sum of positive terms."""
        logits = parameters_NPHW
        return logits.sigmoid() * softplus(-logits) + (-logits).sigmoid() * softplus(logits)
