"""Every network is a distribution: over all images of a small space p(x) sums to 1."""

import numpy as np
import pytest
import torch
from enumerated import all_images, probabilities
from networks_under_test import LAWS, NETWORKS, make_network

from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture
from pofx.families.autoregressive.chain_rule import log_p_terms

#: Law -> height and width of the images.
SPACES = {
    Bernoulli(1): (3, 3),
    Bernoulli(3): (2, 1),
    Categorical(1, 3): (2, 2),
    Categorical(1, 4): (1, 4),
    Categorical(3, 3): (2, 1),
    Categorical(3, 4): (1, 2),
    DiscretisedLogisticMixture(1, 4, 2): (2, 2),
    DiscretisedLogisticMixture(3, 2, 2): (1, 2),
    DiscretisedLogisticMixture(3, 3, 2): (1, 2),
    DiscretisedLogisticMixture(3, 2, 1): (3, 1),
}


@pytest.mark.parametrize(("law", "size"), SPACES.items(), ids=map(str, SPACES))
@pytest.mark.parametrize("network", NETWORKS)
def test_p_sums_to_one(network, law, size):
    images = all_images(law.levels, law.channels, *size)
    for seed in range(3):
        p = probabilities(make_network(network, law, seed=seed), images)
        assert p.sum() == pytest.approx(1, abs=1e-9)
        assert (p > 0).all()
        assert p.max() > 1.5 * p.min()  # no uniform law, which would sum to 1 whatever it depends on


@pytest.mark.parametrize(("law", "size"), SPACES.items(), ids=map(str, SPACES))
@pytest.mark.parametrize("network", NETWORKS)
def test_p_sums_to_one_for_every_class(network, law, size):
    images = all_images(law.levels, law.channels, *size)
    module = make_network(network, law, n_classes=3, seed=7, size=size)
    of_classes = np.array([probabilities(module, images, code) for code in range(3)])
    assert of_classes.sum(1) == pytest.approx(np.ones(3), abs=1e-9)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(of_classes[i] - of_classes[j]).sum() > 1e-3  # the label counts


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_each_conditional_sums_to_one(network, law, channels):
    """On images too large to count out: the levels of one sub-pixel, whatever stands before and after it."""
    pixel_law = LAWS[law](channels)
    module = make_network(network, pixel_law)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, pixel_law.levels, (1, channels, 4, 5), generator=generator)
    for channel, row, column in [(0, 0, 0), (channels - 1, 1, 2), (0, 3, 4), (channels - 1, 3, 4)]:
        images = x.repeat(pixel_law.levels, 1, 1, 1)
        images[:, channel, row, column] = torch.arange(pixel_law.levels)
        with torch.no_grad():
            terms = log_p_terms(pixel_law, module(images), images)
        assert float(terms[:, channel, row, column].exp().sum()) == pytest.approx(1, abs=1e-12)
