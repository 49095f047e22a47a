"""What every pixel's parameters depend on: the whole Jacobian, against contexts worked out from the description alone.

Forbidden entries are exactly zero for all weights and images; claimed ones are not, for some (a rectifier may close).
"""

import numpy as np
import pytest
import torch
from contexts import Grid, network_context
from networks_under_test import CHANNELS, LAWS, NETWORKS, make_network, random_codes

from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.pixelcnn import GatedLayer, ResidualBlock

SIZES = [(5, 7), (9, 4)]
#: Wide enough that few rectifiers hide an entry, and draws of weights and images until none does.
WIDTH, MAX_DRAWS = 12, 60


def sizes_of_derivatives(module, height, width, seed):
    """|dP/dx| of one random direction in the parameters of each (group, row, column), by (channel, row, column).

    All at once: a batch of copies of one image, each of which is asked about one group of one pixel. So a network that
    mixes the images of a batch would be seen, too.
    """
    law, groups = module.law, module.n_groups
    generator = torch.Generator().manual_seed(seed)
    n = groups * height * width
    x = (law.levels - 1) * torch.rand(1, law.channels, height, width, generator=generator, dtype=torch.float64)
    x = x.repeat(n, 1, 1, 1).requires_grad_()
    codes = random_codes(1, module.n_classes, seed)
    parameters = module(x, None if codes is None else codes.repeat(n))
    direction = torch.randn(parameters.shape[1], generator=generator, dtype=torch.float64).reshape(groups, -1)
    # (image, group, number, row, column) -> (image, (group, row, column), number), of which image i is asked for i.
    answers = parameters.unflatten(1, (groups, -1)).permute(0, 1, 3, 4, 2).reshape(n, n, -1)
    asked = answers.diagonal(dim1=0, dim2=1).T  # n, numbers
    (asked * direction.repeat_interleave(height * width, 0)).sum().backward()
    return x.grad.abs().reshape(groups, height, width, law.channels, height, width).numpy()


def check_context(make_module, context, height, width):
    """`make_module(seed)` depends on exactly this."""
    seen = np.zeros(context.shape, dtype=bool)
    for seed in range(MAX_DRAWS):
        sizes = sizes_of_derivatives(make_module(seed), height, width, seed)
        assert np.isfinite(sizes).all()
        assert not (sizes[~context] != 0).any(), "depends on what it must not see"
        seen |= sizes != 0
        if seen[context].all():
            return
    assert seen[context].all(), "blind to what it is said to see"


