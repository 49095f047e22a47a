"""Fully connected layers in which the bits of a row do not depend on where in the batch it stands.

A library of matrix products cuts them into blocks for its registers, and treats what is left over at the edges in
another way: the last bits of a row then depend on its place and on its neighbours (seen on AMD processors, where a side
is odd). Where all three sides are multiples of a block, nothing is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

#: Sides of products are multiples of this.
BLOCK = 8


class IndependentRows(TorchFunctionMode):
    """Within the context `torch.nn.functional.linear` gives a row the same bits wherever it stands, forwards and
    backwards."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is F.linear:
            return independent_rows(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def independent_rows(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b of rows x (..., k), as `torch.nn.functional.linear`: of sides filled up with zeros to whole blocks.

    Args:
        input: (..., k), named as there. weight: (m, k). bias: (m,).
    """
    x_NK = input.reshape(-1, input.shape[-1])
    (n, k), m = x_NK.shape, len(weight)
    rows, inputs, outputs = (-side % BLOCK for side in (n, k, m))
    if not (rows or inputs or outputs):
        return F.linear(input, weight, bias)
    bias = bias if bias is None else F.pad(bias, (0, outputs))
    out_NM = F.linear(F.pad(x_NK, (0, inputs, 0, rows)), F.pad(weight, (0, inputs, 0, outputs)), bias)
    return out_NM[:n, :m].reshape(*input.shape[:-1], m)
