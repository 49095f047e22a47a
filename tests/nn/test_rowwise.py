"""Fully connected layers, row by row."""

import pytest
import torch
from torch.nn import functional as F

from pofx.nn.rowwise import IndependentRows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_rows", [7, 40])
@pytest.mark.parametrize("n_inputs", [1, 2, 3, 5, 8, 9, 17, 50])
@pytest.mark.parametrize("n_outputs", [1, 3, 8, 16, 64])
def test_a_row_gets_the_same_bits_wherever_it_stands(dtype, n_rows, n_inputs, n_outputs):
    """Of the layer and of its derivative; on some processors this fails without the context."""
    generator = torch.Generator().manual_seed(0)
    x, w, g = (
        torch.randn(*shape, dtype=dtype, generator=generator)
        for shape in ((n_rows, n_inputs), (n_outputs, n_inputs), (n_rows, n_outputs))
    )
    order = torch.randperm(n_rows, generator=generator)

    def layer_and_derivative(x, g):
        x = x.clone().requires_grad_()
        with IndependentRows():
            out = F.linear(x, w, w[:, 0])
        return out.detach(), torch.autograd.grad(out, x, g)[0]

    whole = layer_and_derivative(x, g)
    for one, turned in zip(whole, layer_and_derivative(x[order], g[order]), strict=True):
        assert torch.equal(one[order], turned)
    torch.testing.assert_close(whole[0], F.linear(x, w, w[:, 0]))
    torch.testing.assert_close(whole[1], g @ w)


def test_a_layer_is_the_same_function_with_more_axes_and_without_a_bias():
    layer = torch.nn.Linear(3, 5, bias=False).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    expected = layer(x)
    with IndependentRows():
        found = layer(x)
        assert torch.autograd.gradcheck(layer, x)
        assert layer(x[:0]).shape == (0, 4, 5)
    torch.testing.assert_close(found, expected)
    weights = [torch.autograd.grad(out.square().sum(), layer.weight)[0] for out in (found, expected)]
    torch.testing.assert_close(*weights)
