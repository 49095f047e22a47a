"""Ctrl-C as a request to end well."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class InterruptFlag:
    """While the context is open the first Ctrl-C sets a flag; the second raises KeyboardInterrupt at once.

    Only the main thread may handle signals: elsewhere the flag stays unset. A process that ignores SIGINT (nohup, a
    shell's background job) goes on ignoring it.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._installed = False

    def __enter__(self) -> InterruptFlag:
        self._previous = signal.getsignal(signal.SIGINT)
        # getsignal gives None for a handler that Python did not install and could not put back.
        if threading.current_thread() is threading.main_thread() and self._previous not in (signal.SIG_IGN, None):
            signal.signal(signal.SIGINT, self._on_signal)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
            self._installed = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
