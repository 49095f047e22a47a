"""Any source to a packed file (`pofx.data.packed`), without loss and without the whole collection in memory.

A folder is decoded one file at a time, a ``.npy`` file is read part by part. The packed file holds the levels 0..K-1 of
each sub-pixel, by the rule of `pofx.data.levels`, so that a model learns the same p(x) from it as from its source:

=======================================  ===========================  =============
the source holds                         the file holds               K
=======================================  ===========================  =============
bool, or only 0 and 1                    them                         2
uint8                                    them                         256
other integers, also as floats           them, if within 0..255       maximum + 1
floats k/255                             k                            256
other floats                             nothing: refused
=======================================  ===========================  =============

With ``levels`` given K is that number (2..256), and floats may be k/(K-1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.checking import PART_BYTES, release_pages
from pofx.data.collection import Collection, Conversion, Errors, Progress, SourceError, printable
from pofx.data.folder import labels_of, scan_folder
from pofx.data.levels import DEFAULT_LEVELS, LevelGrid, RealLevels, UnitLevels, ValueSummary, level_grid_for
from pofx.data.packed import SUFFIX, Contents, PackedFile, read_packed, write_packed
from pofx.data.packed_contents import MAX_LEVELS
from pofx.data.sources import load_source


def pack(
    source: str | os.PathLike[str] | NDArray[Any],
    path: str | os.PathLike[str],
    *,
    split: str | None = None,
    size: tuple[int, int] | None = None,
    errors: Errors = "raise",
    levels: int | None = None,
    progress: Progress | None = None,
) -> PackedFile:
    """Write a source into a packed file, replacing ``path`` in one step.

    Args:
        source: whatever `pofx.data.sources.load_source` takes; a packed file is written anew.
        path: the file to write; it ends in ``.packed``.
        split: ``"train"`` or ``"test"``, as of `load_source`.
        size: (height, width) that images are resampled to, as of `load_source`.
        errors: ``"skip"`` leaves out image files that cannot be used, and records them.
        levels: number of levels, 2..256; None: those that a model would read from the source's values.
        progress: called with (images done, images in all) now and then.

    Returns:
        What was written: the shape, the levels, what was left out and what was converted.

    Raises:
        SourceError: the source cannot be read, or its values are not bytes: real numbers off any grid, integers beyond
            0..255, or values outside the given levels. There is then no new file.
        ValueError: ``path`` does not end in ``.packed``.
        OSError: nothing can be written there.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise ValueError(f"{path} should end in {SUFFIX}")
    if levels is not None and not 2 <= levels <= MAX_LEVELS:
        raise SourceError(f"a packed file holds images of 2 to {MAX_LEVELS} levels, not of {levels}")
    folder = _as_folder(source)
    if folder is None:
        collection = load_source(source, split=split, size=size, errors=errors)
        return _pack_array(collection, _first_origin(source, collection), path, levels, progress)
    if split is not None:
        raise SourceError(f"{folder} has no split {split!r}: only a .npz file with x_{split} has one")
    if path.resolve().is_relative_to(folder.resolve()):
        raise SourceError(f"{path} lies in the folder that is to be packed: write it to another folder")
    return _pack_folder(folder, path, size, errors, levels, progress)


def _pack_folder(
    folder: Path,
    path: Path,
    size: tuple[int, int] | None,
    errors: Errors,
    levels: int | None,
    progress: Progress | None,
) -> PackedFile:
    scan = scan_folder(folder, size=size, shape=None, levels=levels, errors=errors)
    names: list[str] = []
    classes: list[str | None] = []
    values: ValueSummary | None = None

    def parts() -> Iterator[NDArray[np.uint8]]:
        nonlocal values
        for image in scan.read(progress):
            these = ValueSummary.of(image.pixels)
            if levels is not None and these.maximum >= levels:
                name = printable(folder / image.name)
                raise SourceError(f"{name} has the value {these.maximum:.0f}, outside 0..{levels - 1}")
            values = these if values is None else values.merge(these)
            names.append(image.name)
            classes.append(image.class_name)
            # Not a view: Pillow's True is a byte of 255.
            yield image.pixels[np.newaxis].astype(np.uint8, copy=False)

    def contents() -> Contents:
        assert values is not None  # `read` raises where there was no image
        codes, label_names = labels_of(classes)
        return Contents(
            levels=_byte_grid(values, levels, str(folder)).levels,
            labels=None if codes is None else codes.astype(np.int64),
            label_names=label_names,
            names=tuple(names),
            origin=str(folder),
            skipped=scan.skipped,
            conversions=scan.conversions,
        )

    return write_packed(path, parts(), contents)


