"""A collection in one file, ``NAME.packed``: its pixels as bytes that are mapped, not read, and what is said of them.

::

    64 bytes  b"pofx img", version (4 bytes, little-endian), zeros
    images    n images of uint8, one after the other
    contents  labels, text and JSON: see `pofx.data.packed_contents`
    8 bytes   length of the JSON, little-endian
    32 bytes  SHA-256 of all the bytes before but the images
    8 bytes   b"img pofx"

The number of images stands behind them, so that a file can be written while its images are still being decoded.

This digest and that of the images, which stands in the JSON, cover every byte. They guard against damage, not against
malice: whoever writes a file can write its digests too. Malice is met by comparing every number with the size of the
file before memory is spent on it: reading takes none for the images, and for the rest at worst 25 times its bytes.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pofx.atomic import atomic_write
from pofx.data.collection import Collection, SourceError
from pofx.data.packed_contents import MAX_JSON, Contents, Description, UnreadableError, decode, encode, require
from pofx.data.regular_file import open_regular

__all__ = ["SUFFIX", "Contents", "PackedFile", "PackedFileError", "open_packed", "read_packed", "write_packed"]

SUFFIX = ".packed"
FORMAT_VERSION = 1

_START, _END = b"pofx img", b"img pofx"
_HEADER_BYTES = 64
_FOOTER_BYTES = 8 + 32 + len(_END)
_BLOCK = 2**20
_RENEW = "Copy or download it again, or pack its source again (`pofx prepare`)."


class PackedFileError(SourceError):
    """A file that is no packed collection for this version of pofx: foreign, damaged, truncated or newer."""


@dataclass(frozen=True, eq=False)
class PackedFile:
    """A packed file whose checksum was right, without its images.

    Attributes:
        path: the file.
        shape: (n, H, W), (n, H, W, C) or (n, d).
        fingerprint: SHA-256 of the image bytes in C order, 64 hex digits. It knows neither labels nor names nor where
            one image ends. What a model's provenance holds is another digest, `pofx.saving.data_fingerprint` (BLAKE2b):
            of the rows that were passed to ``fit``, their type and shape, and the labels of a conditional model. So the
            one tells whether two files hold the same pixels, the other whether two fits learned from the same data; a
            source of uint8 and its packed file have the other in common too.
        contents: what the file says of its images.
    """

    path: Path
    shape: tuple[int, ...]
    fingerprint: str
    contents: Contents


def write_packed(
    path: str | os.PathLike[str], parts: Iterable[NDArray[np.uint8]], contents: Callable[[], Contents]
) -> PackedFile:
    """Write a packed file, replacing ``path`` in one step; the same images and contents always give the same bytes.

    Args:
        path: the file; a crash or an exception at any moment leaves it as it was.
        parts: consecutive images, arrays (k, H, W), (k, H, W, C) or (k, d); one is held at a time.
        contents: asked for once the last part was written.

    Raises:
        SourceError: no images, or contents that do not fit them.
        OSError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    written: list[PackedFile] = []

    def write(file: BinaryIO) -> None:
        header = (_START + FORMAT_VERSION.to_bytes(4, "little")).ljust(_HEADER_BYTES, b"\0")
        file.write(header)
        images_digest = hashlib.sha256()
        shape: tuple[int, ...] = ()
        maximum = 0
        for part in parts:
            if part.dtype != np.uint8 or not 2 <= part.ndim <= 4 or part.shape[1:] != (shape or part.shape)[1:]:
                raise SourceError(f"{part.dtype} images of shape {part.shape[1:]} do not go with {shape[1:]}")
            shape = (len(part) + (shape[0] if shape else 0), *part.shape[1:])
            maximum = max(maximum, int(part.max(initial=0)))
            pixels = np.ascontiguousarray(part).data
            images_digest.update(pixels)
            file.write(pixels)
        if 0 in (shape or (0,)):
            raise SourceError("a collection without images cannot be packed")
        packed = PackedFile(path, shape, images_digest.hexdigest(), contents())
        if maximum >= packed.contents.levels:
            raise SourceError(f"images with values up to {maximum} have more than {packed.contents.levels} levels")
        tables, description = encode(packed.contents, shape, packed.fingerprint)
        tail = tables + description + len(description).to_bytes(8, "little")
        file.write(tail)
        file.write(hashlib.sha256(header + tail).digest() + _END)
        written.append(packed)

    atomic_write(path, write)
    return written[0]


