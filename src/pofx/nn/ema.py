"""An exponential moving average of a module's weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer of ``module`` by name, buffers outside ``state_dict`` included; tied ones once."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


@torch.no_grad()
def copy_tensors(source: Mapping[str, Tensor], module: nn.Module) -> None:
    """Copy tensors into the parameters and buffers of ``module`` of the same names, in place.

    Raises:
        ValueError: if a name is missing on either side or a shape differs; the module is then as it was.
    """
    target = module_tensors(module)
    _check_same_layout(source, target)
    for name, tensor in target.items():
        tensor.copy_(source[name])


class ExponentialMovingAverage:
    r"""The exponential moving average of a module's weights, in float32 or better.

    .. math:: a_t = a_{t-1} + (1 - 2^{-1/h}) (w_t - a_{t-1})

    with half-life :math:`h` in updates: after ``h`` updates the weight of the past has halved. Floating parameters and
    buffers are averaged; integer buffers are copied, and so are buffers that hold an infinity at the start (attention
    masks do), for the mean of two infinities is NaN.

    Args:
        module: the module to follow; the average starts at its present weights.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._tensors: dict[str, Tensor] = {}
        self._averaged: list[str] = []
        self._copied: list[str] = []
        for name, tensor in module_tensors(module).items():
            average = tensor.is_floating_point() and bool(torch.isfinite(tensor).all())
            dtype = torch.promote_types(tensor.dtype, torch.float32) if average else tensor.dtype
            self._tensors[name] = tensor.detach().to(dtype, copy=True)
            (self._averaged if average else self._copied).append(name)

    @torch.no_grad()
    def update(self, half_life_steps: float) -> None:
        """Move the average towards the module's present weights; a half-life of 0 takes them as they are."""
        rate = -math.expm1(-math.log(2.0) / half_life_steps) if half_life_steps > 0.0 else 1.0
        present = module_tensors(self._module)
        averages = [self._tensors[name] for name in self._averaged]
        # Low-precision weights are raised first: lerp wants one dtype, and a small rate would be lost in 8 bits.
        targets = [present[name].to(a.dtype) for name, a in zip(self._averaged, averages, strict=True)]
        if averages:
            torch._foreach_lerp_(averages, targets, rate)
        for name in self._copied:
            self._tensors[name].copy_(present[name])

    @contextmanager
    def swapped_in(self, module: nn.Module) -> Iterator[nn.Module]:
        """Within the context ``module`` holds the averaged weights; afterwards its own again, whatever happened.

        Raises:
            ValueError: if ``module`` does not have the names and shapes of the module that is followed.
        """
        own = {name: tensor.detach().clone() for name, tensor in module_tensors(module).items()}
        copy_tensors(self._tensors, module)
        try:
            yield module
        finally:
            copy_tensors(own, module)

    def state_dict(self) -> dict[str, Tensor]:
        """The averages by name: the tensors themselves, not copies."""
        return dict(self._tensors)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take the averages from ``state``.

        Raises:
            ValueError: if a name is missing on either side or a shape differs; the average is then as it was.
        """
        _check_same_layout(state, self._tensors)
        for name, tensor in self._tensors.items():
            tensor.copy_(state[name])


def _check_same_layout(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    different = sorted(source.keys() ^ target.keys())
    if different:
        raise ValueError(f"The tensors {different} are on one side only.")
    for name, tensor in target.items():
        if source[name].shape != tensor.shape:
            raise ValueError(f"{name} has shape {tuple(source[name].shape)}, expected {tuple(tensor.shape)}.")
