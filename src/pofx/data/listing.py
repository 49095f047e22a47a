"""Which files of a folder are taken for images, in which order, and which are in the way.

The names alone decide; no file is opened here. Files are checked to be regular ones, so that what opens them later does
not wait for a pipe or talk to a device.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pofx.data.collection import SourceError, printable

IMAGE_SUFFIXES = frozenset(
    [".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".tif", ".tiff", ".webp", ".gif"]
    + [".pbm", ".pgm", ".ppm", ".pnm"]
)
PASSED_OVER_SUFFIXES = frozenset([".txt", ".csv", ".json", ".md"])


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that should be an image, or one that is in the way.

    Attributes:
        name: its path relative to the folder, with "/" between folders.
        path: where it is.
        fault: what is wrong with it, in words that go on from its name; None if it may be opened.
    """

    name: str
    path: Path
    fault: str | None = None

    @property
    def class_name(self) -> str | None:
        """The sub-folder that it lies in, of those directly in the folder; None if it lies beside them."""
        return self.name.split("/", 1)[0] if "/" in self.name else None


def list_folder(folder: Path) -> Iterator[Entry]:
    """The files in ``folder`` and below it, sorted by name within each folder.

    Hidden files and folders, ``Thumbs.db`` and ``.txt``, ``.csv``, ``.json`` and ``.md`` files are passed over. Links
    are followed; every folder is read once, under whichever of its paths comes first.

    Raises:
        SourceError: if ``folder`` itself cannot be listed.
    """
    try:
        entries = _sorted_entries(folder)
        seen = {_identity(folder): "the folder itself"}
    except OSError as error:
        raise SourceError(f"{printable(folder)} cannot be listed: {_why(error)}") from error
    # A stack of iterators and no recursion: folders may be nested deeper than Python's stack.
    stack = [("", iter(entries))]
    while stack:
        above, remaining = stack[-1]
        entry = next(remaining, None)
        if entry is None:
            stack.pop()
        elif entry.name.startswith(".") or entry.name.lower() == "thumbs.db":
            continue
        else:
            name, path = f"{above}{entry.name}", Path(entry.path)
            if not _is_folder(entry):
                if path.suffix.lower() not in PASSED_OVER_SUFFIXES:
                    yield Entry(name, path, _fault(path))
                continue
            try:
                identity, entries = _identity(path), _sorted_entries(path)
            except OSError as error:
                yield Entry(name, path, f"cannot be listed: {_why(error)}")
                continue
            if identity in seen:
                yield Entry(name, path, f"leads to a folder that is read already: {printable(seen[identity])}")
            else:
                seen[identity] = name
                stack.append((f"{name}/", iter(entries)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _fault(path: Path) -> str | None:
    """What can be said against a file without opening it."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return f"is not an image by its name: images end in {listed(IMAGE_SUFFIXES)}"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return "is a link that leads nowhere"
        return f"cannot be opened: {_why(error)}"
    return None if stat.S_ISREG(mode) else "is not a regular file but a pipe or a device"


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _why(error: OSError) -> str:
    return error.strerror or printable(error)


def listed(suffixes: frozenset[str]) -> str:
    return " ".join(sorted(suffixes))
