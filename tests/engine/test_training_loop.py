"""What a training does, seen from outside."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from engine_toys import Crash, Toy, ToyData, crash_at, same
from torch import Tensor, nn

from pofx.engine.loop import TrainingOptions, train
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.engine.schedule import learning_rate_factor, ramped_half_life
from pofx.nn.ema import ExponentialMovingAverage


def test_same_seed_same_bits_and_other_seed_other_bits() -> None:
    first, second, third = Toy(), Toy(), Toy()
    first_result, second_result = first.train(), second.train()
    third.train(seed=12)
    assert same(first.weights(), second.weights())
    assert first_result.history.without_timing() == second_result.history.without_timing()
    assert not same(first.weights(), third.weights())


def test_global_generators_are_not_touched() -> None:
    def states() -> list[Any]:
        return [torch.random.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())]  # noqa: NPY002

    torch.rand(3)
    before = states()
    result = Toy().train()
    assert states() == before
    with pytest.raises(Crash):
        Toy(hook=crash_at(4)).train()
    assert states() == before
    torch.manual_seed(1)  # nor do they matter
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert Toy().train().history.without_timing() == result.history.without_timing()


def test_every_epoch_sees_every_image_once_in_another_order() -> None:
    toy = Toy()
    toy.train()
    assert [len(indices) for indices in toy.data.asked] == [8, 8, 8, 8, 5] * 3
    orders = [np.concatenate(toy.data.asked[start : start + 5]) for start in (0, 5, 10)]
    assert all(sorted(order) == list(range(37)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_batches_bring_images_labels_and_progress() -> None:
    batches: list[Batch] = []
    toy = Toy(hook=lambda batch, terms: (batches.append(batch), terms)[1])
    toy.train()
    assert [batch.step for batch in batches] == list(range(15))
    assert [batch.progress for batch in batches] == [step / 15 for step in range(15)]
    for batch, indices in zip(batches, toy.data.asked, strict=True):
        assert torch.equal(batch.x, toy.data.x[torch.from_numpy(indices)])
        assert batch.y is not None and batch.y.tolist() == (indices % 3).tolist()


def test_history_holds_the_means_over_images() -> None:
    seen: list[tuple[int, float, float]] = []

    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        seen.append((len(batch.x), terms.total.item(), terms.terms["first"].item()))
        return terms

    history = Toy(hook=hook).train().history
    assert history.columns == (
        *(
            "epoch",
            "step",
            "loss",
            "first",
            "second",
            "learning_rate",
            "held_out_score",
            "seconds",
            "images_per_second",
        ),
    )
    for epoch in range(3):
        part = seen[5 * epoch : 5 * epoch + 5]
        assert history["loss"][epoch] == pytest.approx(sum(n * loss for n, loss, _ in part) / 37)
        assert history["first"][epoch] == pytest.approx(sum(n * first for n, _, first in part) / 37)
    assert history["loss"] == pytest.approx(history["first"] + history["second"])
    assert history["epoch"].tolist() == [1, 2, 3] and history["step"].tolist() == [5, 10, 15]
    assert (np.diff(history["seconds"]) > 0).all() and (history["images_per_second"] > 0).all()


def test_learning_rate_follows_the_schedule() -> None:
    history = Toy().train(warm_up_fraction=0.4).history
    expected = [0.02 * learning_rate_factor((step + 0.5) / 15, 0.4) for step in (4, 9, 14)]
    assert history["learning_rate"] == pytest.approx(expected)
    assert history["learning_rate"][-1] < 0.02 * 0.01


@pytest.mark.parametrize(
    ("progress", "warm_up", "factor"),
    [
        (0, 0.1, 0),
        (0.05, 0.1, 0.5),
        (0.1, 0.1, 1),
        (0.55, 0.1, 0.5),
        (1, 0.1, 0),
        (1.7, 0.1, 0),
        (0, 0, 1),
        (0.5, 0, 0.5),
    ],
)
def test_learning_rate_factor(progress: float, warm_up: float, factor: float) -> None:
    assert learning_rate_factor(progress, warm_up) == pytest.approx(factor, abs=1e-12)


def test_ramped_half_life() -> None:
    assert [ramped_half_life(5.0, n) for n in (0, 10, 49, 50, 1000)] == pytest.approx([0.0, 1.0, 4.9, 5.0, 5.0])


class Line(nn.Module):
    """y = w . x: small enough to follow by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, -1.0, 2.0, 0.0]))

    def loss(self, batch: Batch) -> LossTerms:
        return LossTerms(((batch.x.flatten(1) @ self.w) - 1.0).square().mean())


