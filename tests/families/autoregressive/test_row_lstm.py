"""The Row LSTM: its equations, what it sees, its derivative, and its companion."""

import pytest
import torch
from recurrent_layers import (
    SIZES,
    check_columns,
    check_context,
    check_derivative,
    check_dtypes,
    check_every_parameter_learns,
    check_inference_first,
    check_memory_layouts,
    check_one_row_after_another,
    check_pixels,
    check_reference,
    randomised,
)
from references import row_lstm

from pofx.families.autoregressive import row_wavefront
from pofx.families.autoregressive.row_lstm import RowLSTM, wavefront

GROUPS = pytest.mark.parametrize("n_groups", [1, 3], ids=["gray", "rgb"])
LABELS = pytest.mark.parametrize("n_classes", [0, 2], ids=["", "conditional"])
EVERY_SIZE = pytest.mark.parametrize("size", SIZES, ids=str)
KERNELS = pytest.mark.parametrize("kernel", [1, 3, 5])


def make_layer(kernel=3, n_groups=3, n_classes=0, n_features=6, seed=0):
    return randomised(RowLSTM(n_features, kernel, n_groups, n_classes), seed)


@EVERY_SIZE
@KERNELS
@LABELS
@GROUPS
def test_it_is_the_equations(kernel, n_groups, n_classes, size):
    layer = make_layer(kernel, n_groups, n_classes)
    check_reference(layer, row_lstm, 6, n_groups, n_classes, size)


