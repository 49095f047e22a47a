"""How the surprise is spread: against NumPy, image by image."""

import numpy as np
import pytest
import torch

from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread


def test_the_numbers_are_those_that_the_names_say():
    surprise = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    values = surprise_spread(surprise).numpy()
    assert values.shape == (5, len(SPREAD_NAMES)) == (5, 3)
    rows = surprise.flatten(1).numpy()
    expected = {
        "surprise_deviation": rows.std(axis=1),
        "surprise_quantile_95": np.quantile(rows, 0.95, axis=1),
        "surprise_mean_log": np.log(rows).mean(axis=1),
    }
    assert list(expected) == list(SPREAD_NAMES)
    for column, name in enumerate(SPREAD_NAMES):
        assert values[:, column] == pytest.approx(expected[name], rel=1e-12), name


def test_an_image_has_the_same_numbers_in_any_company():
    surprise = torch.rand(5, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([surprise_spread(surprise[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(surprise_spread(surprise), alone, rtol=0, atol=1e-12)


def test_where_the_surprise_sits_does_not_count_but_how_it_is_spread_does():
    """Two images of the same log p(x): a little surprise everywhere, or much in one place."""
    even, heaped = torch.full((1, 1, 5, 5), 0.2), torch.full((1, 1, 5, 5), 1e-3)
    heaped[0, 0, 2, 2] = 5.0 - 24e-3
    assert float(even.sum()) == pytest.approx(float(heaped.sum()))
    of_even, of_heaped = surprise_spread(even)[0], surprise_spread(heaped)[0]
    assert float(of_even[0]) == pytest.approx(0, abs=1e-7) and of_heaped[0] > 0.9
    assert of_heaped[2] < of_even[2] - 3
    assert torch.allclose(surprise_spread(heaped.roll(1, 3)), surprise_spread(heaped))


def test_certain_and_negative_surprises_stay_finite():
    """-log p is 0 where a level is certain, and below 0 where a density exceeds 1."""
    values = surprise_spread(torch.tensor([0.0, -2.0, -1.0, 3.0]).reshape(1, 1, 2, 2))
    assert torch.isfinite(values).all()
    assert float(values[0, 2]) == pytest.approx((3 * np.log(1e-6) + np.log(3)) / 4)


def test_sums_are_in_double_precision():
    surprise = torch.full((1, 1, 1000, 100), 0.1) + 1e-6 * torch.arange(1000.0)[:, None]
    values = surprise_spread(surprise)
    assert values.dtype == torch.float64
    assert float(values[0, 0]) == pytest.approx(np.std(surprise.double().numpy()), rel=1e-12)