def order_of(channels, height, width, n_groups):
    """Whether a sub-pixel (channel, row, column) comes before the event (group, row, column)."""
    row, column = np.divmod(np.arange(height * width), width)
    pixel = (row * width + column).reshape(height, width)
    before = pixel[None, None] < pixel[:, :, None, None]
    same = pixel[None, None] == pixel[:, :, None, None]
    group, channel = np.arange(n_groups), np.arange(channels)
    in_pixel = (channel[None] < group[:, None]) & (n_groups > 1)
    return before[None, :, :, None] | (same[None, :, :, None] & in_pixel[:, None, None, :, None, None])


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("law", ["sigmoid", "softmax_of_3", "mixture_of_4"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_jacobian_is_the_context(network, law, channels, height, width):
    pixel_law = LAWS[law](channels)
    n_groups = 1 if law == "mixture_of_4" else channels  # under the mixture a pixel is one event
    context = network_context(network, Grid(height, width, channels, n_groups), n_layers=2)
    assert not (context & ~order_of(channels, height, width, n_groups)).any()  # the description itself is causal
    check_context(lambda seed: make_network(network, pixel_law, width=WIDTH, seed=seed), context, height, width)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_label_gives_nothing_of_the_future_away(network):
    law = LAWS["softmax_of_3"](3)
    context = network_context(network, Grid(4, 5, 3, 3), n_layers=1)
    check_context(
        lambda seed: make_network(network, law, n_classes=3, n_layers=1, width=WIDTH, seed=seed, size=(4, 5)),
        context,
        4,
        5,
    )


@pytest.mark.parametrize(
    ("network", "kernel", "dilation"),
    [("plain", 1, 1), ("plain", 5, 1), ("gated", 1, 1), ("gated", 5, 1), ("gated", 3, 4), ("gated", 5, 2)],
)
def test_the_context_of_other_kernels(network, kernel, dilation):
    law = LAWS["sigmoid"](3)

    def layer(number):
        return ResidualBlock(WIDTH, kernel, 3, 0) if network == "plain" else GatedLayer(WIDTH, kernel, 3, 0, dilation)

    def make(seed):
        torch.manual_seed(seed)
        module = AutoregressiveModule(
            law, 0, n_features=WIDTH, n_layers=1, make_layer=layer, two_stacks=network == "gated"
        ).double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        return module

    context = network_context(network, Grid(6, 5, 3, 3), n_layers=1, kernel=kernel, dilations=(dilation,))
    with torch.random.fork_rng():
        check_context(make, context, 6, 5)


# ---- what the descriptions amount to: closed forms -------------------------------------------------------------------


def test_the_blind_spot_of_the_plain_network():
    """Of the row d above nothing is seen that is more than d + 2 columns to the right, however many blocks there are: a
    cone of 45 degrees. What lies to the right of it comes before the pixel, too, and is the blind spot."""
    height, width, n_layers = 12, 24, 12
    context = network_context("plain", Grid(height, width, 1, 1), n_layers)[0, :, :, 0]
    for r in range(height):
        for c in range(width):
            d, e = r - np.arange(height)[:, None], np.arange(width) - c
            # A block goes a row up for each column to the right; the input layer, a row up, looks three to the right.
            cone = (d >= 0) & (e <= np.where(d > 0, d + 2, -1)) & (e >= -(n_layers + 3))
            assert np.array_equal(context[r, c], cone & (d <= n_layers + 3)), (r, c)


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_the_gated_network_has_no_blind_spot(n_layers):
    """Everything before a pixel that is at most 3 + 1 + 2 + 4 + 1 + ... rows up or columns to a side is seen."""
    height, width, reach = 14, 20, 3 + sum((1, 2, 4, 1)[:n_layers])
    context = network_context("gated", Grid(height, width, 1, 1), n_layers)[0, :, :, 0]
    for r in range(height):
        for c in range(width):
            d, e = r - np.arange(height)[:, None], np.arange(width) - c
            above = (d > 0) & (d <= reach) & (abs(e) <= reach)
            assert np.array_equal(context[r, c], above | ((d == 0) & (e < 0) & (e >= -reach))), (r, c)


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_the_triangle_of_the_row_lstm(n_layers):
    """Row r - d, columns c - (d + L + 3) .. c + (d + 2), all the way up; of its own row c - (L + 3) .. c - 1."""
    height, width = 10, 20
    context = network_context("row_lstm", Grid(height, width, 1, 1), n_layers)[0, :, :, 0]
    for r in range(height):
        for c in range(width):
            d, e = r - np.arange(height)[:, None], np.arange(width) - c
            triangle = (d >= 0) & (e >= -(d + n_layers + 3)) & (e <= np.where(d > 0, d + 2, -1))
            assert np.array_equal(context[r, c], triangle), (r, c)


@pytest.mark.parametrize(("channels", "n_groups"), [(1, 1), (3, 3), (3, 1)])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_diagonal_bilstm_sees_everything_but_one_pixel(channels, n_groups, n_layers):
    """The last pixel of the row above is seen from the last four columns only. Elsewhere it could come in but through
    the right-to-left state of its own place, whose input is under mask A. With colours, the features of that place have
    seen its first two."""
    height, width = 6, 9
    context = network_context("diagonal_bilstm", Grid(height, width, channels, n_groups), n_layers)
    expected = order_of(channels, height, width, n_groups)
    unseen = [channels - 1] if n_groups > 1 else list(range(channels))
    for r in range(1, height):
        for channel in unseen:
            expected[:, r, : width - 4, channel, r - 1, width - 1] = False
    assert np.array_equal(context, expected)
