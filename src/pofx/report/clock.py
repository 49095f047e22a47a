"""Minutes, and who gets how many of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

#: Of all minutes so many, and at most so many seconds, are kept for measuring what the fits have learned.
MEASURED_SHARE, MOST_MEASURED = 0.4, 360.0
#: Sections plan with so much less than there is: their estimates are of few images, and pictures take time, too.
RESERVE = 0.05
#: A fit gets no fewer seconds; where the minutes are too few for all of them, the page takes longer.
LEAST_FIT = 2.0

#: To tell how time grows, work is tried on so many times the least number of images, too; and at least this share of
#: the time is taken to grow with them.
MORE, LEAST_SHARE = 4, 0.25


class Clock:
    """Divides a budget: first among fits, then what is left among the sections of the page.

    Whoever takes less than its share leaves the rest to those that come after it.

    Args:
        minutes: for everything; None where nothing is fitted and nobody waits: every section then measures all it can.
        now: tells the time in seconds.
    """

    def __init__(self, minutes: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = None if minutes is None else 60 * minutes
        self._now, self._start = now, now()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._start

    @property
    def left(self) -> float:
        """Seconds of the budget that are left; infinitely many without one."""
        return float("inf") if self.seconds is None else max(0.0, self.seconds - self.elapsed)

    def __str__(self) -> str:
        """How far it is, such as 3:07 of 10:00 minutes."""
        told = [f"{int(seconds // 60)}:{int(seconds % 60):02d}" for seconds in (self.elapsed, self.seconds or 0)]
        return f"{told[0]} minutes" if self.seconds is None else f"{told[0]} of {told[1]} minutes"

    def for_fit(self, weight: float, weights_after: float) -> float:
        """Seconds of a fit of this weight, if others of so much weight come after it."""
        if self.seconds is None:
            return float("inf")
        kept = min(MEASURED_SHARE * self.seconds, MOST_MEASURED)
        return max(LEAST_FIT, (self.left - kept) * weight / (weight + weights_after))

    def for_section(self, weight: float, weights_after: float) -> float:
        """Seconds of a section of this weight, if others of so much weight come after it."""
        kept = 0.0 if self.seconds is None else RESERVE * self.seconds
        return max(0.0, self.left - kept) * weight / (weight + weights_after)


def affordable(work: Callable[[int], object], seconds: float, *, least: int, most: int) -> int:
    """How many images some work can be done on in so many seconds, at least and at most so many.

    It is tried on the least number, of which the first time is not counted (much is made ready then), and on a few
    times as many: what part of the time grows in proportion. The trials are part of the seconds. Where the first took
    a quarter of them, it is the only one.
    """
    if most <= least or seconds == float("inf"):
        return max(1, min(least, most)) if most <= least else most
    start = time.perf_counter()
    work(least)
    began = time.perf_counter()
    if began - start > seconds / 4:
        return _clipped((seconds - (began - start)) * least / (began - start), least, most)
    work(least)
    of_least = time.perf_counter() - began
    more = min(MORE * least, most)
    if began - start + (1 + MORE) * of_least > seconds / 2:
        return _clipped((seconds - (began - start)) * least / max(of_least, 1e-9), least, most)
    began = time.perf_counter()
    work(more)
    of_more = time.perf_counter() - began
    # Few images say little of how the time grows: some of what they took is taken to be for each image, anyway.
    each = max((of_more - of_least) / (more - least), LEAST_SHARE * of_more / more, 1e-9)
    left = seconds - (time.perf_counter() - start) - max(0.0, of_least - each * least)
    return _clipped(left / each, least, most)


def _clipped(n: float, least: int, most: int) -> int:
    return int(min(most, max(least, n)))


def remaining(weights: Mapping[str, float], key: str) -> float:
    """The weights of all that come after ``key``."""
    keys = list(weights)
    return sum(weights[after] for after in keys[keys.index(key) + 1 :])
