"""The loss, the held-out score, and that every parameter learns from them."""

import numpy as np
import pytest
import torch
from networks_under_test import CHANNELS, LAWS, NETWORKS, make_network, random_codes

from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.levels import IntegerLevels
from pofx.data.reader import ImageReader
from pofx.engine.phase import Batch
from pofx.families.autoregressive.chain_rule import log_p_x
from pofx.families.autoregressive.training import (
    CLIP_NORM,
    feature_fields,
    features,
    image_terms,
    likelihood_phase,
    middle_layer,
    validation_log_p,
)


def images(module, n=8, height=4, width=5):
    shape = (n, module.law.channels, height, width)
    return torch.randint(0, module.levels, shape, generator=torch.Generator().manual_seed(0))


def batch(x, codes):
    return Batch(x, codes, 0, 0.0, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n_classes", [0, 2], ids=["", "conditional"])
@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_parameter_gets_a_gradient(network, law, channels, n_classes):
    module = make_network(network, LAWS[law](channels), n_classes=n_classes, width=12)
    x = images(module)
    phase = likelihood_phase(module, x[0].numel())
    assert {id(p) for p in phase.parameters} == {id(p) for p in module.parameters()}
    phase.loss(batch(x, random_codes(len(x), n_classes))).total.backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_loss_is_minus_log_p_a_sub_pixel():
    module = make_network("gated", LAWS["softmax_of_3"](3), n_classes=2)
    x, codes = images(module), random_codes(8, 2)
    phase = likelihood_phase(module, 60)
    assert phase.name == "likelihood" and phase.clip_norm == CLIP_NORM
    with torch.no_grad():
        terms = phase.loss(batch(x, codes))
        log_p = log_p_x(image_terms(module, x, codes))
    assert float(terms.total) == pytest.approx(-float(log_p.mean()) / 60)
    assert float(terms.terms["log_p"]) == pytest.approx(float(log_p.mean()))


@pytest.mark.parametrize("n_classes", [0, 2])
def test_the_held_out_score_is_the_mean_log_p(n_classes):
    """Also where the images come in several batches, the last of which is smaller."""
    module = make_network("gated", LAWS["softmax_of_3"](1), n_classes=n_classes)
    image_format = ImageFormat(ImageSpec(4, 5, 1, 3), 3, "|u1", IntegerLevels(3))
    x, labels = images(module, 600), np.arange(600) % max(n_classes, 1)
    reader = ImageReader(x[:, 0].numpy().astype(np.uint8).reshape(600, -1), image_format, labels=labels)
    codes = torch.from_numpy(labels) if n_classes else None
    if not n_classes:
        reader.labels = None
    with torch.no_grad():
        expected = float(log_p_x(image_terms(module, x, codes)).mean())
        assert validation_log_p(module, reader) == pytest.approx(expected, rel=1e-12)


def test_terms_are_in_the_precision_of_the_weights():
    """A network that runs in bfloat16 still has its probabilities computed in full."""
    module = make_network("plain", LAWS["softmax_of_3"](1), std=0.2).float()
    x = images(module)
    with torch.autocast("cpu", torch.bfloat16):
        terms = image_terms(module, x, None)
    assert terms.dtype == torch.float32
    of_levels = torch.stack([module.law.log_prob(module(x), torch.full_like(x, k)) for k in range(3)])
    assert torch.allclose(of_levels.exp().sum(0), torch.ones(1), atol=1e-5)
    assert torch.allclose(terms, image_terms(module, x, None), atol=0.1)


def test_features_come_from_the_middle():
    assert [middle_layer(make_network("plain", LAWS["sigmoid"](1), n_layers=n)) for n in (1, 2, 3, 4, 5)] == [
        1,
        1,
        2,
        2,
        3,
    ]
    module = make_network("gated", LAWS["sigmoid"](1), n_layers=3)
    x = images(module)
    with torch.no_grad():
        h_NFHW, above = module.hidden(x, None, 2)
        assert above.shape == h_NFHW.shape
        pooled = features(module, x, None)
        assert pooled.shape == (8, 4 * 4 * 6)
        assert pooled.reshape(8, 6, -1).mean(2) == pytest.approx(
            torch.nn.functional.adaptive_avg_pool2d(h_NFHW, (4, 4)).mean((2, 3)), abs=1e-12
        )


@pytest.mark.parametrize(("size", "fields"), [((28, 28), (4, 4)), ((3, 9), (3, 4)), ((1, 1), (1, 1)), ((5, 2), (4, 2))])
def test_fields_are_no_more_than_pixels(size, fields):
    assert feature_fields(*size) == fields


def test_a_conditional_network_needs_labels():
    module = make_network("plain", LAWS["sigmoid"](1), n_classes=2)
    with pytest.raises(AssertionError, match="needs labels"):
        module(images(module))
