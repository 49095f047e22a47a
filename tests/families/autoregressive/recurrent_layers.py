"""What the tests of the two recurrent layers share: random layers and inputs, and the checks that both must pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

SIZES = [(5, 7), (9, 4), (1, 6), (6, 1)]
N = 3
TOLERANCE = {"rtol": 0, "atol": 1e-12}

Context = Callable[[int, int, int], set[tuple[int, int, int]]]
"""From (group, row, column) to all (group, row, column) of the layer's input that are seen from there."""


def randomised(layer: nn.Module, seed: int = 0) -> nn.Module:
    """In float64, all parameters normal: what starts at zero would hide what lies behind it."""
    generator = torch.Generator().manual_seed(seed)
    layer.double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return layer


def random_input(n: int, n_features: int, height: int, width: int, seed: int = 1) -> Tensor:
    return torch.randn(n, n_features, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_labels(n: int, n_classes: int, seed: int = 2) -> Tensor:
    """One-hot; no columns without classes."""
    if not n_classes:
        return torch.empty(n, 0, dtype=torch.float64)
    codes = torch.randint(0, n_classes, (n,), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, n_classes).double()


def check_reference(
    layer: nn.Module, reference: Callable, n_features: int, n_groups: int, n_classes: int, size
) -> None:
    """The layer equals a slow one."""
    x, y = random_input(N, n_features, *size), random_labels(N, n_classes)
    with torch.no_grad():
        out, above = layer(x, None, y)
    assert above is None
    weights = {name: value.numpy() for name, value in layer.state_dict().items()}
    expected = np.stack([reference(weights, x[i].numpy(), y[i].numpy(), n_groups) for i in range(N)])
    np.testing.assert_allclose(out.numpy(), expected, rtol=0, atol=1e-12)


def check_context(make: Callable[[int], nn.Module], context: Context, n_features: int, n_groups: int, size) -> None:
    """The whole Jacobian, by groups: exactly zero where nothing may be seen, and not zero where something must."""
    height, width = size
    places = [(g, r, c) for g in range(n_groups) for r in range(height) for c in range(width)]
    claimed = np.zeros((len(places), n_groups, height, width), dtype=bool)
    for index, place in enumerate(places):
        for seen in context(*place):
            claimed[(index, *seen)] = True
    assert not claimed.all()
    sizes = jacobian_sizes(make(0), places, n_features, n_groups, size)
    assert np.isfinite(sizes).all()
    assert not (sizes[~claimed] != 0).any(), "depends on what it must not see"
    assert (sizes[claimed] != 0).all(), "blind to what it is said to see"


def jacobian_sizes(layer: nn.Module, places, n_features: int, n_groups: int, size) -> NDArray[np.float64]:
    """|d out / d in|, summed within groups: place out by (group, row, column) in.

    All at once: a batch of copies of one image, each of which is asked about one place. So a layer that mixed the
    images of a batch would be seen, too.
    """
    x = random_input(1, n_features, *size).repeat(len(places), 1, 1, 1).requires_grad_()
    out, _ = layer(x, None, torch.empty(len(places), 0, dtype=torch.float64))
    direction = torch.randn(n_features // n_groups, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    answers = [out.unflatten(1, (n_groups, -1))[i, g, :, r, c] @ direction for i, (g, r, c) in enumerate(places)]
    torch.stack(answers).sum().backward()
    assert x.grad is not None
    return x.grad.abs().unflatten(1, (n_groups, -1)).sum(2).numpy()


def check_derivative(layer: nn.Module, n_features: int, n_classes: int, size) -> None:
    """By the input and by every parameter, against finite differences in random directions; no second derivative."""
    x, y = random_input(2, n_features, *size).requires_grad_(), random_labels(2, n_classes)
    names, values = zip(*layer.named_parameters(), strict=True)

    def function(x: Tensor, *values: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, values, strict=True)), (x, None, y))[0]

    assert torch.autograd.gradcheck(function, (x, *values), fast_mode=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(function(x, *values).sum(), x, create_graph=True)


def check_every_parameter_learns(layer: nn.Module, n_features: int, n_classes: int, size) -> None:
    """All entries get a gradient but those behind a mask, and those of a label that no image has."""
    y = random_labels(2, n_classes)
    layer(random_input(2, n_features, *size), None, y)[0].square().sum().backward()
    masks = {f"{name}.weight": part.allowed for name, part in layer.named_modules() if hasattr(part, "allowed")}
    assert len(masks) == 2
    for name, value in layer.named_parameters():
        assert value.grad is not None, name
        allowed = masks.get(name, torch.ones_like(value, dtype=torch.bool))
        if name == "label.weight":
            allowed = (y.sum(0) > 0).expand_as(value)
        assert torch.equal(value.grad != 0, allowed), name


def check_dtypes(layer: nn.Module, n_features: int) -> None:
    """The three precisions, close to one another, and training in each; autocast changes nothing."""
    x, y = random_input(2, n_features, 5, 4), random_labels(2, 0)
    expected, _ = layer(x, None, y)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.2)):
        layer.to(dtype)
        out, _ = layer(x.to(dtype), None, y.to(dtype))
        assert out.dtype == dtype
        torch.testing.assert_close(out.double(), expected, rtol=0, atol=tolerance)
        out.float().sum().backward()
        for parameter in layer.parameters():
            assert parameter.grad is not None and parameter.grad.dtype == dtype
            assert torch.isfinite(parameter.grad).all()
            parameter.grad = None
    layer.float()
    plain, _ = layer(x.float(), None, y.float())
    plain.sum().backward()
    gradients = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast, _ = layer(x.float(), None, y.float())
        low, _ = layer(x.bfloat16(), None, y.float())  # as a convolution under autocast leaves it
    under_autocast.sum().backward()
    assert torch.equal(under_autocast, plain)
    assert torch.equal(low, layer(x.bfloat16().float(), None, y.float())[0])
    assert all(torch.equal(p.grad, g) for p, g in zip(layer.parameters(), gradients, strict=True))


