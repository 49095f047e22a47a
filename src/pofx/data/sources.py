"""Where images come from: a name, an array, a NumPy file, a folder or a packed file becomes one `Collection`.

A source is read whole or refused, unless the caller asks for bad files to be skipped; what is skipped or converted is
told (`Collection.skipped`, `Collection.conversions`).
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import numpy as np

from pofx.data.arrays import collection_of_arrays, read_npy, read_npz
from pofx.data.collection import Collection, Conversion, Errors, Progress, Skipped, SourceError
from pofx.data.folder import read_folder
from pofx.data.openml import PREFIX as OPENML_PREFIX
from pofx.data.openml import read_openml
from pofx.data.packed import SUFFIX as PACKED_SUFFIX
from pofx.data.packed import open_packed
from pofx.data.resampling import check_size, resample_collection

__all__ = ["SOURCES", "Collection", "Conversion", "Skipped", "SourceError", "load_source"]

SOURCES = """A source can be:
  digits           scikit-learn's handwritten digits, 8x8
  a folder         of images; its sub-folders, if all images lie in them, are the classes
  a .npy file      an array of images (n, height, width), (n, height, width, channels) or (n, features)
  a .npz file      images under x, X, images, data or x_train and x_test; labels under y, labels or y_train and y_test
  a .packed file   what `pofx prepare` wrote
  openml:NAME      a data set of openml.org; also openml:NAME@VERSION and openml:ID
  an array         the same as in a .npy file, in memory"""


def load_source(
    source: str | os.PathLike[str] | np.ndarray,
    *,
    split: str | None = None,
    size: tuple[int, int] | None = None,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
    errors: Errors = "raise",
    progress: Progress | None = None,
) -> Collection:
    """The images of ``source``.

    Args:
        source: ``"digits"``; a folder of images; a ``.npy`` file (mapped, not read); a ``.npz`` file; a ``.packed``
            file (mapped); ``"openml:NAME"``, ``"openml:NAME@VERSION"`` or ``"openml:ID"``; or an array.
        split: ``"train"`` or ``"test"``, for a ``.npz`` file that has both; by default its training images.
        size: height and width in pixels: each image is cut at the centre to the shape and resampled (Lanczos).
        shape: height, width and channels that a fitted model expects of image files. Others are bad files (unless
            ``size`` is given too), gray ones become R=G=B if channels is 3, and colour is bad if channels is 1.
        levels: number of levels that a fitted model expects of image files: with more than 2, a folder of 1-bit images
            gives gray 0 and 255.
        errors: what to do about files of a folder that cannot be used: ``"raise"`` an error that names the first that
            is found, or ``"skip"`` them and tell so in ``Collection.skipped``.
        progress: called with (images done, images in all) now and then while files are decoded or images resampled.

    Raises:
        SourceError: if there is no such source, or it does not hold images that can be read and belong together.
    """
    if split not in (None, "train", "test"):
        raise SourceError(f"split must be 'train' or 'test', not {split!r}")
    if errors not in ("raise", "skip"):
        raise SourceError(f"errors must be 'raise' or 'skip', not {errors!r}")
    if size is not None:
        size = check_size(size)
    path = _existing_path(source)
    if split is not None and (path is None or path.is_dir() or path.suffix.lower() != ".npz"):
        what = "an array" if isinstance(source, np.ndarray) else source
        raise SourceError(f"{what} has no split {split!r}: only a .npz file with x_{split} has one")
    if path is not None and path.is_dir():
        return read_folder(path, size=size, shape=shape, levels=levels, errors=errors, progress=progress)
    collection = _read_file(path, split) if path is not None else _read_named(source)
    return collection if size is None else resample_collection(collection, size, progress)


def _existing_path(source: object) -> Path | None:
    """The file or folder that a source names; None if it is no path."""
    if isinstance(source, np.ndarray) or source == "digits" or _is_openml(source):
        return None
    if not isinstance(source, str | os.PathLike):
        raise SourceError(f"{type(source).__name__} is not a source. {SOURCES}")
    path = Path(source)
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:  # not allowed to look, too long for a name, or with a null byte
        raise SourceError(f"{path} cannot be opened: {error}") from error
    if not exists:
        raise SourceError(_missing(path))
    return path


def _is_openml(source: object) -> bool:
    return isinstance(source, str) and source.startswith(OPENML_PREFIX)


def _read_named(source: object) -> Collection:
    """The collection of a source that is no path."""
    if isinstance(source, np.ndarray):
        return collection_of_arrays(source, None, f"an array of shape {source.shape}")
    return _digits() if source == "digits" else read_openml(str(source))


def _read_file(path: Path, split: str | None) -> Collection:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path)
    if suffix == ".npz":
        return read_npz(path, split)
    if suffix == PACKED_SUFFIX:
        return open_packed(path)
    raise SourceError(f"{path} is a file that is no source: it ends in {path.suffix!r}. {SOURCES}")


def _digits() -> Collection:
    from sklearn.datasets import load_digits  # slow to import, and needed for nothing else here

    bunch = load_digits()
    return Collection(bunch.images.astype(np.int64), bunch.target, None, None, "scikit-learn's digits")


def _missing(path: Path) -> str:
    """What to say of a path that does not exist: where it ends, and which names there are like it."""
    missing = path
    while not missing.parent.exists():
        missing = missing.parent
    try:
        there = [entry.name for entry in missing.parent.iterdir()]
    except OSError:
        there = []
    if missing == path and path.parent == Path():
        there.append("digits")
    similar = difflib.get_close_matches(missing.name, there, n=3)
    hint = f" Did you mean {' or '.join(str(missing.parent / name) for name in similar)}?" if similar else ""
    return f"{missing} does not exist.{hint}\n{SOURCES}"
