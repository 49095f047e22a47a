"""What every pixel may and must see, worked out from the published description alone, without a look at the network.

A context is a set of sub-pixels (channel, row, column), held as the bits of an integer. `context[g][r][c]` belongs to
the features of colour group g at pixel (r, c). Each function below is one layer: from the contexts of what goes in to
those of what comes out. Outside the image there is nothing to see.

Sources: arXiv 1601.06759, sections 3.1 to 3.5 and figure 5 (masks, Row LSTM, Diagonal BiLSTM, PixelCNN); arXiv
1606.05328, section 2.2 and figure 2 (the two stacks).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Context = list[list[list[int]]]


class Grid:
    """An image's size, its channels, and whether they are events of their own (colour groups) or one."""

    def __init__(self, height: int, width: int, channels: int, n_groups: int) -> None:
        self.height, self.width, self.channels, self.n_groups = height, width, channels, n_groups

    def bit(self, channel: int, row: int, column: int) -> int:
        return 1 << (channel * self.height + row) * self.width + column

    def make(self, of: Callable[[int, int, int], int]) -> Context:
        """The contexts given by a function of (group, row, column)."""
        return [[[of(g, r, c) for c in range(self.width)] for r in range(self.height)] for g in range(self.n_groups)]

    def at(self, context: Context, groups: range, row: int, column: int) -> int:
        """What the features of these groups at a pixel have seen; nothing outside the image."""
        if not (0 <= row < self.height and 0 <= column < self.width):
            return 0
        seen = 0
        for g in groups:
            seen |= context[g][row][column]
        return seen

    def all_groups(self) -> range:
        return range(self.n_groups)

    def as_array(self, context: Context) -> NDArray[np.bool_]:
        """(groups, height, width) of the observer, (channels, height, width) of what is seen."""
        d = self.channels * self.height * self.width
        bits = [[[[seen >> i & 1 for i in range(d)] for seen in row] for row in plane] for plane in context]
        shape = (self.n_groups, self.height, self.width, self.channels, self.height, self.width)
        return np.array(bits, dtype=bool).reshape(shape)


def pixel(grid: Grid, row: int, column: int) -> int:
    """All channels of a pixel."""
    if not (0 <= row < grid.height and 0 <= column < grid.width):
        return 0
    return sum(grid.bit(channel, row, column) for channel in range(grid.channels))


def union(*parts: int) -> int:
    seen = 0
    for part in parts:
        seen |= part
    return seen


def input_with_mask_a(grid: Grid) -> Context:
    """7 x 7: three rows above, three columns to either side, its own row to the left; of itself the colours before."""

    def of(g: int, r: int, c: int) -> int:
        above = [pixel(grid, r - d, c + e) for d in (1, 2, 3) for e in range(-3, 4)]
        left = [pixel(grid, r, c - e) for e in (1, 2, 3)]
        own = [grid.bit(channel, r, c) for channel in range(g)] if grid.n_groups > 1 else []
        return union(*above, *left, *own)

    return grid.make(of)


def pixelcnn_block(grid: Grid, h: Context, kernel: int) -> Context:
    """1 x 1, k x k, 1 x 1, all with mask B, and the input added."""
    reach = kernel // 2

    def one_by_one(inner: Context) -> Context:
        return grid.make(lambda g, r, c: grid.at(inner, range(g + 1), r, c))

    def k_by_k(inner: Context) -> Context:
        def of(g: int, r: int, c: int) -> int:
            before = [(r - d, c + e) for d in range(1, reach + 1) for e in range(-reach, reach + 1)]
            before += [(r, c - e) for e in range(1, reach + 1)]
            parts = [grid.at(inner, grid.all_groups(), *place) for place in before]
            return union(*parts, grid.at(inner, range(g + 1), r, c))

        return grid.make(of)

    out = one_by_one(k_by_k(one_by_one(h)))
    return grid.make(lambda g, r, c: h[g][r][c] | out[g][r][c])


def gated_input(grid: Grid) -> tuple[Context, Context]:
    """The horizontal stack's input sees its own row only, the vertical stack's the three rows above."""

    def horizontal(g: int, r: int, c: int) -> int:
        own = [grid.bit(channel, r, c) for channel in range(g)] if grid.n_groups > 1 else []
        return union(*(pixel(grid, r, c - e) for e in (1, 2, 3)), *own)

    def vertical(g: int, r: int, c: int) -> int:
        return union(*(pixel(grid, r - d, c + e) for d in (1, 2, 3) for e in range(-3, 4)))

    return grid.make(horizontal), grid.make(vertical)


