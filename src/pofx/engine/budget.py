"""The time budget of a training."""

from __future__ import annotations

from time import monotonic


class Budget:
    """Seconds used and left, on a clock that never jumps.

    Args:
        max_minutes: the budget, in minutes; None is without limit.
        used_seconds: what the training used before it was resumed.
    """

    def __init__(self, max_minutes: float | None, used_seconds: float = 0.0) -> None:
        self.limit = None if max_minutes is None else 60.0 * max_minutes
        self._start = monotonic() - used_seconds
        self._reserve = 0.0
        self._step_seconds = 0.0

    def elapsed(self) -> float:
        """Seconds used."""
        return monotonic() - self._start

    def reserve(self, seconds: float) -> None:
        """Keep at least this much back for the work after the last step: the longest scoring so far."""
        self._reserve = max(self._reserve, seconds)

    def step_took(self, seconds: float) -> None:
        """Tell how long the last step took: no step is begun that would probably end too late."""
        self._step_seconds = seconds

    def fraction(self) -> float:
        """Share of the time for steps that is used, in [0, 1]; 0 without a limit."""
        if self.limit is None:
            return 0.0
        for_steps = self.limit - self._reserve
        return min(1.0, self.elapsed() / for_steps) if for_steps > 0 else 1.0

    def is_over(self) -> bool:
        """Whether one more step and the reserved time would pass the limit."""
        return self.limit is not None and self.elapsed() + self._step_seconds + self._reserve > self.limit

    def seconds_left(self, step: int, total_steps: int) -> float:
        """Estimated seconds to whichever limit comes first, from the mean pace so far."""
        by_steps = self.elapsed() / max(step, 1) * (total_steps - step)
        return by_steps if self.limit is None else max(0.0, min(by_steps, self.limit - self.elapsed()))
