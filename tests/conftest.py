"""What all tests need."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Also where the tests run as a shell's background job, which begins with SIGINT ignored."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def killed_while_writing() -> Callable[[Path], None]:
    """Leaves what a process leaves that is killed in the middle of writing a path."""
    script = "import os, sys, pofx.atomic; pofx.atomic.atomic_write(sys.argv[1], lambda file: os._exit(7))"

    def write(path: Path) -> None:
        assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == 7

    return write