def read_packed(path: str | os.PathLike[str]) -> PackedFile:
    """What a packed file holds besides its images, which are not looked at.

    Raises:
        PackedFileError: the file cannot be opened, is not a packed file, is damaged or truncated, or comes from a newer
            pofx.
    """
    with _opened(Path(path)) as (packed, _):
        return packed


def open_packed(path: str | os.PathLike[str], *, verify: bool = True) -> Collection:
    """The collection in a packed file.

    Its images are a read-only `numpy.memmap` of uint8, so that ``fit`` and ``score_samples`` read them batch by batch.
    Give a model ``levels=collection.levels``, and it is over the same levels as one fitted to the source itself: an
    array of bytes alone does not tell 17 levels from 256.

    Args:
        path: the file.
        verify: read the images once, block by block, and compare their SHA-256 with that in the file; a single flipped
            bit is refused. What stands behind the images is compared in any case.

    Raises:
        PackedFileError: the file cannot be opened, is not a packed file, is damaged or truncated, or comes from a newer
            pofx.
    """
    with _opened(Path(path)) as (packed, file):
        if verify:
            file.seek(_HEADER_BYTES)
            found = _digest(file, math.prod(packed.shape)).hexdigest()
            require(found == packed.fingerprint, "its images are not those that were packed")
        images = np.memmap(file, np.uint8, "r", _HEADER_BYTES, packed.shape)
    contents = packed.contents
    return Collection(
        images=images,
        labels=contents.labels,
        names=contents.names,
        label_names=contents.label_names,
        origin=f"{packed.path} (packed from {contents.origin})",
        levels=contents.levels,
        skipped=contents.skipped,
        conversions=contents.conversions,
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[PackedFile, BinaryIO]]:
    """What is in a file, and the file itself; whatever is wrong with it, also within the block, is one error."""
    try:
        with open_regular(path) as file:
            yield _read(path, file), file
    except PackedFileError:
        raise
    except UnreadableError as error:
        raise PackedFileError(f"{path} is damaged or truncated: {error}. {_RENEW}") from error
    except MemoryError as error:
        raise PackedFileError(f"{path}: memory cannot hold what it says of its images") from error
    except (OSError, ValueError) as error:  # ValueError: what no path can be, such as one with a null byte
        raise PackedFileError(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}") from error


def _read(path: Path, file: BinaryIO) -> PackedFile:
    size = os.fstat(file.fileno()).st_size
    header = file.read(_HEADER_BYTES)
    if header[: len(_START)] != _START:
        raise PackedFileError(f"{path} is not a packed file: name one that `pofx prepare` wrote.")
    version = int.from_bytes(header[len(_START) : len(_START) + 4], "little")
    if version > FORMAT_VERSION:
        raise PackedFileError(f"{path} was written by a newer pofx (file format {version}): update pofx to read it.")
    room = size - _HEADER_BYTES - _FOOTER_BYTES
    require(room > 0, "it is too short")
    file.seek(size - _FOOTER_BYTES)
    footer = file.read(_FOOTER_BYTES)
    require(footer.endswith(_END), "its end is missing")
    json_bytes = int.from_bytes(footer[:8], "little")
    require(json_bytes <= min(MAX_JSON, room), "its description does not fit into it")
    file.seek(size - _FOOTER_BYTES - json_bytes)
    says = Description.from_json(file.read(json_bytes))
    # The one equation that all sizes must fulfil, in integers without bound; nothing was allocated for any of them.
    tables_bytes = says.label_bytes + says.text_bytes
    require(says.image_bytes + tables_bytes + json_bytes == room, "its sizes contradict each other")
    tables_at = _HEADER_BYTES + says.image_bytes
    file.seek(tables_at)
    digest = _digest(file, tables_bytes + json_bytes + 8, header)
    require(digest.digest() == footer[8:-8], "its checksum does not match")
    file.seek(tables_at)
    contents = decode(says, file.read(says.label_bytes), file.read(says.text_bytes))
    return PackedFile(path, says.shape, says.fingerprint, contents)


def _digest(file: BinaryIO, n_bytes: int, before: bytes = b"") -> Any:
    """SHA-256 over ``before`` and the next bytes of the file, of which one block is in memory at a time."""
    digest = hashlib.sha256(before)
    block = memoryview(bytearray(min(_BLOCK, n_bytes)))
    while n_bytes:
        n_read = file.readinto(block[:n_bytes])  # type: ignore[attr-defined]
        require(n_read, "it became shorter while it was read")
        digest.update(block[:n_read])
        n_bytes -= n_read
    return digest
