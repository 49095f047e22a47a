"""The convolutional networks against their equations in plain loops, and against values written down."""

import numpy as np
import pytest
import slow_networks
import torch
from networks_under_test import LAWS, WIDTHS, make_network

from pofx.distributions.pixels import DiscretisedLogisticMixture
from pofx.families.autoregressive.chain_rule import log_p_x
from pofx.families.autoregressive.training import image_terms

N_LAYERS = 2


def n_events(law):
    """Colours are events of their own but under a law of the whole pixel."""
    return 1 if isinstance(law, DiscretisedLogisticMixture) else law.channels


def by_loops(module, network, x_NCHW, codes):
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    return np.stack(
        [
            slow_networks.parameters(
                weights,
                x.numpy(),
                None if codes is None else int(codes[i]),
                levels=module.levels,
                n_features=module.n_features,
                n_layers=N_LAYERS,
                n_groups=n_events(module.law),
                gated_layers=network == "gated",
            )
            for i, x in enumerate(x_NCHW)
        ]
    )


@pytest.mark.parametrize(("height", "width"), [(5, 7), (9, 4), (1, 6), (6, 1)])
@pytest.mark.parametrize(("channels", "n_classes"), [(1, 0), (3, 2)])
@pytest.mark.parametrize("law", ["softmax_of_3", "mixture_of_4"])
@pytest.mark.parametrize("network", ["plain", "gated"])
def test_forward_is_the_equations(network, law, channels, n_classes, height, width):
    pixel_law = LAWS[law](channels)
    module = make_network(network, pixel_law, n_classes=n_classes, n_layers=N_LAYERS, size=(height, width))
    x = torch.randint(0, module.levels, (1, channels, height, width), generator=torch.Generator().manual_seed(0))
    codes = torch.tensor([1]) if n_classes else None
    with torch.no_grad():
        parameters = module(x, codes).numpy()
    assert parameters == pytest.approx(by_loops(module, network, x, codes), rel=0, abs=1e-12)


def set_by_rule(module):
    """Weights that need no generator: 0.4 sin(1), 0.4 sin(2), ... through all parameters in their order."""
    count = 0
    with torch.no_grad():
        for parameter in module.parameters():
            numbers = torch.arange(count + 1, count + 1 + parameter.numel(), dtype=torch.float64)
            parameter.copy_(0.4 * torch.sin(numbers).reshape(parameter.shape))
            count += parameter.numel()
    return module


def image_by_rule(levels, channels, height, width):
    place = torch.arange(channels * height * width)
    return (place * place // 3 % levels).reshape(1, channels, height, width)


GOLDEN = {
    ("plain", "softmax_of_3", 1): -42.77194112640552,
    ("plain", "softmax_of_3", 3): -116.22645401522789,
    ("plain", "mixture_of_4", 3): -150.70205639162873,
    ("gated", "softmax_of_3", 1): -35.98281645517902,
    ("gated", "softmax_of_3", 3): -121.14020754723742,
    ("gated", "mixture_of_4", 3): -149.08149271229064,
}


@pytest.mark.parametrize(("network", "law", "channels"), GOLDEN)
def test_log_p_written_down(network, law, channels):
    """log p of one image under weights given by a rule: no future version may read the same weights otherwise."""
    module = set_by_rule(make_network(network, LAWS[law](channels), n_layers=N_LAYERS))
    x = image_by_rule(module.levels, channels, 5, 7)
    with torch.no_grad():
        log_p = float(log_p_x(image_terms(module, x, None)))
        of_loops = torch.from_numpy(by_loops(module, network, x, None))
        assert float(module.law.log_prob(of_loops, x).sum()) == pytest.approx(log_p, abs=1e-10)
    assert log_p == pytest.approx(GOLDEN[network, law, channels], abs=1e-9)


@pytest.mark.parametrize("n_classes", [0, 3])
@pytest.mark.parametrize(("law", "channels"), [("sigmoid", 1), ("softmax_of_3", 3), ("mixture_of_4", 3)])
def test_the_number_of_parameters(law, channels, n_classes):
    """Masked weights of the rows below the centre are not there at all; those of the centre row are, unless the
    convolution sees no other row."""
    pixel_law = LAWS[law](channels)
    n_groups = n_events(pixel_law)
    f, c, p, n = WIDTHS[n_groups], channels, pixel_law.n_parameters, N_LAYERS
    h = f // 2
    head = (f * f + f) + (f * p + p)
    plain = (c * f * 4 * 7 + f) + n * ((f * h + h) + (h * h * 2 * 3 + h) + (h * f + f) + n_classes * h) + head
    gated_input = (c * f * 1 * 4 + f) + (c * f * 3 * 7 + f)
    stacks = (2 * f * f * 2 * 3 + 2 * f) + 2 * f * f * 2
    one_by_one = (2 * f * f + 2 * f) + 2 * (f * f + f)
    gated_layer = stacks + one_by_one + n_classes * 2 * f
    gated = (
        gated_input + n * gated_layer - (f * f + f) + head
    )  # nobody looks at what the last layer's vertical stack says
    for network, expected in (("plain", plain), ("gated", gated)):
        module = make_network(network, pixel_law, n_classes=n_classes, n_layers=n)
        assert sum(parameter.numel() for parameter in module.parameters()) == expected


@pytest.mark.parametrize("network", ["plain", "gated"])
def test_a_network_that_knows_the_size_of_images_knows_where_a_pixel_is(network):
    """A blank image, and pixels that see nothing but blanks: all of one law, or each of its own."""
    blank = torch.zeros(1, 1, 24, 23, dtype=torch.int64)
    pixels = [(14, 10), (14, 12), (16, 10)]
    for size, n_laws in ((None, 1), ((24, 23), 3)):
        module = make_network(network, LAWS["sigmoid"](1), n_layers=1, size=size)
        with torch.no_grad():
            parameters = module(blank)[0, 0].numpy()
        found = {round(float(parameters[pixel]), 9) for pixel in pixels}
        assert len(found) == n_laws
