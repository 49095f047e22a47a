"""Building blocks that more than one network uses."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """h + conv(silu(conv(silu(h)))), two 3x3 convolutions that keep the size; He et al. 2016, arXiv 1603.05027.

    The second convolution starts at zero, so that the block starts as the identity: deep stacks then train without
    normalisation layers (Zhang et al. 2019, arXiv 1901.09321).

    Args:
        channels: of h.
        gated: whether what is added passes through a `ChannelGate`.
    """

    def __init__(self, channels: int, *, gated: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        self.gate = ChannelGate(channels) if gated else None

    def forward(self, h_NCHW: Tensor) -> Tensor:
        added = self.second(nn.functional.silu(self.first(nn.functional.silu(h_NCHW))))
        return h_NCHW + (added if self.gate is None else self.gate(added))


class ChannelGate(nn.Module):
    """h times a number in (0, 2) for each channel, which follows from the channels' means over the whole map.

    Squeeze and excitation (Hu, Shen, Sun 2018, arXiv 1709.01507), the only path of a block on which all places meet.
    The last layer starts at zero: the gate starts at 1.

    Args:
        channels: of h.
        reduction: how many times fewer units the hidden layer has (at least 4).
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        width = max(4, channels // reduction)
        self.squeeze = nn.Linear(channels, width)
        self.excite = nn.Linear(width, channels)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def forward(self, h_NCHW: Tensor) -> Tensor:
        gate_NC = self.excite(nn.functional.silu(self.squeeze(h_NCHW.mean(dim=(2, 3)))))
        return h_NCHW * (2 * torch.sigmoid(gate_NC))[:, :, None, None]


def mlp(n_inputs: int, width: int, depth: int) -> tuple[nn.Sequential, int]:
    """``depth`` fully connected hidden layers with SiLU, and how many features come out (n_inputs at depth 0)."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(n_inputs, width), nn.SiLU()]
        n_inputs = width
    return nn.Sequential(*layers), n_inputs


def hidden_layers(hidden: nn.Sequential, h_NF: Tensor) -> list[Tensor]:
    """What every layer of such a stack gives, NF: linear maps and activation functions in turn."""
    outputs = []
    for number, layer in enumerate(hidden):
        h_NF = layer(h_NF)
        if number % 2:
            outputs.append(h_NF)
    return outputs