def test_noise_and_dropout_are_fresh_at_every_step_and_independent() -> None:
    model, drawn = Line(), list[Tensor]()

    def loss(batch: Batch) -> LossTerms:
        # From the first number on: two equal seeds would show.
        drawn.extend([torch.rand(4, generator=batch.generator), torch.rand(4)])
        return model.loss(batch)

    options = TrainingOptions(max_epochs=3, batch_size=8, device="cpu")
    train(model, [Phase("p", [model.w], loss)], ToyData(), options)
    assert len(torch.cat(drawn).unique()) == 15 * 8


def test_against_a_plain_loop() -> None:
    model, data = Line(), ToyData()
    options = TrainingOptions(max_epochs=2, batch_size=8, learning_rate=0.1, ema_half_life=0.7, device="cpu", seed=2)
    asked = data.asked
    train(model, [Phase("only", [model.w], model.loss, clip_norm=0.5, betas=(0, 0.99))], data, options)

    plain = Line()
    optimiser = torch.optim.Adam([plain.w], betas=(0.0, 0.99))
    average = ExponentialMovingAverage(plain)
    for step, indices in enumerate(asked):
        optimiser.param_groups[0]["lr"] = 0.1 * learning_rate_factor((step + 0.5) / 10, options.warm_up_fraction)
        optimiser.zero_grad()
        x = data.x[torch.from_numpy(indices)].flatten(1)
        ((x @ plain.w) - 1.0).square().mean().backward()
        nn.utils.clip_grad_norm_([plain.w], 0.5)
        optimiser.step()
        average.update(min(0.7, 0.1 * (step + 1)))
    torch.testing.assert_close(model.w.detach(), average.state_dict()["w"])


def test_without_averaging_the_raw_weights_are_kept() -> None:
    raw: list[Tensor] = []
    toy = Toy()
    toy.hook = lambda batch, terms: (raw.append(toy.net.body[0].weight.detach().clone()), terms)[1]
    toy.train(ema_half_life=None, score=False, learning_rate=1e-9)
    torch.testing.assert_close(toy.net.body[0].weight.detach(), raw[-1], atol=1e-8, rtol=0)
    assert not toy.net.training and toy.net.body[0].weight.grad is None


