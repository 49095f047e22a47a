"""The weight average against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pofx.nn.ema import ExponentialMovingAverage


class Holder(nn.Module):
    def __init__(self, value: float = 0.0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), value, dtype=dtype))
        self.register_buffer("mean", torch.full((2,), value, dtype=dtype))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]), persistent=False)

    def set(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)
            self.mean.fill_(2 * value)
            self.count.fill_(int(value))


def test_formula() -> None:
    module, expected = Holder(), 0.0
    average = ExponentialMovingAverage(module)
    for step, half_life in enumerate([0.1, 3.0, 50.0, 0.5, 1e4], start=1):
        module.set(float(step))
        average.update(half_life)
        decay = 0.5 ** (1.0 / half_life)
        expected = decay * expected + (1 - decay) * step
    state = average.state_dict()
    torch.testing.assert_close(state["weight"], torch.full((3,), expected))
    torch.testing.assert_close(state["mean"], torch.full((2,), 2 * expected))
    assert state["count"].item() == 5 and state["count"].dtype == torch.int64
    assert state["mask"].tolist() == [0.0, -torch.inf]


def test_half_life_halves_the_past() -> None:
    module = Holder(8.0)
    average = ExponentialMovingAverage(module)
    module.set(0.0)
    for _ in range(20):
        average.update(20.0)
    torch.testing.assert_close(average.state_dict()["weight"], torch.full((3,), 4.0))


def test_half_life_zero_takes_the_weights() -> None:
    module = Holder()
    average = ExponentialMovingAverage(module)
    module.set(0.1)
    average.update(0.0)
    assert torch.equal(average.state_dict()["weight"], module.weight)


def test_low_precision_is_averaged_in_float32() -> None:
    module = Holder(1.0, torch.bfloat16)
    average = ExponentialMovingAverage(module)
    module.set(2.0)
    for _ in range(10):
        average.update(10_000.0)  # each update is far below the resolution of bfloat16
    weight = average.state_dict()["weight"]
    assert weight.dtype == torch.float32 and 1.0 < weight[0] < 1.001
    with average.swapped_in(module):
        assert module.weight.dtype == torch.bfloat16
    assert ExponentialMovingAverage(Holder(1.0, torch.float64)).state_dict()["weight"].dtype == torch.float64


def test_swapped_in_gives_back_the_weights_even_after_an_error() -> None:
    module = Holder(1.0)
    average = ExponentialMovingAverage(module)
    module.set(5.0)
    average.update(1.0)
    parameter = module.weight
    with pytest.raises(KeyError), average.swapped_in(module):
        assert module.weight.tolist() == [3.0] * 3 and module.mean.tolist() == [5.5] * 2
        raise KeyError
    assert module.weight is parameter and module.weight.tolist() == [5.0] * 3
    assert module.mean.tolist() == [10.0] * 2 and module.count.item() == 5


def test_state_round_trip_and_mismatch() -> None:
    module = Holder(1.0)
    first = ExponentialMovingAverage(module)
    module.set(4.0)
    first.update(2.0)
    second = ExponentialMovingAverage(Holder())
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.state_dict()["weight"], first.state_dict()["weight"])
    with pytest.raises(ValueError, match="mask"):
        second.load_state_dict({name: t for name, t in first.state_dict().items() if name != "mask"})
    with pytest.raises(ValueError, match=r"weight has shape \(4,\), expected \(3,\)"):
        second.load_state_dict({**first.state_dict(), "weight": torch.ones(4)})
