"""Where images come from: a name, an array, a NumPy file or a folder becomes one `Collection`.

A source is taken whole or refused. An image that cannot be read, is of another size or has another mode is an error
that names the file; nothing is skipped, resized or converted here.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pofx.data.folder import SourceError, read_folder

__all__ = ["Collection", "SourceError", "load_source"]

SOURCES = """A source can be:
  digits           scikit-learn's handwritten digits, 8x8
  a folder         of images of one size, 8-bit gray or RGB; its sub-folders, if all images lie in them, are the classes
  a .npy file      an array of images (n, height, width), (n, height, width, channels) or (n, features)
  a .npz file      images under x, X, images, data or x_train and x_test; labels under y, labels or y_train and y_test
  an array         the same, in memory"""

_IMAGE_KEYS = ("x", "X", "images", "data")
_LABEL_KEYS = ("y", "labels")


@dataclass(frozen=True)
class Collection:
    """A collection of images and what its source says about them.

    Attributes:
        images: one image per entry of the first axis.
        labels: shape (n,), integers or strings; None if the source has none.
        names: the file of each image relative to the folder; None if they do not come from files of their own.
        label_names: the class that each integer label 0, 1, ... stands for; None if the labels are not such numbers.
        origin: where the images come from, for people to read.
    """

    images: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...] | None
    label_names: tuple[str, ...] | None
    origin: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def named_labels(self) -> np.ndarray | None:
        """The labels by the names of their classes, where they have names."""
        if self.labels is None or self.label_names is None:
            return self.labels
        return np.asarray(self.label_names)[self.labels]


def load_source(source: str | os.PathLike[str] | np.ndarray, *, split: str | None = None) -> Collection:
    """The images of ``source``, as they are.

    Args:
        source: ``"digits"``, a folder of images, a ``.npy`` file (mapped, not read), a ``.npz`` file, or an array.
        split: ``"train"`` or ``"test"``, for a ``.npz`` file that has both; by default its training images.

    Raises:
        SourceError: if there is no such source, or it does not hold images that can all be read and belong together.
    """
    if split not in (None, "train", "test"):
        raise SourceError(f"split must be 'train' or 'test', not {split!r}")
    if isinstance(source, np.ndarray):
        collection = _checked(source, None, f"an array of shape {source.shape}")
    elif not isinstance(source, str | os.PathLike):
        raise SourceError(f"{type(source).__name__} is not a source. {SOURCES}")
    elif source == "digits":
        collection = _digits()
    else:
        path = Path(source)
        try:
            exists = path.exists()
        except (OSError, ValueError) as error:  # not allowed to look, too long for a name, or with a null byte
            raise SourceError(f"{path} cannot be opened: {error}") from error
        if not exists:
            raise SourceError(_missing(path))
        if path.is_dir():
            folder = read_folder(path)
            collection = Collection(folder.images, folder.labels, folder.names, folder.label_names, str(path))
        elif path.suffix.lower() == ".npy":
            collection = _checked(_npy(path), None, str(path))
        elif path.suffix.lower() == ".npz":
            return _npz(path, split)
        else:
            raise SourceError(f"{path} is a file that is no source: it ends in {path.suffix!r}. {SOURCES}")
    if split is not None:
        raise SourceError(f"{collection.origin} has no split {split!r}: only a .npz file with x_{split} has one")
    return collection


def _digits() -> Collection:
    from sklearn.datasets import load_digits  # slow to import, and needed for nothing else here

    bunch = load_digits()
    return Collection(bunch.images.astype(np.int64), bunch.target, None, None, "scikit-learn's digits")


def _npy(path: Path) -> np.ndarray:
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        raise SourceError(f"{path} cannot be read as a .npy file: {error}") from error


def _npz(path: Path, split: str | None) -> Collection:
    with path.open("rb") as file:  # opened here because NumPy leaves a damaged archive open
        try:
            archive = np.load(file, allow_pickle=False)
        # NumPy and zip raise nearly anything about damaged files, pickled contents and sizes beyond memory.
        except Exception as error:
            raise SourceError(f"{path} cannot be read as a .npz file: {error}") from error
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise SourceError(f"{path} is not a .npz file but a single array: rename it to end in .npy")
        image_key, label_key = _keys(path, archive.files, split)
        return _checked(_array(path, archive, image_key), _array(path, archive, label_key), f"{path}: {image_key}")


def _keys(path: Path, keys: list[str], split: str | None) -> tuple[str, str | None]:
    """Which arrays of a ``.npz`` file are the images and the labels."""
    listed = f"its arrays are: {', '.join(keys) or 'none'}"
    if split is not None or "x_train" in keys:
        split = split or "train"
        images, labels = [f"x_{split}"], [f"y_{split}"]
    elif len(keys) == 1:
        images, labels = keys, []
    else:
        images, labels = [key for key in _IMAGE_KEYS if key in keys], list(_LABEL_KEYS)
    if not images or images[0] not in keys:
        wanted = f"x_{split}" if split else "one of " + ", ".join(_IMAGE_KEYS) + " or x_train"
        raise SourceError(f"{path} has no images under {wanted}; {listed}")
    labels = [key for key in labels if key in keys]
    if len(images) > 1 or len(labels) > 1:
        raise SourceError(f"{path} has several arrays that could be the images or the labels; {listed}")
    return images[0], labels[0] if labels else None


def _array(path: Path, archive: Mapping[str, np.ndarray], key: str | None) -> np.ndarray | None:
    if key is None:
        return None
    try:
        return archive[key]
    except Exception as error:
        raise SourceError(f"{path}: the array {key} cannot be read: {error}") from error


def _checked(images: np.ndarray | None, labels: np.ndarray | None, origin: str) -> Collection:
    if images is None or images.ndim < 2 or images.dtype.kind not in "biuf":
        what = "nothing" if images is None else f"an array of shape {images.shape} and dtype {images.dtype}"
        raise SourceError(f"{origin}: images must be numbers in two axes or more, not {what}")
    if labels is not None:
        if labels.shape == (len(images), 1):  # as some well-known files have them
            labels = labels[:, 0]
        if labels.shape != (len(images),):
            raise SourceError(f"{origin}: {len(images)} images, but labels of shape {labels.shape}")
        if labels.dtype.kind not in "biuUS":
            raise SourceError(f"{origin}: labels must be integers or strings, not {labels.dtype}")
    return Collection(images, labels, None, None, origin)


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
