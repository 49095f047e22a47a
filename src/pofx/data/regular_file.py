"""Opening a file that a stranger left: only a regular file, and without waiting for one that is not."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading in binary; links are followed.

    Raises:
        OSError: if it cannot be opened, or is a folder, a pipe, a socket or a device. A pipe is never waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file but a folder, a pipe or a device", str(path))
    return os.fdopen(descriptor, "rb")
