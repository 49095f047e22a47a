"""Blocks of numbers that are moved about, and their gradients that are moved back."""

import pytest
import torch

from pofx.families.autoregressive.gathering import Gathering

#: Summands of a result of five blocks out of four: repeats, blocks from nowhere, a block (3) that nobody takes.
TABLES = {
    "permutation": [[3, 1, 0, 2]],
    "repeats": [[0, 0, 2, -1, 2]],
    "sum": [[0, 1, 2, -1, -1], [2, -1, 2, 0, -1]],
    "nothing": [[-1, -1]],
}


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_it_is_a_sum_of_taken_blocks(tables):
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.zeros(2, len(tables[0]), 3, dtype=torch.float64)
    for table in tables:
        for place, source in enumerate(table):
            if source >= 0:
                expected[:, place] += x[:, source]
    assert torch.equal(Gathering(tables, 4, torch.device("cpu"))(x), expected)


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_derivatives(tables):
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    gathering = Gathering(tables, 4, torch.device("cpu"))
    assert torch.autograd.gradcheck(gathering, x)
    assert torch.autograd.gradgradcheck(gathering, x)
