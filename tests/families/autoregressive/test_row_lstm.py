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

from pofx.families.autoregressive.row_lstm import RowLSTM, row_plan

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


def test_precisions():
    check_dtypes(make_layer(), 6)


def test_memory_layouts():
    check_memory_layouts(make_layer(), 6)


def test_sampling_before_training():
    row_plan.cache_clear()
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
