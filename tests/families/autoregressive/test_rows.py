"""Row by row, pixel by pixel, column by column: the companions tell the same as the full forward pass."""

import pytest
import torch
from networks_under_test import CHANNELS, LAWS, NETWORKS, make_network, random_codes

TOLERANCE = {"rtol": 0, "atol": 1e-12}
SIZES = [(5, 7), (9, 4), (1, 6), (6, 1)]
N = 3


def make_case(network, law, channels, n_classes, height, width):
    """A network, levels of N images, their codes and the parameters by the full forward pass, NHWP."""
    module = make_network(network, LAWS[law](channels), n_classes=n_classes, size=(height, width))
    x = torch.randint(0, module.levels, (N, channels, height, width), generator=torch.Generator().manual_seed(0))
    codes = random_codes(N, n_classes)
    with torch.no_grad():
        return module, x, codes, module(x, codes).permute(0, 2, 3, 1)


def row_of(x_NCHW, r):
    return x_NCHW[:, :, r].transpose(1, 2)


def other_levels(row_NWC, levels, seed=1):
    """Another row: every level is changed."""
    shift = torch.randint(1, levels, row_NWC.shape, generator=torch.Generator().manual_seed(seed))
    return (row_NWC + shift) % levels


EVERY_CASE = [
    pytest.mark.parametrize(("height", "width"), SIZES),
    pytest.mark.parametrize("n_classes", [0, 2], ids=["", "conditional"]),
    pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS),
    pytest.mark.parametrize("law", ["softmax_of_3", "mixture_of_4"]),
    pytest.mark.parametrize("network", NETWORKS),
]


def every_case(test):
    for mark in EVERY_CASE:
        test = mark(test)
    return test


@every_case
@torch.inference_mode()
def test_pixel_after_pixel(network, law, channels, n_classes, height, width):
    """Each pixel is asked for once for every colour group; what stands right of it, or of its own later colours, is a
    guess that changes."""
    module, x, codes, expected = make_case(network, law, channels, n_classes, height, width)
    rows = module.rows(N, width, codes)
    groups = module.n_groups
    for r in range(height):
        rows.start()
        row = other_levels(row_of(x, r), module.levels)
        for column in range(width):
            for group in range(groups):
                told = rows.pixel(row, column).unflatten(1, (groups, -1))[:, group]
                wanted = expected[:, r, column].unflatten(1, (groups, -1))[:, group]
                torch.testing.assert_close(told, wanted, **TOLERANCE)
                colours = slice(None) if groups == 1 else group
                row[:, column, colours] = x[:, colours, r, column]
        rows.finish(row)


@every_case
@torch.inference_mode()
def test_columns_together(network, law, channels, n_classes, height, width):
    """All columns, then the columns from ever later ones on, some of the images only, as a fixed point is approached:
    the images that are left have wrong levels from ``first`` on, then right ones."""
    module, x, codes, expected = make_case(network, law, channels, n_classes, height, width)
    rows = module.rows(N, width, codes)
    for r in range(height):
        rows.start()
        true = row_of(x, r)
        wrong = other_levels(true, module.levels)
        guess = true.clone()
        guess[1] = wrong[1]  # image 0 is right at once, image 2 from its second column on wrong
        guess[2, 1:] = wrong[2, 1:]
        told = rows.columns(guess, 0, None).clone()
        torch.testing.assert_close(told[0], expected[0, r], **TOLERANCE)
        guess[1, 0] = true[1, 0]
        active = torch.tensor([1, 2])
        told[active] = rows.columns(guess[active], 0, active)
        torch.testing.assert_close(told[2, 0], expected[2, r, 0], **TOLERANCE)
        # Column 0 is right now and is left out; of image 1 the last column stays wrong for one more time.
        second, last = min(1, width - 1), width - 1
        guess[2], guess[1, second:last] = true[2], true[1, second:last]
        for first, images in ((second, torch.tensor([2, 1])), (last, torch.tensor([1]))):
            told[images, first:] = rows.columns(guess[images, first:], first, images)
            guess[1, last] = true[1, last]
            torch.testing.assert_close(told[2], expected[2, r], **TOLERANCE)
        torch.testing.assert_close(told, expected[:, r], **TOLERANCE)
        rows.finish(true)


@every_case
@torch.inference_mode()
def test_images_may_be_chosen_anew_after_a_row(network, law, channels, n_classes, height, width):
    """`select` with repeats and in another order, whether the rows before were told by pixels or by columns."""
    module, x, codes, expected = make_case(network, law, channels, n_classes, height, width)
    rows = module.rows(N, width, codes)
    place = torch.arange(N)  # which image stands where
    for r in range(height):
        rows.start()
        row = row_of(x, r)[place]
        if r % 2:
            told = rows.columns(row, 0, None)
        else:
            told = torch.stack([rows.pixel(row, column) for column in range(width)], 1)
        torch.testing.assert_close(told, expected[place, r], **TOLERANCE)
        rows.finish(row)
        index = torch.tensor([[2, 0, 0], [1, 1, 2, 0], [3, 2, 1]][r % 3])
        rows.select(index)
        place = place[index]


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_that_run_column_by_column_say_so(network):
    """The Diagonal BiLSTM's columns wait for one another, and drawing whole rows again and again gains nothing."""
    rows = make_network(network, LAWS["sigmoid"](1)).rows(1, 4, None)
    assert rows.columns_are_parallel == (network != "diagonal_bilstm")


@pytest.mark.parametrize("network", NETWORKS)
@torch.inference_mode()
def test_float32_too(network):
    module = make_network(network, LAWS["softmax_of_3"](3), std=0.2).float()
    x = torch.randint(0, 3, (N, 3, 4, 5), generator=torch.Generator().manual_seed(0))
    expected = module(x).permute(0, 2, 3, 1)
    rows = module.rows(N, 5, None)
    for r in range(4):
        rows.start()
        told = rows.columns(row_of(x, r), 0, None)
        assert told.dtype == torch.float32
        torch.testing.assert_close(told, expected[:, r], rtol=1e-4, atol=1e-4)
        rows.finish(row_of(x, r))
