"""The Diagonal BiLSTM: its equations, what it sees, its derivative, and its companion."""

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
from references import diagonal_bilstm

from pofx.families.autoregressive.diagonal_bilstm import DiagonalBiLSTM, diagonal_plan

GROUPS = pytest.mark.parametrize("n_groups", [1, 3], ids=["gray", "rgb"])
LABELS = pytest.mark.parametrize("n_classes", [0, 2], ids=["", "conditional"])
EVERY_SIZE = pytest.mark.parametrize("size", SIZES, ids=str)


def make_layer(n_groups=3, n_classes=0, n_features=6, seed=0):
    return randomised(DiagonalBiLSTM(n_features, n_groups, n_classes), seed)


@EVERY_SIZE
@LABELS
@GROUPS
def test_it_is_the_equations(n_groups, n_classes, size):
    check_reference(make_layer(n_groups, n_classes), diagonal_bilstm, 6, n_groups, n_classes, size)


@pytest.mark.parametrize(("h", "n_groups", "n_classes"), [(16, 1, 0), (16, 1, 10), (6, 3, 2)])
def test_number_of_parameters(h, n_groups, n_classes):
    layer = DiagonalBiLSTM(2 * h, n_groups, n_classes)
    a_direction = (2 * h * 4 * h + 4 * h) + 2 * h * 4 * h + 2 * h + n_classes * 4 * h
    expected = 2 * a_direction + (h * 2 * h + 2 * h)
    assert sum(parameter.numel() for parameter in layer.parameters()) == expected


@pytest.mark.parametrize("size", [(5, 7), (6, 3)], ids=str)
@GROUPS
def test_what_it_sees(n_groups, size):
    """What the states from the left have seen and those from the right one row above: everything before."""
    height, width = size
    colours = range(n_groups)

    def from_left(g, r, c):
        seen = {(h, row, e) for h in colours for row in range(r + 1) for e in range(c + 1)}
        return seen - {(h, r, c) for h in colours if h > g}

    def from_right(g, r, c):
        seen = {(h, row, e) for h in colours for row in range(r + 1) for e in range(c, width)}
        return seen - {(h, r, c) for h in colours if h > g}

    def both(g, r, c):
        return from_left(g, r, c) | (from_right(g, r - 1, c) if r else set())

    before = {
        (g, r, c): {(h, y, x) for h in colours for y in range(height) for x in range(width)
                    if (y, x) < (r, c) or ((y, x) == (r, c) and h <= g)}
        for g in colours for r in range(height) for c in range(width)
    }  # fmt: skip
    assert all(both(*place) == seen for place, seen in before.items())
    check_context(lambda seed: make_layer(n_groups, n_features=12, seed=seed), both, 12, n_groups, size)


@pytest.mark.parametrize("size", [(3, 4), (1, 3), (3, 1)], ids=str)
@LABELS
@GROUPS
def test_derivative(n_groups, n_classes, size):
    check_derivative(make_layer(n_groups, n_classes), 6, n_classes, size)


@LABELS
@GROUPS
def test_every_parameter_learns(n_groups, n_classes):
    check_every_parameter_learns(make_layer(n_groups, n_classes), 6, n_classes, (3, 4))


def test_precisions():
    check_dtypes(make_layer(), 6)


def test_memory_layouts():
    check_memory_layouts(make_layer(), 6)


def test_sampling_before_training():
    diagonal_plan.cache_clear()
    check_inference_first(make_layer(), 6)


@EVERY_SIZE
@LABELS
@GROUPS
@torch.inference_mode()
def test_pixel_after_pixel(n_groups, n_classes, size):
    check_pixels(make_layer(n_groups, n_classes), 6, n_groups, n_classes, size)


@EVERY_SIZE
@LABELS
@torch.inference_mode()
def test_columns_one_after_another(n_classes, size):
    layer = make_layer(3, n_classes)
    assert not layer.rows(1, 1, torch.zeros(1, n_classes, dtype=torch.float64)).columns_are_parallel
    check_columns(layer, 6, n_classes, size)


@LABELS
@torch.inference_mode()
def test_images_chosen_anew_after_every_row(n_classes):
    check_one_row_after_another(make_layer(3, n_classes), 6, n_classes)
