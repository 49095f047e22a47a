"""Tails, tiny and huge scales, gradients: against references computed in another way."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import quad

from pofx.distributions.logistic_mass import logistic_log_mass
from pofx.distributions.numerics import (
    log1mexp,
    log_ndtr,
    log_ndtr_difference,
)
from pofx.distributions.pixels import (
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    DiscretisedLogisticMixture,
    DiscretisedNormal,
    Normal,
)

F64 = torch.float64


def f64(value):
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize("d", [1e-300, 1e-20, 1e-5, 9.99e-3, 1.001e-2, 0.5, math.log(2), 0.7, 3.0, 40.0, 700.0])
def test_log1mexp(d):
    with localcontext() as context:
        context.prec = 400
        expected = float((1 - (-Decimal(d)).exp()).ln())
    assert log1mexp(f64(d)).item() == pytest.approx(expected, rel=1e-13, abs=1e-320)


def test_logistic_mass_of_a_step_too_small_for_its_dtype():
    """Scale e^5000: the density at the middle is e^-5000 / 4, and each e-fold of the scale costs one nat."""
    log_scale = torch.tensor([5000.0], requires_grad=True)
    value = logistic_log_mass(torch.ones(1), torch.zeros(1), log_scale, 3)
    assert value.item() == pytest.approx(-5000 - math.log(4))
    value.sum().backward()
    assert log_scale.grad.tolist() == [-1.0]


@given(middle=st.floats(-400, 400), log_width=st.floats(-20, 5))
@settings(max_examples=100, deadline=None)
def test_logistic_mass_against_decimal(middle, log_width):
    width = math.exp(log_width)
    lower = middle - width / 2
    with localcontext() as context:
        context.prec = 450
        low, high = Decimal(lower), Decimal(lower) + Decimal(width)
        expected = float((1 / (1 + (-high).exp()) - 1 / (1 + (-low).exp())).ln())
    # The middle of three levels has a step of width 1 around 0: mean and scale put its edges where they are wanted.
    scale = 1 / width
    value = logistic_log_mass(f64([1.0]), f64([-middle * scale]), f64([-log_width]), 3).item()
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-9)


def reference_normal_log_mass(lower, width):
    """log of int phi over [lower, lower + width], the integrand scaled by its value at the point nearest to zero."""
    if lower + width / 2 > 0:  # reflect to the left
        lower = -(lower + width)
    upper = lower + width
    peak = min(upper, 0.0)

    def scaled(s):  # phi(peak - s) / phi(peak), s measured to the left of the peak
        return math.exp(peak * s - s * s / 2)

    reach = min(peak - lower, 45.0 / max(1.0, -peak / 2))
    left = quad(scaled, 0, reach, epsabs=0, epsrel=1e-13)[0]
    right = quad(scaled, min(peak, 0) - min(upper, 12.0), 0, epsabs=0, epsrel=1e-13)[0] if upper > 0 else 0.0
    return -(peak**2) / 2 - 0.5 * math.log(2 * math.pi) + math.log(left + right)


@given(middle=st.floats(-300, 300), log_width=st.floats(-14, 5))
@settings(max_examples=300, deadline=None)
def test_normal_mass_against_quadrature(middle, log_width):
    width = math.exp(log_width)
    lower = middle - width / 2
    value = log_ndtr_difference(f64(lower), f64(lower + width), f64(log_width)).item()
    # half a unit in the last place of the point `lower` moves the log mass by this much
    conditioning = 4e-16 * max(1.0, abs(lower)) * (1 + abs(lower)) + 3e-16 * abs(middle) / width * (width < 1e-2)
    expected = reference_normal_log_mass(lower, width)
    assert value == pytest.approx(expected, rel=1e-13, abs=1e-10 + 10 * conditioning)


@pytest.mark.parametrize("d", [4.9e-3, 5.1e-3])
@pytest.mark.parametrize("middle", [0.0, 1e-3, 0.5, 3.0, 37.0, 200.0, 5000.0])
def test_normal_mass_is_one_function_across_its_branches(middle, d):
    value = log_ndtr_difference(f64(middle - d / 2), f64(middle + d / 2), f64(math.log(d))).item()
    assert value == pytest.approx(reference_normal_log_mass(middle - d / 2, d), rel=1e-13, abs=3e-11)


def test_normal_mass_in_the_far_tail():
    """log Phi(b) - log Phi(a) would round to nothing here."""
    value = log_ndtr_difference(f64([-1e9, 1e9 - 0.1]), f64([-1e9 + 0.1, 1e9]), f64([math.log(0.1)] * 2))
    assert value.tolist() == pytest.approx([-0.5e18 + 1e8] * 2, rel=1e-9)
    # Both ends are one float32 number; the width still tells them apart
    end = torch.tensor(-1e9, requires_grad=True)
    value = log_ndtr_difference(end, end, torch.tensor(math.log(0.5)))
    value.backward()
    assert value.item() == pytest.approx(-0.5e18, rel=1e-6)
    assert end.grad.item() == pytest.approx(1e9, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_log_ndtr_and_its_gradient(dtype):
    """The gradient phi(x) / Phi(x) = sqrt(2 / pi) / erfcx(-x / sqrt 2), from scipy, from the far tail to the right."""
    x = torch.tensor([-1e9, -1e5, -3e3, -71.0, -70.5, -11.4, -11.2, -3.0, -1.01, -1, -0.99, 0, 2, 5], dtype=dtype)
    x.requires_grad_()
    value = log_ndtr(x)
    value.sum().backward()
    exact = x.detach().double().numpy()
    rel = 1e-11 if dtype == F64 else 3e-5
    assert value.detach().numpy() == pytest.approx(special.log_ndtr(exact), rel=rel, abs=1e-7 if rel > 1e-6 else 1e-15)
    expected = math.sqrt(2 / math.pi) / special.erfcx(-exact / math.sqrt(2))
    assert x.grad.numpy() == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("width", [1e-4, 3e-3, 0.07, 0.3, 1.0, 8.0])
def test_gradient_of_the_normal_mass(dtype, width):
    """Moving both ends by h changes the log mass by -h E[t], E over the normal law truncated to the interval."""
    for middle in (-1e6, -1e4, -300.0, -40.0, -5.0, -0.3, 0.2, 6.0, 55.0, 1e5):
        shift = torch.zeros((), dtype=dtype, requires_grad=True)
        lower, upper = middle - width / 2, middle + width / 2
        log_width = torch.tensor(math.log(width), dtype=dtype)
        log_ndtr_difference(lower + shift, upper + shift, log_width).backward()
        near = min(abs(lower), abs(upper)) if lower * upper > 0 else 0.0

        def weight(t, near=near, lower=lower):  # t beyond the end next to zero, or from the lower end if zero is inside
            return math.exp(-near * t - t * t / 2) if near else math.exp(-((lower + t) ** 2) / 2)

        reach = min(width, 45 / near) if near else width
        total = quad(weight, 0, reach, epsabs=0, epsrel=1e-12)[0]
        first = quad(lambda t: t * weight(t), 0, reach, epsabs=0, epsrel=1e-12)[0]
        truncated_mean = math.copysign(near + first / total, middle) if near else lower + first / total
        tolerance = 1e-7 if dtype == F64 else 2e-3
        assert shift.grad.item() == pytest.approx(-truncated_mean, rel=tolerance, abs=tolerance), middle


SUB_PIXEL_CASES = [
    (mean, raw, level)
    for mean in (-1e3, -5.0, -1.0, 0.0, 0.3, 1.0, 7.0, 1e3)
    for raw in (-1e3, -20.0, -7.0, -3.0, 0.0, 7.0, 60.0, 1e3)
    for level in (0, 1, 100, 254, 255)
]


@pytest.mark.parametrize("law_class", [DiscretisedLogistic, DiscretisedNormal])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_extremes_have_finite_values_and_gradients(law_class, dtype):
    law = law_class(1, 256)
    mean, raw, level = (torch.tensor(column) for column in zip(*SUB_PIXEL_CASES, strict=True))
    parameters = torch.stack([mean, raw], 1).to(dtype)[:, :, None, None].requires_grad_()
    log_prob = law.log_prob(parameters, level.reshape(-1, 1, 1, 1))
    assert torch.isfinite(log_prob).all() and (log_prob <= 0).all()
    assert log_prob.min() < -1000
    log_prob.sum().backward()
    assert torch.isfinite(parameters.grad).all()
    # A level that is far too unlikely must pull the mean towards it, however unlikely it is
    unlikely = (log_prob.flatten() < -20) & (raw < 50)
    target = 2 * level / 255 - 1
    pull = parameters.grad[:, 0, 0, 0] * torch.sign(target - mean)
    assert unlikely.sum() > 50
    assert (pull[unlikely] > 0).all()
    if dtype == torch.float32:
        in_double = parameters.detach().double().requires_grad_()
        law.log_prob(in_double, level.reshape(-1, 1, 1, 1)).sum().backward()
        gradient, exact_gradient = parameters.grad.double(), in_double.grad
        assert torch.allclose(gradient[:, 0], exact_gradient[:, 0], rtol=1e-2, atol=0.1)
        assert torch.allclose(gradient[:, 1], exact_gradient[:, 1], rtol=1e-2, atol=0.1)
        exact = law.log_prob(parameters.detach().double(), level.reshape(-1, 1, 1, 1))
        # level / (K - 1) and the mean are known to 2^-24 each, and 1/s is at most e^7
        assert torch.allclose(log_prob.detach().double(), exact, rtol=3e-4, atol=2e-3)


@pytest.mark.parametrize("law", [Bernoulli(1), Categorical(1, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_extreme_logits(law, dtype):
    parameters = torch.zeros(2, law.n_parameters, 1, 1, dtype=dtype)
    parameters[0, -1], parameters[1, -1] = 5000.0, -5000.0
    parameters.requires_grad_()
    log_prob = law.log_prob(parameters, torch.tensor([0, 1]).reshape(2, 1, 1, 1))
    assert log_prob.flatten().tolist() == [-5000.0, -5000.0]
    entropy = law.entropy(parameters, torch.zeros(2, 1, 1, 1))
    assert entropy.flatten().tolist() == [0.0, 0.0]
    (log_prob.sum() + entropy.sum()).backward()
    assert parameters.grad[:, -1].flatten().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("scale", [10.0, 100.0, 1000.0])
def test_extreme_mixtures(dtype, scale):
    law = DiscretisedLogisticMixture(3, 256, 5)
    generator = torch.Generator().manual_seed(0)
    parameters = (scale * torch.randn(50, law.n_parameters, 2, 2, generator=generator)).to(dtype).requires_grad_()
    x = torch.randint(256, (50, 3, 2, 2), generator=generator)
    log_prob = law.log_prob(parameters, x)
    assert torch.isfinite(log_prob).all() and log_prob.max() <= 1e-4
    # The entropy is evaluated at levels that the mixture all but excludes
    (log_prob.sum() + law.entropy(parameters[:2], x[:2]).sum()).backward()
    assert torch.isfinite(parameters.grad).all()
    assert (parameters.grad.flatten(1) != 0).any(1).all()


@pytest.mark.parametrize(
    "law",
    [
        Bernoulli(2),
        Categorical(2, 4),
        DiscretisedLogistic(2, 5),
        DiscretisedLogisticMixture(3, 5, 2),
        DiscretisedNormal(2, 5),
        DiscretisedNormal(2, 65536),
        DiscretisedLogistic(2, 65536),
        Normal(2),
    ],
    ids=str,
)
def test_gradients(law):
    generator = torch.Generator().manual_seed(0)
    n, levels = 6, law.levels or 3
    parameters = torch.randn(n, law.n_parameters, 1, 1, dtype=F64, generator=generator).requires_grad_()
    x = torch.randint(levels, (n, law.channels, 1, 1), generator=generator)
    x[0], x[1] = 0, levels - 1
    assert torch.autograd.gradcheck(lambda p: law.log_prob(p, x), parameters)
    if levels < 100:
        assert torch.autograd.gradcheck(law.mean, parameters)
        assert torch.autograd.gradcheck(lambda p: law.entropy(p, x), parameters)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_extremes_of_the_density(dtype):
    parameters = torch.tensor([[1e3, -1e3], [0.0, -1e3], [-1e3, 1e3], [0.0, 60.0]], dtype=dtype)[:, :, None, None]
    parameters.requires_grad_()
    log_prob = Normal(1).log_prob(parameters, torch.zeros(4, 1, 1, 1))
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all() and torch.isfinite(parameters.grad).all()
    assert log_prob[1].item() == pytest.approx(20 - 0.5 * math.log(2 * math.pi), rel=1e-6)


def test_scales_below_the_bound_share_it():
    law = DiscretisedLogistic(1, 256)
    x = torch.arange(256).reshape(1, 1, 16, 16)
    parameters = torch.tensor([0.1, -60.0], dtype=F64).reshape(1, 2, 1, 1).expand(1, 2, 16, 16)
    at_bound = law.log_prob(parameters, x).exp().flatten().numpy()
    edges = np.concatenate([[-np.inf], (2 * np.arange(255) + 1) / 255 - 1, [np.inf]])
    with np.errstate(over="ignore"):
        expected = np.diff(1 / (1 + np.exp(-(edges - 0.1) * math.exp(7))))
    assert at_bound == pytest.approx(expected, abs=1e-12)
