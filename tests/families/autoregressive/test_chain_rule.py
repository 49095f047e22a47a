"""The sum of the terms, and the terms of the marginal over classes: against enumerated marginals."""

import numpy as np
import pytest
import torch
from enumerated import all_images, probabilities
from networks_under_test import NETWORKS, make_network

from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture
from pofx.families.autoregressive.chain_rule import log_p_terms, log_p_x, marginal_terms
from pofx.families.autoregressive.training import image_terms

PRIOR = np.array([0.2, 0.5, 0.3])


def test_log_p_is_the_sum_of_the_terms():
    terms = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert log_p_x(terms).tolist() == [sum(range(12)), sum(range(12, 24))]


def test_the_terms_are_those_of_the_law():
    law = Categorical(2, 3)
    parameters = torch.randn(4, 6, 2, 2, generator=torch.Generator().manual_seed(0))
    x = torch.zeros(4, 2, 2, 2, dtype=torch.int64)
    assert torch.equal(log_p_terms(law, parameters, x), law.log_prob(parameters, x))


def in_order(values_NCHW):
    """The sub-pixels as the chain rule has them: row, column, channel."""
    return values_NCHW.transpose(0, 2, 3, 1).reshape(len(values_NCHW), -1)


LAWS_AND_SIZES = [
    (Bernoulli(1), (2, 3)),
    (Bernoulli(3), (1, 2)),
    (Categorical(3, 3), (2, 1)),
    (DiscretisedLogisticMixture(3, 3, 2), (1, 2)),
]


@pytest.mark.parametrize(("law", "size"), LAWS_AND_SIZES, ids=str)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_terms_of_the_marginal(network, law, size):
    """exp(term i) = p(x_<=i) / p(x_<i), both counted out from sum_y p(y) p(x|y); the terms sum to log p(x)."""
    images = all_images(law.levels, law.channels, *size)
    module = make_network(network, law, n_classes=3, seed=1)
    of_classes = np.array([probabilities(module, images, code) for code in range(3)])
    p = PRIOR @ of_classes
    with torch.no_grad():
        terms_K = torch.stack([image_terms(module, images, torch.full((len(images),), code)) for code in range(3)])
    terms = marginal_terms(terms_K, torch.from_numpy(np.log(PRIOR)))
    assert terms.shape == images.shape
    assert terms.flatten(1).sum(1).numpy() == pytest.approx(np.log(p), abs=1e-12)
    of_joint = terms_K.flatten(2).sum(2) + torch.from_numpy(np.log(PRIOR))[:, None]
    assert torch.allclose(terms.flatten(1).sum(1), torch.logsumexp(of_joint, 0), rtol=0, atol=1e-12)

    digits = in_order(images.numpy())
    before = np.ones(len(images))
    for i in range(digits.shape[1]):
        # The total over all images that begin with the same sub-pixels.
        beginning = digits[:, : i + 1] @ law.levels ** np.arange(i + 1)
        upto = np.bincount(beginning, weights=p)[beginning]
        assert np.exp(in_order(terms.numpy())[:, i]) == pytest.approx(upto / before, rel=1e-9)
        before = upto


def test_a_marginal_of_one_class_is_that_class():
    terms = torch.randn(1, 4, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(marginal_terms(terms, torch.zeros(1, dtype=torch.float64)), terms[0], rtol=0, atol=1e-13)
