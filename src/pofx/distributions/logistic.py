"""Discretised logistic laws: one logistic variable a sub-pixel, and the mixture of PixelCNN++.

Shape legend: M components of a mixture, the rest as in law.py; logistic variables live on levels rescaled to [-1, 1].
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from pofx.distributions import grid
from pofx.distributions.law import (
    ALL_CHANNELS,
    GivenChannel,
    PixelLaw,
    SubPixelLaw,
    check_positive,
    entropy_over_levels,
    gumbel_noise,
)
from pofx.distributions.logistic_mass import logistic_log_mass


@dataclass(frozen=True)
class DiscretisedLogistic(PixelLaw):
    """p(k) = sigmoid((k + 1/2 - m) / s) - sigmoid((k - 1/2 - m) / s), open at the levels 0 and K-1.

    (Written in levels; m and s are in fact those of the grid on [-1, 1], see grid.py, and s is bounded from below.)
    Source: Kingma et al. 2016, arXiv 1606.04934. Channels are independent.
    Parameters of a pixel: mean and raw log scale of channel 0, then of channel 1, ...: 2C numbers.
    """

    channels: int
    levels: int

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, levels=self.levels)

    @property
    def n_parameters(self) -> int:
        return 2 * self.channels

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        mean_NCHW, log_scale_NCHW = self._mean_and_log_scale(parameters_NPHW)
        return lambda level_NCHW: logistic_log_mass(level_NCHW, mean_NCHW, log_scale_NCHW, self.levels)

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        return grid.expected_level(*self._mean_and_log_scale(parameters_NPHW), self.levels, torch.sigmoid)

    @property
    def n_noise(self) -> int:
        return self.channels

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        return grid.standard_logistic_noise(like_NQHW, generator)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        x_NCHW = grid.snapped(*self._mean_and_log_scale(parameters_NPHW), noise_NQHW, self.levels).long()
        return given(ALL_CHANNELS, x_NCHW)

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        return entropy_over_levels(self._conditional(parameters_NPHW, x_NCHW), x_NCHW, self.levels)

    def _mean_and_log_scale(self, parameters_NPHW: Tensor) -> tuple[Tensor, Tensor]:
        mean_NCHW, raw_NCHW = parameters_NPHW.unflatten(1, (self.channels, 2)).unbind(2)
        return mean_NCHW, grid.bounded_log_scale(raw_NCHW, self.levels)


class _Components(NamedTuple):
    """The numbers of a mixture, by name; pair (c, j), j < c, of the coefficients is at c(c-1)/2 + j."""

    logits_NMHW: Tensor
    mean_NCMHW: Tensor
    log_scale_NCMHW: Tensor
    coefficient_NQMHW: Tensor  # in (-1, 1); Q = C(C-1)/2 pairs of channels


@dataclass(frozen=True)
class DiscretisedLogisticMixture(PixelLaw):
    """M discretised logistic components, ONE of which makes the whole pixel, with channels that depend on one another.

    p(x_1, ..., x_C) = sum_k pi_k prod_c p_k(x_c | x_<c),
    m_ck(x_<c) = m_ck + sum_{j<c} tanh(a_cjk) x_j,     x_j the true earlier channels, rescaled to [-1, 1].
    The term of a sub-pixel is the conditional of this joint law:
    log p(x_c | x_<c) = logsumexp_k [log w_k(x_<c) + log p_k(x_c | x_<c)],
    w_k(x_<c) proportional to pi_k prod_{j<c} p_k(x_j | x_<j).

    At temperature T (noise times T, see `draw`) each of these conditionals is tempered by itself: the component of x_c
    has the law softmax_k(log w_k(x_<c) / T), with w of the law at T = 1, and x_c the scale T s_ck. For the first
    channel that is the mixture with logits / T and scales * T; for C > 1 and T != 1 the pixel as a whole is not a draw
    from one component of that mixture, whose w_k would be made of the tempered p_k.

    Source: PixelCNN++ (Salimans, Karpathy, Chen, Kingma 2017, arXiv 1701.05517, sections 2.1 and 2.2); three channels
    there, any number here. Parameters of a pixel: M logits of pi; C * M means; C * M raw log scales; C(C-1)/2 * M raw
    coefficients a, in the order (1,0), (2,0), (2,1), (3,0), ...: M (1 + 2C + C(C-1)/2) numbers. They describe the
    pixel as a whole, from what came before it: a network with colour masks inside the pixel has no use for this law.
    """

    channels_are_independent: ClassVar[bool] = False
    channels: int
    levels: int
    n_components: int = 10

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, levels=self.levels, n_components=self.n_components)

    @property
    def n_parameters(self) -> int:
        return self.n_components * (1 + 2 * self.channels + self._n_pairs)

    @property
    def _n_pairs(self) -> int:
        return self.channels * (self.channels - 1) // 2

    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        parts = self._components(parameters_NPHW)
        x_rescaled_NCHW = grid.rescaled(x_NCHW, self.levels)
        log_w_NMHW = parts.logits_NMHW.log_softmax(1)
        means, log_weights = [], []
        for c in range(self.channels):
            mean_NMHW = parts.mean_NCMHW[:, c]
            for j in range(c):
                mean_NMHW = mean_NMHW + parts.coefficient_NQMHW[:, _pair(c, j)] * x_rescaled_NCHW[:, j : j + 1]
            means.append(mean_NMHW)
            log_weights.append(log_w_NMHW)
            if c + 1 < self.channels:
                level_N1HW = x_NCHW[:, c : c + 1]
                log_p_NMHW = logistic_log_mass(level_N1HW, mean_NMHW, parts.log_scale_NCMHW[:, c], self.levels)
                log_w_NMHW = (log_w_NMHW + log_p_NMHW).log_softmax(1)
        mean_NCMHW, log_w_NCMHW = torch.stack(means, 1), torch.stack(log_weights, 1)

        def law(level_NCHW: Tensor) -> Tensor:
            level_NC1HW = level_NCHW.unsqueeze(2)
            log_p_NCMHW = logistic_log_mass(level_NC1HW, mean_NCMHW, parts.log_scale_NCMHW, self.levels)
            return torch.logsumexp(log_w_NCMHW + log_p_NCMHW, 2)

        return law

    def _mean(self, parameters_NPHW: Tensor) -> Tensor:
        """sum_k pi_k E_k[x_c], exact for the first channel.

        For later channels E_k is taken with the earlier channels at THEIR means under component k. That is exact but
        for what the open edge steps and the rounding to levels make of a straight line; the exact sum over all
        earlier channels would take K^C terms.
        """
        parts = self._components(parameters_NPHW)
        expected: list[Tensor] = []
        for c in range(self.channels):
            mean_NMHW = parts.mean_NCMHW[:, c]
            for j in range(c):
                mean_NMHW = mean_NMHW + parts.coefficient_NQMHW[:, _pair(c, j)] * grid.rescaled(
                    expected[j], self.levels
                )
            expected.append(grid.expected_level(mean_NMHW, parts.log_scale_NCMHW[:, c], self.levels, torch.sigmoid))
        pi_NMHW = parts.logits_NMHW.softmax(1)
        return torch.stack([(pi_NMHW * expected_NMHW).sum(1) for expected_NMHW in expected], 1)

    @property
    def n_noise(self) -> int:
        return self.channels * (self.n_components + 1)

    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor:
        like_NMHW, like_NCHW = like_NQHW.split([self.channels * self.n_components, self.channels], 1)
        return torch.cat([gumbel_noise(like_NMHW, generator), grid.standard_logistic_noise(like_NCHW, generator)], 1)

    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor:
        """Channel after channel: a component from w_k(x_<c), then x_c from it, snapped before the next depends on it.

        That is the law of ONE component for the whole pixel, by its conditionals; drawn in this way it also holds where
        channels before are known instead of drawn.
        """
        parts = self._components(parameters_NPHW)
        gumbel_NCMHW = noise_NQHW[:, : -self.channels].unflatten(1, (self.channels, self.n_components))
        noise_NCHW = noise_NQHW[:, -self.channels :]
        log_w_NMHW = parts.logits_NMHW
        levels: list[Tensor] = []
        for c in range(self.channels):
            mean_NMHW, log_scale_NMHW = parts.mean_NCMHW[:, c], parts.log_scale_NCMHW[:, c]
            for j in range(c):
                rescaled_N1HW = grid.rescaled(levels[j], self.levels).unsqueeze(1)
                mean_NMHW = mean_NMHW + parts.coefficient_NQMHW[:, _pair(c, j)] * rescaled_N1HW
            chosen_N1HW = (log_w_NMHW + gumbel_NCMHW[:, c]).argmax(1, keepdim=True)
            mean_NHW, log_scale_NHW = (v.gather(1, chosen_N1HW).squeeze(1) for v in (mean_NMHW, log_scale_NMHW))
            level_NHW = given(c, grid.snapped(mean_NHW, log_scale_NHW, noise_NCHW[:, c], self.levels))
            if c + 1 < self.channels:
                log_p_NMHW = logistic_log_mass(level_NHW.unsqueeze(1), mean_NMHW, log_scale_NMHW, self.levels)
                log_w_NMHW = log_w_NMHW + log_p_NMHW
            levels.append(level_NHW)
        return torch.stack(levels, 1).long()

    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        return entropy_over_levels(self._conditional(parameters_NPHW, x_NCHW), x_NCHW, self.levels)

    def _components(self, parameters_NPHW: Tensor) -> _Components:
        m = self.n_components
        sizes = [m, self.channels * m, self.channels * m, self._n_pairs * m]
        logits, means, log_scales, coefficients = parameters_NPHW.split(sizes, 1)
        return _Components(
            logits,
            means.unflatten(1, (self.channels, m)),
            grid.bounded_log_scale(log_scales.unflatten(1, (self.channels, m)), self.levels),
            coefficients.tanh().unflatten(1, (self._n_pairs, m)),
        )


def _pair(c: int, j: int) -> int:
    return c * (c - 1) // 2 + j
