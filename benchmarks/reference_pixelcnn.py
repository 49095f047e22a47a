"""A plain gated PixelCNN as others write it, for the benchmarks to stand beside: binary images, full-pass sampling.

Two stacks as in van den Oord et al. 2016 (arXiv 1606.05328): kernels cut by padding and cropping, a 1x1 link, and a
residual on the horizontal stack. Sampling passes the whole image through the network for every pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(width, 2 * width, (2, 3), padding=(1, 1))
        self.horizontal = nn.Conv2d(width, 2 * width, (1, 2), padding=(0, 1))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        vertical = self.vertical(v)[:, :, :-1]
        horizontal = self.horizontal(h)[..., :-1] + self.link(vertical)
        return gated(vertical), h + self.out(gated(horizontal))


class PlainPixelCNN(nn.Module):
    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.first_vertical = nn.Conv2d(1, width, (3, 7), padding=(3, 3))
        self.first_horizontal = nn.Conv2d(1, width, (1, 3), padding=(0, 3))
        self.layers = nn.ModuleList(Layer(width) for _ in range(n_layers))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images of 0 and 1 -> logits of every pixel given those before it, N1HW."""
        u = 2 * x.float() - 1
        height, width = u.shape[2:]
        v = self.first_vertical(u)[:, :, :height]
        h = self.first_horizontal(u)[..., :width]
        for layer in self.layers:
            v, h = layer(v, h)
        return self.head(h)

    @torch.inference_mode()
    def sample(self, n: int, size: int, n_pixels: int | None = None) -> Tensor:
        """Images drawn pixel by pixel, a full pass for each; only the first ``n_pixels`` of them if given."""
        x = torch.zeros(n, 1, size, size)
        for i in range(n_pixels or size * size):
            r, c = divmod(i, size)
            x[:, :, r, c] = torch.bernoulli(self(x)[:, :, r, c].sigmoid())
        return x


def log_p(net: nn.Module, x: Tensor) -> Tensor:
    """log p(x) of binary images, (n,)."""
    return -F.binary_cross_entropy_with_logits(net(x), x.float(), reduction="none").flatten(1).sum(1)


def gated(features: Tensor) -> Tensor:
    a, b = features.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)
