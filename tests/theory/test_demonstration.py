"""The game played by small networks."""

import os
import signal

import numpy as np
import pytest
import torch
from scipy.stats import norm

from pofx.data.toy import NormalMixture, bimodal
from pofx.theory.demonstration import play_on_a_line, play_on_a_ring
from pofx.theory.gan_optimality import GLOBAL_MINIMUM


@pytest.fixture(scope="module")
def course():
    return play_on_a_line(fixed_steps=500, game_steps=20, n_records=9, random_state=0)


def test_a_trained_discriminator_comes_to_the_optimum(course):
    """E[|D - D*|] with x half from the data and half from the generator, N(0, 1.2^2)."""
    start, fixed = course.records[0], course.end_of_fixed
    assert fixed.step == 500
    assert start.error > 0.1
    assert fixed.error < 0.02
    assert fixed.criterion - 0.01 < fixed.value <= fixed.criterion
    best = course.optimal(fixed)
    weight = 0.5 * (course.p_data + fixed.p_generator) * course.grid.cell_volume
    assert (weight * np.abs(fixed.discriminator - best)).sum() == pytest.approx(fixed.error, rel=1e-6)


def test_the_generator_stands_still_and_then_moves(course):
    x = course.grid.line
    for record in course.records:
        if record.step <= course.fixed_steps:
            assert record.p_generator == pytest.approx(norm(0, 1.2).pdf(x), abs=1e-4)
    last = course.records[-1]
    assert last.step == course.steps == 520
    assert np.abs(last.p_generator - norm(0, 1.2).pdf(x)).max() > 1e-3
    assert last.p_generator.sum() * course.grid.cell_volume == pytest.approx(1.0, abs=1e-9)
    assert last.jensen_shannon < course.records[0].jensen_shannon
    assert not course.interrupted


def test_no_discriminator_is_above_the_criterion(course):
    for record in course.records:
        assert record.value <= record.criterion + 1e-12
        assert record.criterion >= GLOBAL_MINIMUM
        assert record.jensen_shannon == pytest.approx((record.criterion + np.log(4)) / 2)


def test_the_seed_decides_and_nothing_else_is_touched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (play_on_a_line(fixed_steps=3, game_steps=2, random_state=seed) for seed in (1, 1, 2))
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert [record.step for record in first.records] == [0, 1, 2, 3, 4, 5]
    for one, two in zip(first.records, again.records, strict=True):
        assert (one.discriminator == two.discriminator).all() and (one.p_generator == two.p_generator).all()
    assert (first.records[-1].discriminator != other.records[-1].discriminator).any()


class Interrupting(NormalMixture):
    """The law of `bimodal`, whose seventh samples come with a Ctrl-C."""

    drawn = 0

    def sample(self, n, random_state=None):
        type(self).drawn += 1
        if type(self).drawn == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return super().sample(n, random_state)


def test_ctrl_c_leaves_what_was_learned_so_far():
    whole = bimodal()
    Interrupting.drawn = 0
    law = Interrupting(whole.means, whole.covariances, whole.weights)
    course = play_on_a_line(fixed_steps=50, game_steps=50, n_records=3, law=law)
    assert course.interrupted
    assert [record.step for record in course.records] == [0, 7]
    assert course.end_of_fixed is course.records[-1]
    assert course.steps == 100


def test_in_two_dimensions():
    course = play_on_a_ring(fixed_steps=40, n_records=3)
    assert [record.step for record in course.records] == [0, 20, 40]
    assert course.records[0].discriminator.shape == (120 * 120,)
    assert course.records[-1].error < course.records[0].error
    assert course.records[-1].value > course.records[0].value


@pytest.mark.parametrize(
    "change",
    [
        {"fixed_steps": -1},
        {"game_steps": -1},
        {"n_records": 1},
        {"fixed_steps": 1.5},
        {"n_records": True},
        {"scale": 0.0},
        {"objective": "relativistic"},
        {"device": "abacus"},
    ],
)
def test_errors(change):
    with pytest.raises(ValueError, match=r"steps|records|scale|objective|abacus"):
        play_on_a_line(**({"fixed_steps": 1, "game_steps": 1} | change))


@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
def test_either_objective_moves_the_generator_its_own_way(objective):
    course = play_on_a_line(fixed_steps=20, game_steps=2, n_records=2, objective=objective)
    other = play_on_a_line(fixed_steps=20, game_steps=2, n_records=2)
    same = np.array_equal(course.records[-1].p_generator, other.records[-1].p_generator)
    assert same == (objective == "minimax")


@pytest.mark.slow
def test_a_generator_that_learns_comes_nearer_and_the_discriminator_follows():
    course = play_on_a_line(random_state=0)
    fixed, end = course.end_of_fixed, course.records[-1]
    assert fixed.error < 0.02
    assert end.jensen_shannon < 0.5 * fixed.jensen_shannon
    assert end.criterion - 0.02 < end.value