@pytest.mark.parametrize(("h", "kernel", "n_groups", "n_classes"), [(16, 3, 1, 0), (16, 3, 1, 10), (6, 5, 3, 2)])
def test_number_of_parameters(h, kernel, n_groups, n_classes):
    layer = RowLSTM(2 * h, kernel, n_groups, n_classes)
    input_to_state = (kernel // 2 + 1) * 2 * h * 4 * h + 4 * h  # what lies to the right is never seen
    state_to_state = kernel * h * 4 * h
    expected = input_to_state + state_to_state + 2 * h + (h * 2 * h + 2 * h) + n_classes * 4 * h
    assert sum(parameter.numel() for parameter in layer.parameters()) == expected


@pytest.mark.parametrize("size", [(5, 7), (6, 3)], ids=str)
@KERNELS
@GROUPS
def test_what_it_sees(kernel, n_groups, size):
    """Of the row d above, columns up to reach * (d + 1) to the left and reach * d to the right; of its own row to the
    left; and of itself its own colour and those before."""
    width, reach = size[1], kernel // 2

    def states(g, r, c):
        """Cells whose input a state has seen, one row after the other upwards."""
        seen = {(h, r, c - e) for h in range(n_groups) for e in range(1, reach + 1) if c - e >= 0}
        seen |= {(h, r, c) for h in range(g + 1)}
        columns = {c}
        for row in range(r - 1, -1, -1):
            columns = {e + d for e in columns for d in range(-reach, reach + 1) if 0 <= e + d < width}
            looked = {e - d for e in columns for d in range(reach + 1) if e - d >= 0}
            seen |= {(h, row, e) for h in range(n_groups) for e in looked}
        return seen

    check_context(lambda seed: make_layer(kernel, n_groups, n_features=12, seed=seed), states, 12, n_groups, size)


@pytest.mark.parametrize("size", [(3, 4), (1, 3), (3, 1)], ids=str)
@LABELS
@GROUPS
def test_derivative(n_groups, n_classes, size):
    check_derivative(make_layer(3, n_groups, n_classes), 6, n_classes, size)


@LABELS
@GROUPS
def test_every_parameter_learns(n_groups, n_classes):
    check_every_parameter_learns(make_layer(3, n_groups, n_classes), 6, n_classes, (3, 4))


@pytest.mark.parametrize("size", [(5, 7), (2, 1), (1, 3)], ids=str)
@KERNELS
@LABELS
@GROUPS
def test_a_wavefront_is_one_layer_after_the_other(kernel, n_groups, n_classes, size):
    """More layers than rows, and fewer; the derivatives too."""
    generator = torch.Generator().manual_seed(0)
    layers = [make_layer(kernel, n_groups, n_classes, seed=seed) for seed in range(4)]
    h_NFHW = torch.randn(3, 6, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    y_NK = torch.eye(3, n_classes, dtype=torch.float64)
    one_by_one = h_NFHW
    for layer in layers:
        one_by_one, _ = layer(one_by_one, None, y_NK)
    together, _ = wavefront(layers, h_NFHW, None, y_NK)
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-12)
    weight = torch.randn(together.shape, generator=generator, dtype=torch.float64)
    learned = [h_NFHW, *(parameter for layer in layers for parameter in layer.parameters())]
    gradients = [torch.autograd.grad((out * weight).sum(), learned) for out in (together, one_by_one)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(wavefront(layers, h_NFHW, None, y_NK)[0], together)


@pytest.mark.parametrize(("gradients", "steps"), [(True, 11 + 3 - 1 + 1), (False, 2)])
def test_only_the_way_back_keeps_all_steps(gradients, steps, monkeypatch):
    asked = []
    room = row_wavefront._room
    monkeypatch.setattr(row_wavefront, "_room", lambda n_steps, *rest: asked.append(n_steps) or room(n_steps, *rest))
    with torch.set_grad_enabled(gradients):
        wavefront([make_layer() for _ in range(3)], torch.zeros(1, 6, 11, 2).double(), None, torch.zeros(1, 0).double())
    assert asked == 4 * [steps]


def test_memory_in_pieces_changes_nothing(monkeypatch):
    layers, h_NFHW = [make_layer(seed=seed) for seed in range(3)], torch.randn(2, 6, 5, 4, dtype=torch.float64)
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    outcomes = []
    for piece in (2**24, 2**12, 1):
        monkeypatch.setattr(row_wavefront, "PIECE", piece)
        out, _ = wavefront(layers, h_NFHW, None, h_NFHW.new_zeros(2, 0))
        outcomes.append([out, *torch.autograd.grad(out.square().sum(), parameters)])
    assert all(map(torch.equal, outcomes[0], outcomes[1]))
    assert all(map(torch.equal, outcomes[0], outcomes[2]))


def test_other_layers_are_refused():
    with pytest.raises(TypeError, match="Conv2d is none"):
        wavefront([torch.nn.Conv2d(6, 6, 1)], torch.zeros(1, 6, 2, 2), None, torch.zeros(1, 0))


def test_no_layers_change_nothing():
    h_NFHW = torch.randn(2, 6, 3, 3)
    assert wavefront([], h_NFHW, None, h_NFHW.new_zeros(2, 0))[0] is h_NFHW


def test_the_way_back_can_be_repeated_and_has_no_derivative():
    layer, h_NFHW = make_layer(), torch.randn(2, 6, 3, 3, dtype=torch.float64, requires_grad=True)
    out, _ = layer(h_NFHW, None, h_NFHW.new_zeros(2, 0))
    first, second = (torch.autograd.grad(out.sum(), h_NFHW, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(out.sum(), h_NFHW, create_graph=True)


def test_precisions():
    check_dtypes(make_layer(), 6)


def test_memory_layouts():
    check_memory_layouts(make_layer(), 6)


def test_sampling_before_training():
    check_inference_first(make_layer(), 6)


@EVERY_SIZE
@KERNELS
@LABELS
@GROUPS
@torch.inference_mode()
def test_pixel_after_pixel(kernel, n_groups, n_classes, size):
    check_pixels(make_layer(kernel, n_groups, n_classes), 6, n_groups, n_classes, size)


@EVERY_SIZE
@KERNELS
@LABELS
@torch.inference_mode()
def test_columns_together(kernel, n_classes, size):
    layer = make_layer(kernel, 3, n_classes)
    assert layer.rows(1, 1, torch.zeros(1, n_classes, dtype=torch.float64)).columns_are_parallel
    check_columns(layer, 6, n_classes, size)


@LABELS
@torch.inference_mode()
def test_images_chosen_anew_after_every_row(n_classes):
    check_one_row_after_another(make_layer(3, 3, n_classes), 6, n_classes)