def check_pixels(layer: nn.Module, n_features: int, n_groups: int, n_classes: int, size) -> None:
    """Pixel after pixel, each of them once for every colour group: the later groups of its input are not known then."""
    x, y = random_input(N, n_features, *size), random_labels(N, n_classes)
    expected = layer(x, None, y)[0].permute(0, 2, 3, 1)
    x_NHWF = x.permute(0, 2, 3, 1)
    rows = layer.rows(N, size[1], y)
    part = n_features // n_groups
    for r in range(size[0]):
        assert rows.start(None) is None
        for c in range(size[1]):
            for group in range(n_groups):
                known = (group + 1) * part
                guess = torch.full_like(x_NHWF[:, r, c], 7.0)
                guess[:, :known] = x_NHWF[:, r, c, :known]
                told = rows.pixel(guess.clone(), c)
                assert told.shape == guess.shape
                torch.testing.assert_close(told[:, :known], expected[:, r, c, :known], **TOLERANCE)
        rows.finish()


def check_columns(layer: nn.Module, n_features: int, n_classes: int, size) -> None:
    """A fixed point is approached: an image's input is right up to some column, each time to a later one; the columns
    that are right in all images are left out, and so are, the next time, the images that are right."""
    n, (height, width) = 4, size
    x, y = random_input(n, n_features, *size), random_labels(n, n_classes)
    expected = layer(x, None, y)[0].permute(0, 2, 3, 1)
    rows = layer.rows(n, width, y)
    for r in range(height):
        true = x.permute(0, 2, 3, 1)[:, r]
        told = torch.full_like(true, torch.nan)
        rows.start(None)
        right_up_to = [0, 1, width // 2, width]
        first, active, wrong = 0, [0, 1, 2, 3], 3.0
        while True:
            guess = true.clone()
            for image in active:
                guess[image, right_up_to[image] :] += wrong
            images = torch.tensor(active)
            subset = None if len(active) == n else images
            told[images, first:] = rows.columns(guess[images, first:], first, subset)
            active = [image for image in active if right_up_to[image] < width][::-1]
            if not active:
                break
            first, wrong = min(right_up_to[image] for image in active), -wrong
            for image in active:
                right_up_to[image] += 1 + image % 2
        torch.testing.assert_close(told, expected[:, r], **TOLERANCE)
        rows.finish()


def check_one_row_after_another(layer: nn.Module, n_features: int, n_classes: int) -> None:
    """Rows by pixels and rows by columns in turn, and between them `select` with repeats and in another order."""
    height, width = 6, 4
    x, y = random_input(N, n_features, height, width), random_labels(N, n_classes)
    expected = layer(x, None, y)[0].permute(0, 2, 3, 1)
    rows = layer.rows(N, width, y)
    place = torch.arange(N)  # which image stands where
    for r in range(height):
        row = x.permute(0, 2, 3, 1)[place, r]
        rows.start(None)
        if r % 2:
            told = rows.columns(row, 0, None)
        else:
            told = torch.stack([rows.pixel(row[:, c], c) for c in range(width)], 1)
        torch.testing.assert_close(told, expected[place, r], **TOLERANCE)
        rows.finish()
        index = torch.tensor([[2, 0, 0], [1, 1, 2, 0], [3, 2, 1]][r % 3])
        rows.select(index)
        place = place[index]


def check_memory_layouts(layer: nn.Module, n_features: int) -> None:
    """The same numbers and gradients however the input and the gradient lie in memory, and from a graph used twice."""
    x, y = random_input(2, n_features, 5, 4), random_labels(2, 0)
    weight = random_input(2, n_features, 5, 4, seed=9)
    layouts: list[Callable[[Tensor], Tensor]] = [
        lambda t: t.contiguous(),
        lambda t: t.contiguous(memory_format=torch.channels_last),
        lambda t: t.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
        lambda t: torch.stack([t, t], -1)[..., 0],
    ]
    results = []
    for of_input in layouts:
        for of_gradient in layouts:
            leaf = of_input(x).detach().requires_grad_()
            out, _ = layer(leaf, None, y)
            for _ in range(2):
                inputs = [leaf, *layer.parameters()]
                gradients = torch.autograd.grad(out, inputs, of_gradient(weight), retain_graph=True)
                results.append([out.detach(), *gradients])
    for result in results[1:]:
        for value, first in zip(result, results[0], strict=True):
            torch.testing.assert_close(value, first, rtol=0, atol=1e-10)


def check_inference_first(layer: nn.Module, n_features: int) -> None:
    """What a first call under inference_mode leaves behind can be trained with. The caches must have been cleared."""
    x, y = random_input(2, n_features, 5, 3), random_labels(2, 0)
    with torch.inference_mode():
        expected, _ = layer(x, None, y)
    out, _ = layer(x, None, y)
    out.sum().backward()
    torch.testing.assert_close(out.detach(), expected.clone(), rtol=0, atol=0)
    assert layer.h0.grad.abs().sum() > 0
