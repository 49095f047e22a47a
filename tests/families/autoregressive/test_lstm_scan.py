"""The scan by itself: on a lattice that is a line it is PyTorch's LSTM, and it leaves alone what it is given."""

import pytest
import torch

from pofx.families.autoregressive.lstm_scan import lstm_scan, scan_plan

LENGTH, WIDTH, INPUTS, N = 5, 3, 4, 2
CPU = torch.device("cpu")


def line_plan():
    groups = [[(row, 0)] for row in range(-1, LENGTH)]
    return scan_plan(groups, lambda cell: cell[0] < 0, [(-1, 0)], CPU)


def random_arguments(directions=1):
    """Inputs, what is given besides, the weights of both kinds, the states to begin with."""
    generator = torch.Generator().manual_seed(0)
    shapes = [
        (directions, INPUTS, LENGTH * N), (directions, 4 * WIDTH, N), (directions, 4 * WIDTH, INPUTS),
        (1, directions, 4 * WIDTH, WIDTH), (directions, WIDTH), (directions, WIDTH),
    ]  # fmt: skip
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def by_pytorch(inputs_1IM, given_1GN, input_weights_1GI, state_weights_K1Gh, h0_1h, c0_1h):
    """1hS without the zeros; PyTorch orders the gates i, f, g, o."""

    def reordered(gates):
        o, f, i, g = gates.chunk(4)
        return torch.cat([i, f, g, o])

    h_Nh, c_Nh = h0_1h.expand(N, -1), c0_1h.expand(N, -1)
    states = [h_Nh]
    for x_NI in inputs_1IM[0].unflatten(1, (LENGTH, N)).permute(1, 2, 0):
        from_input = x_NI @ input_weights_1GI[0].T + given_1GN[0].T
        identity = torch.eye(4 * WIDTH, dtype=torch.float64)
        h_Nh, c_Nh = torch.lstm_cell(
            reordered(from_input.T).T, (h_Nh, c_Nh), identity, reordered(state_weights_K1Gh[0, 0])
        )
        states.append(h_Nh)
    return torch.stack(states).permute(2, 0, 1).flatten(1)[None]


def test_a_line_is_an_lstm():
    arguments = random_arguments()
    states_1hS, expected = lstm_scan(*arguments, line_plan()), by_pytorch(*arguments)
    torch.testing.assert_close(states_1hS[:, :, :-N], expected, rtol=0, atol=1e-12)
    assert torch.equal(states_1hS[:, :, -N:], torch.zeros_like(states_1hS[:, :, -N:]))
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = torch.autograd.grad((states_1hS[:, :, :-N] * weight).sum(), arguments)
    wanted = torch.autograd.grad((expected * weight).sum(), arguments)
    torch.testing.assert_close(gradients, wanted, rtol=0, atol=1e-12)


def test_directions_do_not_mix():
    arguments = random_arguments(2)
    together = lstm_scan(*arguments, line_plan())
    for d in range(2):
        here = slice(d, d + 1)
        inputs, given, input_weights, state_weights, h0, c0 = arguments
        alone = (inputs[here], given[here], input_weights[here], state_weights[:, here], h0[here], c0[here])
        torch.testing.assert_close(together[here], lstm_scan(*alone, line_plan()), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(lambda *values: lstm_scan(*values, line_plan()), arguments)


@pytest.mark.parametrize("directions", [1, 2])
def test_nothing_that_is_given_changes(directions):
    arguments = random_arguments(directions)
    before = [argument.detach().clone() for argument in arguments]
    states = lstm_scan(*arguments, line_plan())
    gradient = torch.ones_like(states)
    first = torch.autograd.grad(states, arguments, gradient, retain_graph=True)
    assert torch.equal(gradient, torch.ones_like(gradient))
    second = torch.autograd.grad(states, arguments, gradient)
    assert all(map(torch.equal, first, second))
    assert all(map(torch.equal, arguments, before))


def test_cells_of_a_step_must_lie_side_by_side():
    """Two cells whose neighbours lie apart: no block of columns."""
    with pytest.raises(AssertionError):
        scan_plan([[(-1, 0), (-1, 1), (-1, 2)], [(0, 0), (0, 2)]], lambda cell: cell[0] < 0, [(-1, 0)], CPU)


def test_the_derivative_has_none():
    arguments = random_arguments()
    states = lstm_scan(*arguments, line_plan())
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(states.sum(), arguments[0], create_graph=True)


def test_half_open_gates():
    """All weights are zero: the memory is halved at every step, and half of its tanh is shown."""
    arguments = [torch.zeros_like(argument) for argument in random_arguments()]
    arguments[5] = torch.ones(1, WIDTH, dtype=torch.float64)  # c0
    states_1hS = lstm_scan(*arguments, line_plan())
    expected = [0.0] + [0.5 * float(torch.tanh(torch.tensor(0.5**t, dtype=torch.float64))) for t in range(1, 6)]
    torch.testing.assert_close(states_1hS[0, 0, ::N], torch.tensor([*expected, 0.0], dtype=torch.float64))
