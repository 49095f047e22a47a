"""The law of two levels."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from pofx.distributions.law import PixelLaw, SubPixelLaw, check_positive


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

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        return parameters_NPHW.sigmoid()

    def _sample(self, parameters_NPHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return torch.bernoulli(parameters_NPHW.sigmoid(), generator=generator).long()

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """H = p(1) softplus(-l) + p(0) softplus(l), a sum of positive terms."""
        logits = parameters_NPHW
        return logits.sigmoid() * softplus(-logits) + (-logits).sigmoid() * softplus(logits)
