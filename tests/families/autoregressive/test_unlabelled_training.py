"""Images without a label train through log sum_y p(y) p(x|y): the loss and its gradient against the sum itself."""

import numpy as np
import pytest
import torch
from networks_under_test import LAWS, make_network

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.data.reader import ImageReader
from pofx.engine.phase import Batch
from pofx.families.autoregressive.chain_rule import log_p_x
from pofx.families.autoregressive.training import image_terms, likelihood_phase, validation_log_p

LOG_PRIOR = torch.log(torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64))
D = 6


def network():
    return make_network("gated", LAWS["softmax_of_3"](1), n_classes=3, std=1.0)


def images(n):
    return torch.randint(0, 3, (n, 1, 2, 3), generator=torch.Generator().manual_seed(0))


def joint(module, x):
    """log p(y) + log p(x|y), (n, 3), with gradients."""
    columns = [log_p_x(image_terms(module, x, torch.full((len(x),), code))) for code in range(3)]
    return torch.stack(columns, dim=1) + LOG_PRIOR


def batch(x, codes, progress=0.5, seed=0):
    return Batch(x, codes, 0, progress, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_loss_is_the_marginal_whichever_classes_are_drawn(seed):
    module, x = network(), images(8)
    codes = torch.tensor([-1, 0, -1, -1, 2, -1, 1, -1])
    with torch.no_grad():
        terms = likelihood_phase(module, D, LOG_PRIOR).loss(batch(x, codes, seed=seed))
        of_each = joint(module, x)
    known = (of_each - LOG_PRIOR).gather(1, codes.clamp(min=0)[:, None])[:, 0]
    expected = torch.where(codes < 0, torch.logsumexp(of_each, dim=1), known).mean()
    assert float(terms.terms["log_p"]) == pytest.approx(float(expected), rel=1e-12)
    assert float(terms.total) == pytest.approx(-float(expected) / D, rel=1e-12)


def test_the_gradient_is_on_average_that_of_the_marginal():
    module = network()
    one = images(1)
    posterior = torch.softmax(joint(module, one), dim=1)[0]
    assert posterior.max() < 0.9  # or there were nothing to average over
    gradient = lambda value: torch.cat([g.flatten() for g in torch.autograd.grad(value, list(module.parameters()))])  # noqa: E731
    expected = gradient(-torch.logsumexp(joint(module, one), dim=1).mean() / D)
    many = one.expand(6000, 1, 2, 3)
    found = gradient(likelihood_phase(module, D, LOG_PRIOR).loss(batch(many, torch.full((6000,), -1))).total)
    of_the_prior = gradient(-(joint(module, one)[0] @ LOG_PRIOR.exp()) / D)
    assert torch.linalg.norm(found - expected) < 0.05 * torch.linalg.norm(expected)
    assert torch.linalg.norm(of_the_prior - expected) > 0.2 * torch.linalg.norm(expected)


def test_at_first_only_images_with_a_label_are_learned_from():
    module, x = network(), images(6)
    codes = torch.tensor([-1, 2, -1, 0, -1, -1])
    with torch.no_grad():
        early = likelihood_phase(module, D, LOG_PRIOR).loss(batch(x, codes, progress=0.0)).terms["log_p"]
        log_p = log_p_x(image_terms(module, x[[1, 3]], codes[[1, 3]]))
    assert float(early) == pytest.approx(float(log_p.mean()), rel=1e-12)


def test_where_all_have_a_label_nothing_changes():
    module, x, codes = network(), images(6), torch.arange(6) % 3
    with torch.no_grad():
        with_prior, without = (likelihood_phase(module, D, p).loss(batch(x, codes)).total for p in (LOG_PRIOR, None))
    assert with_prior == without


def test_the_held_out_score_is_of_the_marginal_where_there_is_no_label():
    module, x = network(), images(500)
    labels = np.where(np.arange(500) % 3 == 0, np.arange(500) % 2, -1)
    image_format = ImageFormat(ImageSpec(2, 3, 1, 3), 3, "|u1", IntegerLevels(3))
    reader = ImageReader(x[:, 0].numpy().astype(np.uint8).reshape(500, -1), image_format, labels=labels)
    with torch.no_grad():
        of_each = joint(module, x)
        found = validation_log_p(module, reader, LOG_PRIOR)
    codes = torch.from_numpy(labels)
    known = (of_each - LOG_PRIOR).gather(1, codes.clamp(min=0)[:, None])[:, 0]
    assert found == pytest.approx(float(torch.where(codes < 0, torch.logsumexp(of_each, 1), known).mean()), rel=1e-12)