def _pack_array(
    collection: Collection, origin: str, path: Path, levels: int | None, progress: Progress | None
) -> PackedFile:
    images, n = collection.images, len(collection)
    if images.ndim not in (2, 3, 4) or not images.size:
        raise SourceError(f"{origin}: an array of shape {images.shape} does not hold images that can be packed")
    levels = collection.levels if levels is None else levels
    if images.dtype.kind == "b" and levels not in (None, 2):
        raise SourceError(f"{origin}: images of truth values have two levels, not {levels}")
    summaries = (_finite(part, levels, origin) for part in _parts(images))
    grid = _byte_grid(reduce(ValueSummary.merge, summaries), levels, origin)
    codes, label_names = _coded(collection.labels, collection.label_names, origin)
    conversions = collection.conversions
    if isinstance(grid, UnitLevels):
        first = collection.names[0] if collection.names else "image 0"
        conversions += (Conversion(f"numbers k/{grid.levels - 1} packed as the levels k", n, first),)

    def parts() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for part in _parts(images):
            yield grid.levels_of(part)
            done += len(part)
            if progress is not None:
                progress(done, n)

    contents = Contents(grid.levels, codes, label_names, collection.names, origin, collection.skipped, conversions)
    return write_packed(path, parts(), lambda: contents)


def _byte_grid(summary: ValueSummary, levels: int | None, origin: str) -> LevelGrid:
    """The grid that a model would use for such values, if its levels fit into a byte."""
    low, high = summary.minimum, summary.maximum
    try:
        grid = level_grid_for(summary, levels)
    except ValueError as error:
        numbers = "integers" if summary.kind in "bui" else "numbers"
        allowed = f"0..{(levels or MAX_LEVELS) - 1}"
        raise SourceError(
            f"{origin} cannot be packed: it holds {numbers} from {low:g} to {high:g}, outside {allowed}"
        ) from error
    if isinstance(grid, RealLevels):
        raise SourceError(
            f"{origin} cannot be packed without loss: it holds numbers from {low:g} to {high:g} that are neither "
            f"integers 0..{grid.levels - 1} nor k/{grid.levels - 1}. As a .npy file they are read batch by batch too."
        )
    return grid


def _finite(part: NDArray[Any], levels: int | None, origin: str) -> ValueSummary:
    summary = ValueSummary.of(part, levels or DEFAULT_LEVELS)
    if not np.isfinite([summary.minimum, summary.maximum]).all():
        raise SourceError(f"{origin} cannot be packed: it holds NaN or infinity")
    return summary


def _parts(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Consecutive images, of a file or in memory, so many at a time that what is made of them is small."""
    n_images = max(1, PART_BYTES // images[:1].nbytes)
    for start in range(0, len(images), n_images):
        yield np.asarray(images[start : start + n_images])
        release_pages(images)


def _coded(
    labels: NDArray[Any] | None, label_names: tuple[str, ...] | None, origin: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...] | None]:
    """Labels as integers, and the names of the classes: of labels that are text the sorted texts."""
    if labels is None:
        return None, None
    if labels.dtype.kind in "US":
        try:
            names, codes = np.unique(labels.astype(str), return_inverse=True)
        except UnicodeDecodeError as error:
            raise SourceError(f"{origin}: its labels are bytes that are no text") from error
        return codes.astype(np.int64), tuple(names.tolist())
    if labels.max() > np.iinfo(np.int64).max:
        raise SourceError(f"{origin}: its labels are integers of more than 64 bits with a sign")
    return labels.astype(np.int64), label_names


def _as_folder(source: Any) -> Path | None:
    """The folder that ``source`` names, or None: `load_source` says what is wrong with anything else."""
    if not isinstance(source, str | os.PathLike) or source == "digits":
        return None
    try:
        return Path(source) if Path(source).is_dir() else None
    except (OSError, ValueError):
        return None


def _first_origin(source: Any, collection: Collection) -> str:
    """Where the images come from; of a packed file, where they came from when it was packed."""
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == SUFFIX:
        return read_packed(source).contents.origin
    return collection.origin
