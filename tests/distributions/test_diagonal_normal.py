import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pofx.distributions.normal import kl_divergence, log_density


def draw(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_log_density_against_torch():
    z, mean, log_variance = draw(0, 5, 3, 4), draw(1, 3, 4), draw(2, 4)
    expected = torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(-1)
    assert torch.allclose(log_density(z, mean, log_variance), expected, atol=1e-12, rtol=1e-12)


@given(mean=st.floats(-10, 10), log_v=st.floats(-10, 5), prior_mean=st.floats(-3, 3), prior_log_v=st.floats(-4, 4))
@settings(max_examples=100, deadline=None)
def test_kl_divergence_against_torch(mean, log_v, prior_mean, prior_log_v):
    numbers = torch.tensor([mean, log_v, prior_mean, prior_log_v], dtype=torch.float64)
    m, lv, pm, plv = numbers.unbind()
    q, p = torch.distributions.Normal(m, (lv / 2).exp()), torch.distributions.Normal(pm, (plv / 2).exp())
    expected = torch.distributions.kl_divergence(q, p)
    for prior in ((pm, plv), (prior_mean, prior_log_v)):
        assert torch.allclose(kl_divergence(m, lv, *prior), expected, rtol=1e-9, atol=1e-10)
    standard = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl_divergence(m, lv), standard, rtol=1e-9, atol=1e-10)


def test_kl_divergence_is_per_dimension_and_zero_at_the_prior():
    mean, log_variance = draw(0, 7, 3), draw(1, 7, 3)
    assert kl_divergence(mean, log_variance).shape == (7, 3)
    assert kl_divergence(mean, log_variance, mean, log_variance).abs().max() == 0


def test_gradients():
    z, mean, log_variance = (draw(seed, 4, 3).requires_grad_() for seed in range(3))
    assert torch.autograd.gradcheck(log_density, (z, mean, log_variance))
    assert torch.autograd.gradcheck(kl_divergence, (mean, log_variance, draw(5, 3).requires_grad_(), draw(6, 3)))


def test_float32_stays_float32():
    mean = torch.zeros(2, 3)
    assert kl_divergence(mean, mean, 0.5, 1.0).dtype == torch.float32
    assert log_density(mean, mean, mean)[0].item() == pytest.approx(-2.7568156)
