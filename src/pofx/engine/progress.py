"""Lines on stderr that tell how far a long work has come, and the one of a training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

TERMINAL_SECONDS = 0.25
PLAIN_SECONDS = 30.0
#: Columns of a terminal that has room for a bar beside the text.
ROOM_FOR_A_BAR = 70


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
        """The status in one line; first what should be seen on a narrow terminal too."""
        parts = [f"epoch {self.epoch}/{self.max_epochs}", f"{duration(self.seconds_left)} left"]
        if self.held_out_score is not None:
            parts.append(f"held-out {self.held_out_score:.5g}")
        if self.images_per_second > 0:
            parts.append(f"{self.images_per_second:.3g} images/s")
        parts += [f"{name} {value:.4g}" for name, value in self.terms.items()]
        return " · ".join(parts)


class StatusLine:
    """One line that is rewritten if stderr is a terminal, else one plain line about every 30 seconds.

    A stderr that cannot be written any more silences it: what is told of a work must not end the work.

    Args:
        name: heads the line.
        shown: False shows nothing at all.
        quiet_seconds: for so long nothing is shown.
    """

    def __init__(self, name: str, *, shown: bool, quiet_seconds: float = 0.0) -> None:
        self._name = name
        self._shown = shown and sys.stderr is not None
        self._rewritten = self._shown and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._start = monotonic()
        self._next = self._start + (quiet_seconds if self._rewritten else max(quiet_seconds, PLAIN_SECONDS))

    @property
    def seconds(self) -> float:
        """How long there is this line."""
        return monotonic() - self._start

    @property
    def is_due(self) -> bool:
        """Whether it is time to show something new."""
        return self._shown and monotonic() >= self._next

    def show(self, text: str, share: float) -> None:
        """Show the text; ``share`` of the work, in [0, 1], is done."""
        if not self._shown:
            return
        with suppress(OSError):
            if self._rewritten:
                self._rewrite(text, share)
            else:
                print(f"{self._name}: {text}", file=sys.stderr, flush=True)
            self._next = monotonic() + (TERMINAL_SECONDS if self._rewritten else PLAIN_SECONDS)
            return
        self._shown = False

    def message(self, text: str) -> None:
        """Write a line to stderr, shown or not: what the user must know."""
        with suppress(OSError):
            if self._progress is not None:
                self._progress.console.print(text, markup=False, highlight=False)
            elif sys.stderr is not None:
                print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line as it is."""
        if self._progress is not None:
            with suppress(OSError):
                self._progress.stop()
            self._progress = None

    def _rewrite(self, text: str, share: float) -> None:
        if self._progress is None:
            # No refreshing thread: the work calls often enough, and a thread would take turns with it.
            console = Console(stderr=True)
            bar = [BarColumn(20)] if console.width >= ROOM_FOR_A_BAR else []
            name, said = (TextColumn(text, markup=False) for text in ("{task.fields[name]}", "{task.description}"))
            self._progress = Progress(name, *bar, said, console=console, auto_refresh=False)
            self._task = self._progress.add_task(text, total=1.0, completed=share, name=self._name)  # type: ignore[arg-type]
            self._progress.start()
        assert self._task is not None
        self._progress.update(self._task, completed=share, description=text, refresh=True)


class ProgressLine:
    """The line of a training, shown at once on a terminal, elsewhere after 30 seconds and at the end.

    Args:
        name: heads the line.
        shown: False shows nothing at all.
    """

    def __init__(self, name: str, shown: bool) -> None:
        self._name, self._shown = name, shown
        self._line = StatusLine(name, shown=False)

    def __enter__(self) -> ProgressLine:
        self._line = StatusLine(self._name, shown=self._shown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.close()

    def update(self, status: Callable[[], Status]) -> None:
        """Show where the training stands, if it is time; ``status`` is called only then."""
        if self._line.is_due:
            present = status()
            self._line.show(present.text(), present.progress)

    def end(self, summary: str) -> None:
        """Show how the training ended."""
        self._line.show(summary, 1.0)

    def message(self, text: str) -> None:
        """Write a line to stderr, shown or not: what the user must know."""
        self._line.message(text)


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some: 1:05, 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
