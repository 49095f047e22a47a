"""Numbers that are not finite: the training goes back, at half the learning rate, and never leaves NaN behind."""

from __future__ import annotations

import math

import pytest
import torch
from engine_toys import Toy, ToyData, same

from pofx.engine.devices import ACCELERATOR_CHECK_EVERY, Machine
from pofx.engine.phase import Batch, LossTerms
from pofx.engine.rollback import NonFiniteStep, Record, TrainingDiverged, all_finite, clone_tree, read_records


class Spoil:
    """Makes the loss, or only a term or the gradient, non-finite the first ``times`` times that ``step`` comes."""

    def __init__(self, step: int, times: int = 1, what: str = "loss") -> None:
        self.step, self.left, self.what = step, times, what
        self.steps: list[int] = []

    def __call__(self, batch: Batch, terms: LossTerms) -> LossTerms:
        self.steps.append(batch.step)
        if batch.step != self.step or self.left == 0:
            return terms
        self.left -= 1
        if self.what == "term":
            return LossTerms(terms.total, {**terms.terms, "second": terms.total.detach() * math.inf})
        if self.what == "gradient":  # sqrt has an infinite slope at 0
            return LossTerms(terms.total + (0.0 * terms.total).sqrt(), terms.terms)
        return LossTerms(terms.total * math.nan, terms.terms)


@pytest.mark.parametrize("what", ["loss", "term", "gradient"])
def test_one_bad_step_recovers(what: str) -> None:
    spoil = Spoil(7, what=what)
    toy = Toy(hook=spoil)
    result = toy.train()
    assert spoil.steps == [*range(8), *range(15)], "back to the snapshot of step 0, then all over"
    assert result.n_steps == 15 and len(result.history) == 3
    assert result.history["step"].tolist() == [5.0, 10.0, 15.0]
    calm = Toy().train()
    halved = result.history["learning_rate"] / calm.history["learning_rate"]
    assert halved.tolist() == [0.5, 0.5, 0.5]
    assert all_finite(toy.weights())


