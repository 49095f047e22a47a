"""The contract of a pixel law: what a network's output for a pixel says about the levels of that pixel.

Shape legend: N images, C channels, H rows, W columns, P raw network outputs a pixel, K levels a sub-pixel, Q numbers of
noise a pixel.
A sub-pixel is one channel of one pixel.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

SubPixelLaw = Callable[[Tensor], Tensor]
"""A function from values v_NCHW to the log-probability that each sub-pixel takes its value v."""

GivenChannel = Callable[[int | slice, Tensor], Tensor]
"""A function from channels, and what was drawn for them, to their values: what was drawn, or what is known."""

ALL_CHANNELS = slice(None)


class PixelLaw(ABC):
    """A conditional law p(x | parameters) of the C sub-pixels of every pixel, factorised over channels.

    log p(x) = sum_{n,h,w} sum_c log p(x_nchw | x_n1hw, ..., x_n(c-1)hw, parameters_nhw)

    Pixels are independent given the parameters; channels are independent too in every law but
    `DiscretisedLogisticMixture`.

    `parameters_NPHW` is the raw output of a network: any real numbers. Where channels are independent the P numbers
    are ordered channel by channel (all numbers of channel 0, then all of channel 1, ...), as a network with colour
    masks needs. `x_NCHW` holds levels 0..K-1 in any integer or floating dtype, or real numbers for a density. Whether
    levels are in range is the business of the caller and not checked here. Results have the dtype of the parameters,
    but at least float32.

    Attributes
    ----------
    channels : number of channels C.
    levels : number of levels K of a sub-pixel; None for a density of real numbers.
    channels_are_independent : whether the channels of a pixel are independent given the parameters.

    A subclass supplies `n_parameters`, `n_noise`, `_conditional`, `_mean`, `_noise`, `_draw` and `_entropy`; the public
    methods check shapes, fix the dtype and are final.
    """

    channels: int
    levels: int | None
    channels_are_independent: ClassVar[bool] = True

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """P, the raw numbers this law needs for one pixel."""

    @property
    @abstractmethod
    def n_noise(self) -> int:
        """Q, the independent numbers of noise that make one pixel of a draw."""

    @abstractmethod
    def _conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        """The law of every sub-pixel given the channels of `x_NCHW` that come before it in the same pixel."""

    @abstractmethod
    def _mean(self, parameters_NPHW: Tensor) -> Tensor: ...

    @abstractmethod
    def _noise(self, like_NQHW: Tensor, generator: torch.Generator | None) -> Tensor: ...

    @abstractmethod
    def _draw(self, parameters_NPHW: Tensor, noise_NQHW: Tensor, given: GivenChannel) -> Tensor: ...

    @abstractmethod
    def _entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor: ...

    def log_prob(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """log p(x_c | x_<c) of each sub-pixel, in nats, shape NCHW; the sum over C is the log-probability of the pixel.

        Raises ValueError where a shape does not fit the law.
        """
        parameters_NPHW = self._checked_parameters(parameters_NPHW)
        x_NCHW = self._checked_values(parameters_NPHW, x_NCHW)
        return self._conditional(parameters_NPHW, x_NCHW)(x_NCHW)

    def log_likelihood(self, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """log p(x_n | parameters_sn), the sum of `log_prob` over sub-pixels, under S laws of each image; (S, N), nats.

        Raises ValueError where a shape does not fit the law.
        """
        flat_MPHW = self._checked_parameters(parameters_SNPHW.flatten(0, 1))
        self._checked_values(flat_MPHW[: parameters_SNPHW.shape[1]], x_NCHW)
        return self._log_likelihood(flat_MPHW.unflatten(0, parameters_SNPHW.shape[:2]), x_NCHW.to(flat_MPHW.dtype))

    def _log_likelihood(self, parameters_SNPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """`log_likelihood`; a law may have a quicker way to it."""
        n_laws, n = parameters_SNPHW.shape[:2]
        x_MCHW = x_NCHW.expand(n_laws, *x_NCHW.shape).flatten(0, 1)
        terms_MCHW = self._conditional(parameters_SNPHW.flatten(0, 1), x_MCHW)(x_MCHW)
        return terms_MCHW.flatten(1).sum(dim=1).unflatten(0, (n_laws, n))

    def conditional(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> SubPixelLaw:
        """v_NCHW -> log p(X_c = v | x_<c), in nats: the value is free, the channels before it are those of x.

        The values are in the dtype of the parameters; at x it is `log_prob`. Raises ValueError as there.
        """
        parameters_NPHW = self._checked_parameters(parameters_NPHW)
        return self._conditional(parameters_NPHW, self._checked_values(parameters_NPHW, x_NCHW))

    def mean(self, parameters_NPHW: Tensor) -> Tensor:
        """E[x], shape NCHW, in levels (as real numbers), or in the unit of the data for a density."""
        return self._mean(self._checked_parameters(parameters_NPHW))

    @torch.no_grad()
    def sample(self, parameters_NPHW: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw x ~ p(x | parameters), shape NCHW: levels as int64, or real numbers for a density.

        `generator` lives on the device of the parameters; None stands for torch's global one.
        """
        parameters_NPHW = self._checked_parameters(parameters_NPHW)
        n, _, height, width = parameters_NPHW.shape
        return self.draw(parameters_NPHW, self.noise((n, height, width), parameters_NPHW, generator))

    @torch.no_grad()
    def noise(self, shape_NHW: tuple[int, int, int], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The randomness of a draw, NQHW, in the dtype and on the device of `like`; a law of its own, whatever the
        parameters: Gumbel for what is chosen among alternatives, logistic or normal for what is located and scaled.
        """
        n, height, width = shape_NHW
        return self._noise(torch.empty(n, self.n_noise, height, width, dtype=like.dtype, device=like.device), generator)

    @torch.no_grad()
    def draw(
        self,
        parameters_NPHW: Tensor,
        noise_NQHW: Tensor,
        x_NCHW: Tensor | None = None,
        known_NCHW: Tensor | None = None,
    ) -> Tensor:
        """The x, NCHW, that this noise makes under these parameters: a function, and x ~ p(x | parameters) where the
        noise comes from `noise`.

        Noise times T gives the law at temperature T: logits / T, scales * T; where channels depend on one another, each
        conditional of a channel is tempered in this way, given the channels before it as they are (see
        `DiscretisedLogisticMixture`), and the law of the pixel is the product of these.

        Where `known_NCHW` is True the value of `x_NCHW` is taken instead, and later channels of the pixel are drawn
        given it: x_c ~ p(x_c | x_<c, parameters).
        """
        if x_NCHW is None or known_NCHW is None:
            return self._draw(self._checked_parameters(parameters_NPHW), noise_NQHW, lambda c, drawn: drawn)

        def given(c: int | slice, drawn: Tensor) -> Tensor:
            return torch.where(known_NCHW[:, c], x_NCHW[:, c].to(drawn.dtype), drawn)

        return self._draw(self._checked_parameters(parameters_NPHW), noise_NQHW, given)

    def entropy(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        """H_c = -E[log p(X_c | x_<c)], shape NCHW, in nats: X_c is random, the channels before it are those of x."""
        parameters_NPHW = self._checked_parameters(parameters_NPHW)
        x_NCHW = self._checked_values(parameters_NPHW, x_NCHW)
        return self._entropy(parameters_NPHW, x_NCHW)

    def _checked_parameters(self, parameters_NPHW: Tensor) -> Tensor:
        shape = tuple(parameters_NPHW.shape)
        if len(shape) != 4 or shape[1] != self.n_parameters:
            raise ValueError(f"parameters must have shape (N, {self.n_parameters}, H, W) for {self}, got {shape}")
        if parameters_NPHW.dtype in (torch.float16, torch.bfloat16):  # tails and sums need more digits than these have
            return parameters_NPHW.float()
        return parameters_NPHW

    def _checked_values(self, parameters_NPHW: Tensor, x_NCHW: Tensor) -> Tensor:
        n, _, height, width = parameters_NPHW.shape
        if x_NCHW.shape != (n, self.channels, height, width):
            raise ValueError(f"x must have shape {(n, self.channels, height, width)}, got {tuple(x_NCHW.shape)}")
        return x_NCHW.to(parameters_NPHW.dtype)


def entropy_over_levels(law: SubPixelLaw, like_NCHW: Tensor, levels: int) -> Tensor:
    """-sum_k p(k) log p(k) of each sub-pixel; without autograd it holds one level in memory at a time."""
    entropy_NCHW = torch.zeros_like(like_NCHW)
    for level in range(levels):
        log_p_NCHW = law(torch.full_like(like_NCHW, level))
        entropy_NCHW = entropy_NCHW - log_p_NCHW.exp() * log_p_NCHW
    return entropy_NCHW


def gumbel_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent draws -log(-log u), u uniform on (0, 1): argmax_i(logit_i + noise_i) has the law softmax(logits)."""
    return -torch.log(-torch.log(uniform_noise(like, generator))).to(like.dtype)


def uniform_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent draws, uniform on (0, 1), with the shape and device of `like`.

    They are float64 where the device has it: the 2^24 values of a float32 would put u = 0, an infinitely far draw, in
    one of every few images.
    """
    dtype = torch.float32 if like.device.type == "mps" else torch.float64
    eps = torch.finfo(dtype).eps
    u = torch.rand(like.shape, dtype=dtype, device=like.device, generator=generator)
    return u.clamp(min=eps / 4, max=1 - eps / 2)


def check_positive(**counts: int) -> None:
    """Raise a ValueError that names the first count below 1."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