def gated_layer(grid: Grid, h: Context, v: Context, kernel: int, dilation: int = 1) -> tuple[Context, Context]:
    """The vertical stack: rows r - k//2 .. r of itself, no mask, and itself added. The horizontal one: its row to the
    left, mask B, and the vertical stack at its own place; then 1 x 1, mask B, and the input added."""
    reach = kernel // 2

    def vertical(g: int, r: int, c: int) -> int:
        places = [(r - dilation * d, c + dilation * e) for d in range(reach + 1) for e in range(-reach, reach + 1)]
        return union(*(grid.at(v, grid.all_groups(), *place) for place in places))

    new_v = grid.make(vertical)

    def gates(g: int, r: int, c: int) -> int:
        left = [grid.at(h, grid.all_groups(), r, c - dilation * e) for e in range(1, reach + 1)]
        return union(*left, grid.at(h, range(g + 1), r, c), new_v[g][r][c])

    gated = grid.make(gates)
    return grid.make(lambda g, r, c: h[g][r][c] | grid.at(gated, range(g + 1), r, c)), new_v


def row_lstm_layer(grid: Grid, h: Context) -> Context:
    """Input-to-state 1 x 3 along the row, mask B; state-to-state 1 x 3 unmasked on the state of the row above; the cell
    of the same column above; then 1 x 1, mask B, and the input added."""
    state = grid.make(lambda g, r, c: 0)
    for r in range(grid.height):
        for c in range(grid.width):
            for g in grid.all_groups():
                state[g][r][c] = union(
                    grid.at(h, grid.all_groups(), r, c - 1),
                    grid.at(h, range(g + 1), r, c),
                    *(grid.at(state, grid.all_groups(), r - 1, c + e) for e in (-1, 0, 1)),
                )
    return grid.make(lambda g, r, c: h[g][r][c] | grid.at(state, range(g + 1), r, c))


def diagonal_bilstm_layer(grid: Grid, h: Context) -> Context:
    """Input-to-state 1 x 1, mask B; the left-to-right state also sees the states to its left and above, the
    right-to-left one those to its right and above. The right-to-left map is shifted down one row and added; then 1 x 1,
    mask B, and the input added."""
    from_left, from_right = grid.make(lambda g, r, c: 0), grid.make(lambda g, r, c: 0)
    for r in range(grid.height):
        for state, columns, step in (
            (from_left, range(grid.width), -1),
            (from_right, range(grid.width - 1, -1, -1), 1),
        ):
            for c in columns:
                for g in grid.all_groups():
                    state[g][r][c] = union(
                        grid.at(h, range(g + 1), r, c),
                        grid.at(state, grid.all_groups(), r, c + step),
                        grid.at(state, grid.all_groups(), r - 1, c),
                    )
    both = grid.make(lambda g, r, c: from_left[g][r][c] | grid.at(from_right, grid.all_groups(), r - 1, c))
    return grid.make(lambda g, r, c: h[g][r][c] | grid.at(both, range(g + 1), r, c))


def network_context(
    network: str, grid: Grid, n_layers: int, kernel: int = 3, dilations: tuple[int, ...] = (1, 2, 4)
) -> NDArray[np.bool_]:
    """Of a whole network of so many layers and its head (1 x 1, mask B), as `Grid.as_array` shapes it."""
    if network == "gated":
        h, v = gated_input(grid)
        for number in range(n_layers):
            h, v = gated_layer(grid, h, v, kernel, dilations[number % len(dilations)])
    else:
        layer = {
            "plain": lambda h: pixelcnn_block(grid, h, kernel),
            "row_lstm": lambda h: row_lstm_layer(grid, h),
            "diagonal_bilstm": lambda h: diagonal_bilstm_layer(grid, h),
        }[network]
        h = input_with_mask_a(grid)
        for _ in range(n_layers):
            h = layer(h)
    return grid.as_array(grid.make(lambda g, r, c: grid.at(h, range(g + 1), r, c)))
