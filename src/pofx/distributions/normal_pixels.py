"""Normal pixel laws: a density for real numbers, and the mass of steps for levels."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pofx.distributions import grid
from pofx.distributions.law import (
    ALL_CHANNELS,
    GivenChannel,
    PixelLaw,
    SubPixelLaw,
    check_positive,
    entropy_over_levels,
)
from pofx.distributions.numerics import HALF_LOG_2_PI, log_ndtr, log_ndtr_difference

MIN_LOG_STD = -20.0  # of the density: far below the noise of any data, and (x - m)^2 / s^2 stays finite in float32


@dataclass(frozen=True)
class Normal(PixelLaw):
    """The density of real numbers, log p(x) = -(x - m)^2 / (2 s^2) - log s - log(2 pi) / 2, channels independent.

    log s = -20 + softplus(raw + 20): the raw number itself (to 1e-6 from -6 upwards), smoothly bounded below by -20.
    Parameters of a pixel: mean and raw log standard deviation of channel 0, then of channel 1, ...: 2C numbers.
    """

    channels: int
    levels: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_positive(channels=self.channels)

    @property
    def n_parameters(self) -> int:
        return 2 * self.channels

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        mean_NCHW, log_std_NCHW = self._mean_and_log_std(parameters_NPHW)

        def law(value_NCHW: Tensor) -> Tensor:
            standardised_NCHW = (value_NCHW - mean_NCHW) * torch.exp(-log_std_NCHW)
            return -0.5 * standardised_NCHW**2 - log_std_NCHW - HALF_LOG_2_PI

        return law

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        return self._mean_and_log_std(parameters_NPHW)[0]

    @property
    def n_noise(self) -> int:
        return self.channels

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return _standard_normal_noise(like_NQHW, generator)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        mean_NCHW, log_std_NCHW = self._mean_and_log_std(parameters_NPHW)
        return given(ALL_CHANNELS, mean_NCHW + log_std_NCHW.exp() * noise_NQHW)

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """The differential entropy log s + log(2 pi e) / 2; it can be negative."""
        return self._mean_and_log_std(parameters_NPHW)[1] + (HALF_LOG_2_PI + 0.5)

    def _mean_and_log_std(self, parameters_NPHW: Tensor) -> tuple[Tensor, Tensor]:
        mean_NCHW, raw_NCHW = parameters_NPHW.unflatten(1, (self.channels, 2)).unbind(2)
        return mean_NCHW, MIN_LOG_STD + softplus(raw_NCHW - MIN_LOG_STD)


@dataclass(frozen=True)
class DiscretisedNormal(PixelLaw):
    """p(k) = Phi((k + 1/2 - m) / s) - Phi((k - 1/2 - m) / s), open at the levels 0 and K-1, channels independent.

    (Written in levels; m and s are in fact those of the grid on [-1, 1], see grid.py, and s is bounded from below.)
    Parameters of a pixel: mean and raw log standard deviation of channel 0, then of channel 1, ...: 2C numbers.
    """

    channels: int
    levels: int

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, levels=self.levels)

    @property
    def n_parameters(self) -> int:
        return 2 * self.channels

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        mean_NCHW, log_std_NCHW = self._mean_and_log_std(parameters_NPHW)
        return lambda level_NCHW: grid.log_mass(
            level_NCHW, mean_NCHW, log_std_NCHW, self.levels, log_ndtr_difference, log_ndtr
        )

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        return grid.expected_level(*self._mean_and_log_std(parameters_NPHW), self.levels, torch.special.ndtr)

    @property
    def n_noise(self) -> int:
        return self.channels

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return _standard_normal_noise(like_NQHW, generator)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        x_NCHW = grid.snapped(*self._mean_and_log_std(parameters_NPHW), noise_NQHW, self.levels).long()
        return given(ALL_CHANNELS, x_NCHW)

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        return entropy_over_levels(self._conditional(parameters_NPHW, x_NCHW), x_NCHW, self.levels)

    def _mean_and_log_std(self, parameters_NPHW: Tensor) -> tuple[Tensor, Tensor]:
        mean_NCHW, raw_NCHW = parameters_NPHW.unflatten(1, (self.channels, 2)).unbind(2)
        return mean_NCHW, grid.bounded_log_scale(raw_NCHW, self.levels)


def _standard_normal_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
