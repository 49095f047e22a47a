"""The progress line of a training, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

TERMINAL_SECONDS = 0.25
PLAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Status:
    """Where a training stands.

    Args:
        epoch: the epoch that is running, from 1.
        max_epochs: the last one.
        terms: mean loss terms of the epoch so far.
        held_out_score: the last one, or None.
        images_per_second: pace of the epoch.
        seconds_left: estimate, to whichever limit comes first.
        progress: share of the training that is done, in [0, 1].
    """

    epoch: int
    max_epochs: int
    terms: Mapping[str, float]
    held_out_score: float | None
    images_per_second: float
    seconds_left: float
    progress: float

    def text(self) -> str:
        """The status in one line."""
        parts = [f"epoch {self.epoch}/{self.max_epochs}"]
        parts += [f"{name} {value:.4g}" for name, value in self.terms.items()]
        if self.held_out_score is not None:
            parts.append(f"held-out {self.held_out_score:.5g}")
        parts.append(f"{self.images_per_second:.3g} images/s")
        parts.append(f"{_duration(self.seconds_left)} left")
        return " · ".join(parts)


class ProgressLine:
    """One line that is rewritten if stderr is a terminal, else one plain line about every 30 seconds and at the end.

    Args:
        name: heads the line.
        shown: False shows nothing at all.
    """

    def __init__(self, name: str, shown: bool) -> None:
        self._name, self._shown = name, shown
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._next = 0.0

    def __enter__(self) -> ProgressLine:
        if self._shown and sys.stderr.isatty():
            # No refreshing thread: the loop calls often enough, and a thread would take turns with the training.
            columns = (
                TextColumn("{task.fields[name]}", markup=False),
                BarColumn(20),
                TextColumn("{task.description}", markup=False),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
            self._progress.start()
            self._task = self._progress.add_task("", total=1.0, name=self._name)
        self._next = monotonic() + (0.0 if self._progress is not None else PLAIN_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, status: Callable[[], Status]) -> None:
        """Show where the training stands, if it is time; ``status`` is called only then."""
        if self._shown and monotonic() >= self._next:
            present = status()
            self._show(present.text(), present.progress)

    def end(self, summary: str) -> None:
        """Show how the training ended."""
        if self._shown:
            self._show(summary, 1.0)

    def message(self, text: str) -> None:
        """Write a line to stderr, shown or not: what the user must know."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _show(self, text: str, progress: float) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=progress, description=text, refresh=True)
            self._next = monotonic() + TERMINAL_SECONDS
        else:
            print(f"{self._name}: {text}", file=sys.stderr, flush=True)
            self._next = monotonic() + PLAIN_SECONDS


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
