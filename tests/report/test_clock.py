"""Minutes are divided, and kept."""

import pytest

from pofx.report.clock import MEASURED_SHARE, MOST_MEASURED, RESERVE, Clock, affordable


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_fits_and_sections_take_what_there_is_but_a_reserve():
    time = Time()
    clock = Clock(2, time)
    for later in (2.0, 1.0, 0.0):
        time.now += clock.for_fit(1.0, later)
    assert clock.left == pytest.approx(MEASURED_SHARE * 120)
    for later in (3.0, 1.0, 0.0):
        time.now += clock.for_section(1.0, later)
    assert clock.left == pytest.approx(RESERVE * 120) and clock.elapsed == pytest.approx((1 - RESERVE) * 120)


def test_what_one_does_not_take_is_left_to_the_others():
    time = Time()
    clock = Clock(2, time)
    first = clock.for_fit(1.0, 1.0)
    time.now += first / 2
    assert clock.for_fit(1.0, 0.0) == pytest.approx(1.5 * first)


def test_of_many_minutes_the_sections_need_no_more_than_some():
    assert Clock(100, Time()).for_fit(1.0, 0.0) == pytest.approx(6000 - MOST_MEASURED)


def test_where_the_time_is_over_a_fit_still_gets_some_and_a_section_none():
    time = Time()
    clock = Clock(0.1, time)
    time.now += 60
    assert clock.for_fit(1.0, 1.0) > 0 and clock.for_section(1.0, 1.0) == 0


def test_without_a_budget_there_is_no_end():
    clock = Clock(None, Time())
    assert clock.for_fit(1.0, 1.0) == clock.for_section(1.0, 2.0) == float("inf")


@pytest.fixture
def work(monkeypatch):
    """Work that takes a second, and a hundredth more an image; ``done`` says on how many it was done."""
    time = Time()
    monkeypatch.setattr("pofx.report.clock.time.perf_counter", time)

    def work(n):
        work.done.append(n)
        time.now += work.fixed + 0.01 * n

    work.done, work.fixed = [], 1.0
    return work


def test_as_many_images_as_the_seconds_allow(work):
    found = affordable(work, 20.0, least=10, most=10_000)
    spent = sum(work.fixed + 0.01 * n for n in work.done)
    assert work.done == [10, 10, 40]
    assert spent + work.fixed + 0.01 * found == pytest.approx(20.0, abs=0.02)
    assert affordable(work, 60.0, least=10, most=1000) == 1000


def test_where_the_trials_take_most_of_the_time_there_are_no_more_of_them(work):
    assert affordable(work, 5.0, least=10, most=1000) == 10 * (5.0 - 1.1) // 1.1
    assert work.done == [10] * 2


def test_where_the_first_trial_takes_a_quarter_of_the_time_it_is_the_only_one(work):
    assert affordable(work, 4.0, least=10, most=1000) == 10 * (4.0 - 1.1) // 1.1
    assert affordable(work, 2.0, least=10, most=1000) == affordable(work, 0.0, least=10, most=1000) == 10
    assert work.done == [10] * 3


def test_not_all_of_the_time_is_taken_to_be_the_same_for_any_number(work, monkeypatch):
    work.fixed = 100.0  # against which a hundredth an image is nothing
    assert affordable(work, 1300.0, least=10, most=10**6) < 1000 * 4 * 40 / 100


def test_without_an_end_or_a_choice_nothing_is_tried(work):
    assert affordable(work, float("inf"), least=10, most=1000) == 1000
    assert affordable(work, 1.0, least=10, most=7) == 7
    assert work.done == []


def test_it_tells_how_far_it_is():
    time = Time()
    clocks = Clock(2.5, time), Clock(None, time)
    time.now += 67.9
    assert [str(clock) for clock in clocks] == ["1:07 of 2:30 minutes", "1:07 minutes"]
