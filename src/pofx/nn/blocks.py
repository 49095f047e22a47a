"""Building blocks that more than one network uses."""

from __future__ import annotations

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """h + conv(silu(conv(silu(h)))), two 3x3 convolutions that keep the size; He et al. 2016, arXiv 1603.05027.

    The second convolution starts at zero, so that the block starts as the identity: deep stacks then train without
    normalisation layers (Zhang et al. 2019, arXiv 1901.09321).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, h_NCHW: Tensor) -> Tensor:
        return h_NCHW + self.second(nn.functional.silu(self.first(nn.functional.silu(h_NCHW))))


def mlp(n_inputs: int, width: int, depth: int) -> tuple[nn.Sequential, int]:
    """``depth`` fully connected hidden layers with SiLU, and how many features come out (n_inputs at depth 0)."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(n_inputs, width), nn.SiLU()]
        n_inputs = width
    return nn.Sequential(*layers), n_inputs
