"""Several rows at once, each a few columns behind the row above: the order, the memory, and where it is allowed."""

import pytest
import torch
from networks_under_test import LAWS, NETWORKS, make_network
from torch import nn

from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.row_lstm import RowLSTM, staggered
from pofx.families.autoregressive.sampling import Canvas, draw_images
from pofx.families.autoregressive.staggered import Stagger, StepMemory

SHAPES = [(1, 1), (1, 9), (9, 1), (5, 4), (4, 5), (9, 28), (3, 8), (8, 3)]


@pytest.mark.parametrize("lag", [1, 2, 4, 6])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_every_pixel_has_its_step(height, width, lag):
    stagger = Stagger(height, width, lag)
    step_of = {}
    for step in range(stagger.n_steps):
        for row in stagger.rows(step):
            assert 0 <= row < height and 0 <= stagger.column(step, row) < width
            step_of[row, stagger.column(step, row)] = step
    assert len(step_of) == height * width
    for (row, column), step in step_of.items():
        if row:
            # Of the row above all columns fewer than lag to the right were evaluated before.
            assert all(step_of[row - 1, c] < step for c in range(min(width, column + lag)))
    assert list(stagger.rows(stagger.n_steps)) == []
    assert max(len(stagger.rows(step)) for step in range(stagger.n_steps)) == stagger.most_rows


@pytest.mark.parametrize("pitch_more", [0, 6])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_the_pixels_of_a_step_are_a_slice_of_the_image(height, width, pitch_more):
    stagger, pitch = Stagger(height, width, 4), width + pitch_more
    for step in range(stagger.n_steps):
        if rows := stagger.rows(step):
            there = torch.arange(height * pitch)[stagger.pixels(step, pitch)].tolist()
            assert there == [row * pitch + stagger.column(step, row) for row in rows]


@pytest.mark.parametrize("n_back", [0, 1, 5])
def test_a_memory_keeps_the_last_steps(n_back):
    memory = StepMemory(n_back, torch.full((2, 3, 4), -1.0))
    written = [torch.full((2, 3, 4), -1.0)] * n_back
    everything = slice(None)
    for step in range(40):
        if step:
            memory.advance(everything)
        memory.step(everything)[:] = step
        written.append(torch.full((2, 3, 4), float(step)))
        for back in range(n_back + 1):
            assert torch.equal(memory.step(slice(1, 3), back), written[-1 - back][..., 1:3])
        last = torch.cat(written[len(written) - 1 - n_back :], 1)
        assert torch.equal(memory.steps(n_back, 0, everything), last)


@pytest.mark.parametrize("network", NETWORKS)
def test_only_rows_that_look_little_to_the_right_are_drawn_at_once(network):
    """Of the others a pixel sees all of the row above, or more of it in every layer."""
    module = make_network(network, LAWS["sigmoid"](1), n_layers=3)
    # The first convolution looks 3 columns to the right.
    assert module.lag == (4 if network == "row_lstm" else None)


@pytest.mark.parametrize("kernel", [1, 5, 9])
@pytest.mark.parametrize("size", [(3, 24), (4, 3)])
def test_parameters_are_those_of_the_whole_image(kernel, size):
    """Kernel 9 looks further to the right than the first convolution; kernel 1 keeps no features. The wider image makes
    the memory move to its front."""
    module = AutoregressiveModule(
        LAWS["softmax_of_3"](1),
        2,
        n_features=6,
        n_layers=3,
        make_layer=lambda number: RowLSTM(6, kernel, 1, 2),
        two_stacks=False,
        stagger_layers=staggered,
        size=size,
    ).double()
    for seed, parameter in enumerate(module.parameters()):
        nn.init.normal_(parameter, std=0.4, generator=torch.Generator().manual_seed(seed))
    assert module.lag == 1 + max(3, kernel // 2)
    codes = torch.tensor([0, 1, 1, 0, 1])
    x_NCHW = torch.randint(0, 3, (5, 1, *size), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        parameters_NPHW = module(x_NCHW, codes)
        stagger = Stagger(*size, module.lag)
        network = module.staggered(stagger, 5, codes)
        for step in range(stagger.n_steps):
            network.begin(step)
            if rows := stagger.rows(step):
                columns = [stagger.column(step, row) for row in rows]
                expected_NPK = parameters_NPHW[:, :, list(rows), columns]
                torch.testing.assert_close(network.parameters(step)[:, :, 0], expected_NPK, rtol=0, atol=1e-12)
                network.write(step, module.scaled(x_NCHW.flatten(2)[:, :, stagger.pixels(step, size[1])]))


def test_only_row_lstms_are_staggered():
    with pytest.raises(TypeError, match="Conv2d"):
        staggered([nn.Conv2d(1, 1, 1)], Stagger(2, 2, 4), torch.zeros(1, 0), True)


def test_autocast_changes_nothing():
    """Errors of half precision would add up over the rows."""
    module = make_network("row_lstm", LAWS["sigmoid"](1)).float()
    drawn = []
    for enabled in (False, True):
        canvas = Canvas(torch.zeros(3, 1, 4, 9, dtype=torch.int64), None, None, torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            drawn.append(draw_images(module, canvas, "cached"))
    assert torch.equal(*drawn)


def test_nothing_is_recorded_for_a_derivative():
    module = make_network("row_lstm", LAWS["sigmoid"](1))
    network = module.staggered(Stagger(2, 5, module.lag), 3, None)
    network.begin(0)
    assert not network.parameters(0).requires_grad
