"""Memory that the C library keeps between the steps of a training instead of giving it back and asking for it anew.

A step needs the same memory as the step before. glibc nevertheless returns what is freed to the system as soon as the
end of the heap is larger than a threshold, and all blocks above another threshold at once; every page of it then comes
back through a page fault, and is filled with zeros, in every step. That took a quarter to a half of the training steps
of autoregressive networks (two cores, batches of 16 images of 28 x 28).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Of mallopt(3). The second is the greatest that it takes; larger blocks always come from the system and go back to it.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER_TRIMMED, _LARGEST_KEPT = 2**31 - 1, 32 * 2**20
#: What glibc itself arrives at once a block of the largest size that it keeps was freed.
_TRIMMED_FROM = 2 * _LARGEST_KEPT
#: Whoever sets these has thought about the matter: then nothing is changed.
_WISHES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")

_lock = threading.Lock()
_n_open = 0


@contextmanager
def memory_is_kept() -> Iterator[None]:
    """Freed memory stays with the process until the last of these contexts ends.

    Then it is given back, and glibc's thresholds are those at which it would itself end (32 and 64 MiB); they no longer
    adapt. Nothing is done where the C library is not glibc, or where its environment variables set these thresholds.
    """
    global _n_open
    library = _glibc()
    if library is None or any(name in os.environ for name in _WISHES):
        yield
        return
    with _lock:
        _n_open += 1
        if _n_open == 1:
            library.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
            library.mallopt(_TRIM_THRESHOLD, _NEVER_TRIMMED)
    try:
        yield
    finally:
        with _lock:
            _n_open -= 1
            if _n_open == 0:
                library.mallopt(_TRIM_THRESHOLD, _TRIMMED_FROM)
                library.malloc_trim(ctypes.c_size_t(0))


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        return library if library.gnu_get_libc_version and library.mallopt and library.malloc_trim else None
    except (OSError, TypeError, AttributeError):  # no such library, no such function; TypeError on Windows
        return None
