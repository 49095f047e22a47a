"""`PixelLaw.log_likelihood` of several laws of an image is the sum of `log_prob`, for every law."""

import pytest
import torch

from pofx.distributions.pixels import PIXEL_LAWS, pixel_law

S, N, SIZE = 4, 3, (2, 5)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PIXEL_LAWS)
def test_it_is_the_sum_of_the_sub_pixels(name, channels, continuous):
    if continuous and name != "normal":
        pytest.skip("a law on levels")
    levels = 2 if name == "bernoulli" else 5
    law = pixel_law(name, channels, levels, 2, continuous=continuous)
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn(S, N, law.n_parameters, *SIZE, generator=generator, dtype=torch.float64)
    x = torch.randint(levels, (N, channels, *SIZE), generator=generator)
    found = law.log_likelihood(parameters, x)
    assert found.shape == (S, N)
    for s in range(S):
        expected = law.log_prob(parameters[s], x).sum(dim=(1, 2, 3))
        assert torch.allclose(found[s], expected, rtol=1e-12, atol=0)


def test_shapes_that_do_not_fit_are_refused():
    law = pixel_law("bernoulli", 1, 2)
    with pytest.raises(ValueError, match="parameters must have shape"):
        law.log_likelihood(torch.zeros(S, N, 2, *SIZE), torch.zeros(N, 1, *SIZE))
    with pytest.raises(ValueError, match="x must have shape"):
        law.log_likelihood(torch.zeros(S, N, 1, *SIZE), torch.zeros(1, 1, *SIZE))
    with pytest.raises(ValueError, match="x must have shape"):
        law.log_likelihood(torch.zeros(S, N, 1, *SIZE), torch.zeros(N, 1, 3, 3))


def test_half_precision_is_summed_in_float32():
    law = pixel_law("bernoulli", 1, 2)
    found = law.log_likelihood(torch.zeros(S, N, 1, *SIZE, dtype=torch.bfloat16), torch.zeros(N, 1, *SIZE))
    assert found.dtype == torch.float32