@pytest.fixture
def looks_every_16_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU, treated as the accelerator that it is not."""
    original = Machine.__init__

    def as_accelerator(self: Machine, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.check_every = ACCELERATOR_CHECK_EVERY

    monkeypatch.setattr(Machine, "__init__", as_accelerator)


def test_looking_later_changes_no_bit(request: pytest.FixtureRequest) -> None:
    at_once, late = Toy(), Toy()
    first = at_once.train()
    request.getfixturevalue("looks_every_16_steps")
    second = late.train()
    assert same(at_once.weights(), late.weights())
    assert first.history.without_timing() == second.history.without_timing()


@pytest.mark.usefixtures("looks_every_16_steps")
def test_looking_later_still_recovers() -> None:
    spoil = Spoil(6)
    result = Toy(hook=spoil).train()
    assert spoil.steps == [*range(10), *range(15)], "noticed at the end of the epoch"
    assert all(math.isfinite(row["loss"]) for row in result.history)


@pytest.mark.usefixtures("looks_every_16_steps")
def test_a_snapshot_between_two_looks_is_verified_first() -> None:
    spoil = Spoil(49)
    toy = Toy(hook=spoil)
    toy.data = ToyData(110)
    result = toy.train(max_epochs=1, batch_size=2)
    assert spoil.steps == [*range(50), *range(55)], "noticed at step 50, not at the next look, after step 63"
    assert result.n_steps == 55


@pytest.mark.usefixtures("looks_every_16_steps")
def test_a_snapshot_between_two_looks_holds_all_means() -> None:
    spoil, losses = Spoil(52), dict[int, float]()

    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        losses[batch.step] = terms.total.item()
        return spoil(batch, terms)

    toy = Toy(hook=hook)
    toy.data = ToyData(110)
    history = toy.train(max_epochs=1, batch_size=2).history
    assert spoil.steps == [*range(55), *range(50, 55)]
    assert history["loss"][0] == pytest.approx(sum(losses.values()) / 55)


def test_back_to_the_nearest_snapshot_across_an_epoch() -> None:
    spoil = Spoil(62)
    toy = Toy(hook=spoil)
    result = toy.train(max_epochs=14)
    assert spoil.steps == [*range(63), *range(50, 70)]
    assert result.history["epoch"].tolist() == list(range(1, 15)), "no row twice"
    factor = result.history["learning_rate"] / Toy().train(max_epochs=14).history["learning_rate"]
    assert factor.tolist() == [1.0] * 10 + [0.5] * 4


def test_going_back_twice_to_one_snapshot_finds_it_untouched() -> None:
    near, far = Toy(hook=Spoil(52, times=2)), Toy(hook=Spoil(62, times=2))
    near.train(max_epochs=14)
    far.train(max_epochs=14)
    assert same(near.weights(), far.weights()), "both went on from step 50 at a quarter of the rate"


def test_never_finite_raises_and_leaves_finite_weights() -> None:
    spoil = Spoil(7, times=99)
    toy = Toy(hook=spoil)
    with pytest.raises(TrainingDiverged, match=r"phase 'toy' at step 7, loss, gradient norm not finite.*learning_rate"):
        toy.train()
    assert spoil.steps == [*range(8)] * 4, "three ways back, no more"
    assert issubclass(TrainingDiverged, FloatingPointError)
    assert all_finite(toy.weights()) and not toy.net.training


def test_diverged_leaves_the_best_weights() -> None:
    toy = Toy(hook=Spoil(55, times=99), scores=[*range(10), *[0] * 9])
    with pytest.raises(TrainingDiverged):
        toy.train(max_epochs=14)
    # The best score is that of epoch 10 (step 50, the last snapshot); the same training again shows its weights.
    best = Toy(hook=Spoil(55, times=99), scores=[*range(11), *[0] * 9])
    kept: dict[str, torch.Tensor] = {}

    def score() -> float:
        best.n_scored += 1
        if best.n_scored == 10:
            kept.update(best.weights())
        return float(best.n_scored)

    best.score = score  # type: ignore[method-assign]
    with pytest.raises(TrainingDiverged):
        best.train(max_epochs=14)
    assert all(torch.equal(kept[name], tensor) for name, tensor in toy.weights().items())


def test_weights_that_overflow_without_a_bad_loss_are_noticed() -> None:
    toy = Toy()
    spoilt = [False]

    def hook(batch: Batch, terms: LossTerms) -> LossTerms:
        if batch.step == 12 and not spoilt[0]:
            spoilt[0] = True
            # In training mode no loss depends on it. By .data, as autograd checks that nobody writes to it.
            toy.net.body[1].running_mean.data.fill_(math.nan)
        return terms

    toy.hook = hook
    result = toy.train(score=False)
    assert spoilt[0] and all_finite(toy.weights())
    assert result.history["learning_rate"][-1] > 0 and result.n_steps == 15


def test_weights_must_be_finite_before() -> None:
    toy = Toy()
    with torch.no_grad():
        toy.net.body[0].bias[0] = math.nan
    with pytest.raises(ValueError, match=r"body\.0\.bias.*not finite before"):
        toy.train()


def test_read_records_names_what_is_not_finite() -> None:
    good = Record("a", 3, 8, ("loss", "kl"), torch.tensor([1.0, 2.0]))
    bad = Record("b", 4, 8, ("loss", "kl"), torch.tensor([1.0, math.inf]))
    assert read_records([good]) == [(good, {"loss": 1.0, "kl": 2.0})]
    with pytest.raises(NonFiniteStep, match="phase 'b', step 4: kl not finite"):
        read_records([good, bad])


def test_all_finite() -> None:
    assert all_finite({"huge": torch.full((9,), 3e38), "whole": torch.arange(3), "empty": torch.empty(0)})
    assert not all_finite({"a": torch.ones(3), "b": torch.tensor([1.0, math.nan])})
    assert not all_finite({"b": torch.tensor([1.0, -math.inf])})


def test_clone_tree_reuses_memory_only_where_it_fits() -> None:
    tree = {"a": torch.ones(3), "b": [torch.zeros(2), 5]}
    copy = clone_tree(tree)
    assert copy["a"] is not tree["a"] and copy["b"][1] == 5
    tree["a"] = torch.full((3,), 2.0)
    again = clone_tree(tree, into=copy)
    assert again["a"] is copy["a"] and again["a"].tolist() == [2.0] * 3
    tree["a"] = torch.ones(4)
    assert clone_tree(tree, into=again)["a"].shape == (4,)
