"""How far a work has come that is counted: images scored, drawn or read."""

from __future__ import annotations

from types import TracebackType

from pofx.engine.progress import StatusLine, duration

#: What is done sooner is not worth a line.
QUIET_SECONDS = 2.0


class CountedWork:
    """Tells on stderr how much of a work is done, at what rate, and how long the rest will take.

    Nothing is shown in the first two seconds. Then a terminal gets one line that is rewritten, anything else a plain
    line about every 30 seconds; where there was a line there is a last one with the whole.

    Args:
        name: heads the line.
        unit: what is counted, in the plural: "images".
        shown: False shows nothing at all.

    Example:
        >>> with CountedWork("reading", "files", shown=True) as counted:
        ...     for done in range(1, 101):
        ...         counted(done, 100)
    """

    def __init__(self, name: str, unit: str, shown: bool) -> None:
        self._name, self._unit, self._shown = name, unit, shown
        self._line: StatusLine | None = None
        self._was_seen = False
        self._done = 0

    def __enter__(self) -> CountedWork:
        self._line = StatusLine(self._name, shown=self._shown, quiet_seconds=QUIET_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._line is None:
            return
        if self._was_seen and kind is None:
            seconds = self._line.seconds
            rate = f"{self._done / seconds:.3g} {self._unit}/s"
            self._line.show(f"{self._done:,} {self._unit} in {duration(seconds)} · {rate}", 1.0)
        self._line.close()

    def __call__(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` are done; often, for it is cheap."""
        self._done = done
        if self._line is None or not self._line.is_due:
            return
        rate = done / self._line.seconds
        text = f"{done:,} of {total:,} {self._unit} · {rate:.3g} {self._unit}/s"
        if rate > 0:
            text += f" · {duration((total - done) / rate)} left"
        self._line.show(text, done / total if total else 1.0)
        self._was_seen = True
