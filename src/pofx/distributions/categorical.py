"""The law that gives each level a number of its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.distributions.law import ALL_CHANNELS, GivenChannel, PixelLaw, SubPixelLaw, check_positive, gumbel_noise


@dataclass(frozen=True)
class Categorical(PixelLaw):
    """Any law on K levels: p(k) = softmax(logits)_k, independently for each channel.

    The softmax of PixelRNN (van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, section 2.2).
    Parameters of a pixel: C * K logits, the K of channel 0 first.
    """

    channels: int
    levels: int

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, levels=self.levels)

    @property
    def n_parameters(self) -> int:
        return self.channels * self.levels

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        log_p_NCKHW = self._logits(parameters_NPHW).log_softmax(2)
        return lambda level_NCHW: log_p_NCKHW.gather(2, level_NCHW.long().unsqueeze(2)).squeeze(2)

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        level_K = torch.arange(self.levels, dtype=parameters_NPHW.dtype, device=parameters_NPHW.device)
        return (self._logits(parameters_NPHW).softmax(2) * level_K[:, None, None]).sum(2)

    @property
    def n_noise(self) -> int:
        return self.n_parameters

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return gumbel_noise(like_NQHW, generator)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        """argmax_k (logit_k + gumbel_k)."""
        return given(ALL_CHANNELS, self._logits(parameters_NPHW + noise_NQHW).argmax(2))

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        log_p_NCKHW = self._logits(parameters_NPHW).log_softmax(2)
        return -(log_p_NCKHW.exp() * log_p_NCKHW).sum(2)

    def _logits(self, parameters_NPHW: Tensor) -> Tensor:
        return parameters_NPHW.unflatten(1, (self.channels, self.levels))
