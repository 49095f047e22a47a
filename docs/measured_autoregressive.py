"""What the pages on the autoregressive models say and show about their networks, asked of the networks themselves.

A pixel sees another if the parameters of its law change with it: if a derivative is not zero, for some weights and
images. Nothing here knows how a layer works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import pofx
from pofx.distributions.pixels import Bernoulli
from pofx.families.autoregressive.module import AutoregressiveModule, NetworkRows
from pofx.families.autoregressive.sampling import Canvas, Method, draw_images

#: Draws of weights and images: one alone may miss a pixel behind a closed rectifier.
DRAWS = 4

MakeNetwork = Callable[[], AutoregressiveModule]

#: Every kind of network with its default size, or with so many layers; of one channel and two levels.
NETWORKS: dict[str, Callable[..., pofx.PixelCNN | pofx.PixelRNN]] = {
    "plain": lambda **size: pofx.PixelCNN(gated=False, **size),
    "gated": lambda **size: pofx.PixelCNN(gated=True, **size),
    "row_lstm": lambda **size: pofx.PixelRNN(cell="row_lstm", **size),
    "diagonal_bilstm": lambda **size: pofx.PixelRNN(cell="diagonal_bilstm", **size),
}


def random_network(name: str, seed: int, **size: int) -> AutoregressiveModule:
    """An untrained network in float64 with normal weights: of those of a new one some are zero."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = NETWORKS[name](**size)._network(Bernoulli(1), 1, 0).double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return module


def seen_by(name: str, height: int, width: int, row: int, column: int, **size: int) -> NDArray[np.bool_]:
    """Which pixels of an image the pixel (row, column) sees, (height, width); default size unless it is given."""
    seen = np.zeros((height, width), dtype=bool)
    for seed in range(DRAWS):
        module = random_network(name, seed, **size)
        generator = torch.Generator().manual_seed(seed)
        x_NCHW = torch.rand(1, 1, height, width, generator=generator, dtype=torch.float64).requires_grad_()
        module(x_NCHW)[0, :, row, column].sum().backward()
        assert x_NCHW.grad is not None
        seen |= x_NCHW.grad[0, 0].numpy() != 0
    return seen


@dataclass(frozen=True)
class Reach:
    """How far the default network sees: rows up, columns to the left and to the right."""

    up: int
    left: int
    right: int
    is_full: bool  # all that comes before the pixel, within that rectangle


def reach_of(name: str, sides: Sequence[int] = (16, 32, 64, 128)) -> Reach:
    """The reach of a network whose context does not grow with the image.

    Args:
        sides: how many rows and columns to look at in each direction, until they are more than are seen.

    Raises:
        ValueError: if it does.
    """
    for side in sides:
        row, column = side, side
        seen = seen_by(name, side + 1, 2 * side + 1, row, column)
        rows, columns = np.nonzero(seen)
        up, left, right = row - int(rows.min()), column - int(columns.min()), int(columns.max()) - column
        if max(up, left, right) < side:
            above = seen[row - up : row, column - left : column + right + 1]
            return Reach(up, left, right, bool(above.all() and seen[row, column - left : column].all()))
    raise ValueError(f"the context of {name} grows with the image")


@dataclass(frozen=True)
class JacobiRow:
    """How a row came to be: the guess and what each evaluation made of it, (1 + evaluations, width).

    ``n_final[k]``: so many columns from the left are known to be final after k evaluations.
    """

    rows: NDArray[np.int64]
    n_final: tuple[int, ...]


class _WatchedRows(NetworkRows):
    """Keeps what it is asked about: for each evaluation the first column, and the levels from there on."""

    asked: list[list[tuple[int, Tensor]]]

    def start(self) -> None:
        self.asked.append([])
        super().start()

    def columns(self, x_NWC: Tensor, first: int, active: Tensor | None) -> Tensor:
        self.asked[-1].append((first, x_NWC[0, :, 0].clone()))
        return super().columns(x_NWC, first, active)


def jacobi_rows(height: int, width: int, seed: int) -> list[JacobiRow]:
    """The rows of one image drawn by ``method="jacobi"`` from a random gated PixelCNN.

    Raises:
        AssertionError: if ``method="cached"`` draws another image.
    """
    module = random_network("gated", seed)
    watched = _WatchedRows(module, 1, width, None)
    watched.asked = []

    def drawn(method: Method) -> Tensor:
        blank = torch.zeros(1, 1, height, width, dtype=torch.int64)
        return draw_images(module, Canvas(blank, None, None, torch.Generator().manual_seed(seed)), method)[0, 0]

    cached = drawn("cached")
    module.rows = lambda n, width, codes: watched  # type: ignore[method-assign]
    assert torch.equal(drawn("jacobi"), cached)

    rows = []
    for asked, final_W in zip(watched.asked, cached, strict=True):
        inputs = [torch.cat([final_W[:first], levels]) for first, levels in asked]
        # The last evaluation changes nothing. Where the next one begins, there is the first change, which is final.
        n_final = [0, *(first + 1 for first, _ in asked[1:]), width]
        rows.append(JacobiRow(torch.stack([*inputs, final_W]).numpy(), tuple(n_final)))
    return rows
