"""Minutes are divided, and kept."""

import pytest

from pofx.report.clock import MEASURED_SHARE, MOST_MEASURED, Clock, affordable


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_fits_and_sections_take_all_there_is_and_no_more():
    time = Time()
    clock = Clock(2, time)
    for later in (2.0, 1.0, 0.0):
        time.now += clock.for_fit(1.0, later)
    assert clock.left == pytest.approx(MEASURED_SHARE * 120)
    for later in (3.0, 1.0, 0.0):
        time.now += clock.for_section(1.0, later)
    assert clock.left == pytest.approx(0) and clock.elapsed == pytest.approx(120)


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


def test_as_many_images_as_the_seconds_allow(monkeypatch):
    time = Time()
    monkeypatch.setattr("pofx.report.clock.time.perf_counter", time)
    done = []

    def work(n):
        done.append(n)
        time.now += 0.01 * n

    assert affordable(work, 3.0, least=10, most=1000) == 300
    assert affordable(work, 0.0, least=10, most=1000) == 10
    assert affordable(work, 60.0, least=10, most=1000) == 1000
    assert done == [10] * 6
    assert affordable(work, float("inf"), least=10, most=1000) == 1000 and affordable(work, 1.0, least=10, most=7) == 7
    assert len(done) == 6
