"""Moving blocks of numbers about, with the reverse movement as the derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function


class Gathering:
    """y[:, i] = sum_t x[:, table[t][i]], blocks of N numbers; -1 stands for zeros.

    Its derivative gathers as well, by the transposed table: the plain derivative of indexing, which adds to places in
    whatever order, is many times as slow.

    Args:
        tables: for each summand, where each block of the result comes from.
        n_in: number of blocks that there are.
    """

    def __init__(self, tables: Sequence[Sequence[int]], n_in: int, device: torch.device) -> None:
        takers: list[list[int]] = [[] for _ in range(n_in)]
        for table in tables:
            for place, source in enumerate(table):
                if source >= 0:
                    takers[source].append(place)
        most = max(1, *map(len, takers))
        transposed = [[places[t] if t < len(places) else -1 for places in takers] for t in range(most)]
        self.tables = [_table(table, device) for table in tables]
        self.transposed = [_table(table, device) for table in transposed]

    def __call__(self, x_FMN: Tensor) -> Tensor:
        return _Gather.apply(x_FMN, self.tables, self.transposed)


_Table = tuple[Tensor, Tensor | None]
"""Where each block comes from, and which blocks come from nowhere (None: all come from somewhere)."""


def _table(sources: Sequence[int], device: torch.device) -> _Table:
    nowhere = [place for place, source in enumerate(sources) if source < 0]
    index = torch.tensor([max(source, 0) for source in sources], device=device)
    return index, torch.tensor(nowhere, device=device) if nowhere else None


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x_FMN: Tensor, tables: list[_Table], transposed: list[_Table]) -> Tensor:
        ctx.tables, ctx.transposed = tables, transposed
        first, *others = (_taken(x_FMN, table) for table in tables)
        for other in others:
            first += other
        return first

    @staticmethod
    def backward(ctx: Any, grad_FMN: Tensor) -> tuple[Tensor, None, None]:
        return _Gather.apply(grad_FMN, ctx.transposed, ctx.tables), None, None


def _taken(x_FMN: Tensor, table: _Table) -> Tensor:
    index, nowhere = table
    taken = x_FMN.index_select(1, index)
    return taken if nowhere is None else taken.index_fill_(1, nowhere, 0)