class Players(nn.Module):
    """Two players with one number each; either's loss depends on both."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(1.0))
        self.calls: list[tuple[str, int, bool, float]] = []

    def player(self, name: str) -> Phase:
        own, other = (self.a, self.b) if name == "a" else (self.b, self.a)

        def loss(batch: Batch) -> LossTerms:
            noise = float(torch.rand((), generator=batch.generator))
            self.calls.append((name, batch.step, other.grad is None, noise))
            return LossTerms((own * other).square() + 0.0 * batch.x.sum(), {"product": (own * other).detach()})

        return Phase(name, [own], loss, every=1 if name == "a" else 2)


def test_two_phases_take_turns() -> None:
    model = Players()
    options = TrainingOptions(max_epochs=1, batch_size=8, device="cpu")
    history = train(model, [model.player("a"), model.player("b")], ToyData(), options).history
    assert [call[:2] for call in model.calls] == [
        *[("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 2), ("a", 3), ("a", 4), ("b", 4)]
    ]
    assert len({call[3] for call in model.calls}) == len(model.calls), "every phase has its own noise"
    assert {"a/loss", "a/product", "b/loss", "b/product"} <= set(history.columns)
    assert model.a < 1 and model.b < 1


def test_a_phase_computes_no_gradient_for_the_other() -> None:
    model = Players()
    options = TrainingOptions(max_epochs=1, batch_size=8, device="cpu")
    train(model, [model.player("a")], ToyData(), options)
    assert all(call[2] for call in model.calls)
    assert model.a < 1 and model.b == 1


def test_best_weights_are_kept_not_the_last() -> None:
    kept: list[dict[str, Tensor]] = []
    toy = Toy(scores=[0.1, 0.7, 0.7, 0.2])
    plain_score = toy.score

    def score() -> float:
        kept.append(toy.weights())
        return plain_score()

    toy.score = score  # type: ignore[method-assign]
    result = toy.train(max_epochs=4)
    assert (result.best_score, result.best_epoch, result.n_epochs) == (0.7, 2, 4)
    assert same(toy.weights(), kept[1]) and not same(kept[1], kept[3])
    assert result.history["held_out_score"].tolist() == [0.1, 0.7, 0.7, 0.2]


def test_early_stopping() -> None:
    result = Toy(scores=[0.1, 0.7, 0.7, 0.2, 0.0]).train(max_epochs=50, early_stopping=2)
    assert (result.stopped_by, result.n_epochs, result.best_epoch) == ("early_stopping", 4, 2)
    result = Toy(scores=[0.1, 0.0, 0.2, 0.1, 0.0]).train(max_epochs=5, early_stopping=3)
    assert (result.stopped_by, result.n_epochs) == ("max_epochs", 5)
    assert Toy().train(early_stopping=1, score=False).stopped_by == "max_epochs"


def test_scores_that_are_not_finite_are_not_better() -> None:
    result = Toy(scores=[math.nan, -5.0, math.inf]).train()
    assert (result.best_score, result.best_epoch) == (-5.0, 2)
    toy, unscored = Toy(scores=[math.nan, -math.inf, math.nan]), Toy()
    result = toy.train()
    unscored.train(score=False)
    assert (result.best_score, result.best_epoch) == (None, None)
    assert same(toy.weights(), unscored.weights()), "the last averaged weights"


def test_precisions() -> None:
    seen: list[tuple[torch.dtype, torch.dtype]] = []

    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        seen.append((batch.x.dtype, (torch.ones(2, 2) @ torch.ones(2, 2)).dtype))
        return terms

    toy = Toy(hook=hook)
    result = toy.train(precision="float64", max_epochs=1, score=False)
    assert seen[0] == (torch.float64, torch.float64)
    assert toy.net.body[0].weight.dtype == torch.float64 and result.n_steps == 5
    assert torch.get_default_dtype() == torch.float32
    seen.clear()
    toy = Toy(hook=hook)
    toy.train(precision="bfloat16", max_epochs=1)
    assert seen[0] == (torch.float32, torch.bfloat16)
    assert toy.net.body[0].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "max_epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"early_stopping": 0}, "early_stopping"),
        ({"max_minutes": 0.0}, "max_minutes"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"ema_half_life": -1.0}, "ema_half_life"),
        ({"seed": -1}, "seed"),
        ({"precision": "float16"}, "precision.*bfloat16"),
        ({"warm_up_fraction": 1.0}, "warm_up_fraction"),
        ({"checkpoint_every_seconds": -1.0}, "checkpoint_every_seconds"),
        ({"device": "abacus"}, "device='abacus' is not a device"),
        ({"device": "cpu:3"}, "device='cpu:3' is not there"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Toy().train(**options)


def test_impossible_requests() -> None:
    model, options = Line(), TrainingOptions(max_epochs=1, device="cpu")
    with pytest.raises(ValueError, match="no images"):
        train(model, [Phase("p", [model.w], model.loss)], ToyData(0), options)
    with pytest.raises(ValueError, match="phases need names"):
        train(model, [Phase("p", [model.w], model.loss)] * 2, ToyData(), options)
    with pytest.raises(ValueError, match="not the module's"):
        train(model, [Phase("p", [nn.Parameter(torch.ones(1))], model.loss)], ToyData(), options)
    with pytest.raises(ValueError, match="no parameter"):
        Phase("p", [], model.loss)
    with pytest.raises(ValueError, match="every"):
        Phase("p", [model.w], model.loss, every=0)
    with pytest.raises(ValueError, match="clip_norm"):
        Phase("p", [model.w], model.loss, clip_norm=0.0)
    with pytest.raises(ValueError, match="must be a scalar"):
        LossTerms(torch.ones(3))
    with pytest.raises(ValueError, match="'kl' must be a scalar"):
        LossTerms(torch.ones(()), {"kl": torch.ones(3)})
    with pytest.raises(ValueError, match="named 'loss'"):
        LossTerms(torch.ones(()), {"loss": torch.ones(())})
