"""Writing a file so that a crash at any moment leaves the old file or the new one, never a part of either."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def atomic_write(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> Path:
    """Create or replace ``path`` with what ``write`` puts into the open binary file it is given.

    The bytes go to a temporary file in the same folder, are forced to disk (``fsync``) and take the name in one step
    (``os.replace``); then the folder entry itself is forced to disk. A temporary file left by a killed process ends in
    ``.partial`` and is read by nothing; `remove_leftovers` removes it.

    Raises:
        OSError: if the folder does not exist or cannot be written; ``path`` is then as it was.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()  # the file that the link leads to is replaced, and not the link
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=_prefix(path), suffix=".partial", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # nobody asked for the temporary one
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private to its owner; a result is as public as any other file of this user.
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101 - `temporary` is a plain name, not a Path
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk does not say of which file it speaks
            error.filename = str(path)
        raise
    _sync_folder(path.parent)
    return path


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what killed processes left of their writing ``path``; none may be writing it now."""
    path = Path(path).resolve()
    for leftover in path.parent.glob(f"{_prefix(path)}*.partial"):
        leftover.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    """Of the temporary files for a path: short, as the file's own name may be as long as names can be."""
    return f".pofx-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}-"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Force the folder's entries to disk, where the system can open folders (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
