"""Arrays of images and labels become a `Collection`, in memory or from a .npy or .npz file.

A file is believed nothing: what its header claims is compared with the bytes that are there before memory is taken, and
nothing in it is ever unpickled.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from pofx.data.collection import Collection, SourceError, printable
from pofx.data.regular_file import open_regular

_IMAGE_KEYS = ("x", "X", "images", "data")
_LABEL_KEYS = ("y", "labels")
# NumPy writes headers of some hundred bytes and refuses to read ones of more than 10,000 characters.
_LONGEST_HEADER = 2**14


def collection_of_arrays(images: np.ndarray, labels: np.ndarray | None, origin: str) -> Collection:
    """The collection of these arrays, uncopied; SourceError if they cannot be images and their labels."""
    if images.ndim < 2 or images.dtype.kind not in "biuf":
        raise SourceError(
            f"{origin}: images must be numbers in two axes or more, not an array of shape {images.shape} and dtype "
            f"{images.dtype}"
        )
    if labels is not None:
        if labels.shape == (len(images), 1):  # as some well-known files have them
            labels = labels[:, 0]
        if labels.shape != (len(images),):
            raise SourceError(f"{origin}: {len(images)} images, but labels of shape {labels.shape}")
        if labels.dtype.kind not in "biuUS":
            raise SourceError(f"{origin}: labels must be integers or strings, not {labels.dtype}")
    return Collection(images, labels, None, None, origin)


def read_npy(path: Path) -> Collection:
    """The array in a .npy file, mapped and not read; SourceError if it is damaged or does not hold images."""
    try:
        with open_regular(path) as file:
            _check_header(file.read(_LONGEST_HEADER), os.fstat(file.fileno()).st_size)
        images = np.lib.format.open_memmap(path, mode="r")
    # NumPy raises nearly anything about damaged headers.
    except Exception as error:
        raise SourceError(f"{path} cannot be read as a .npy file: {_why(error)}") from error
    return collection_of_arrays(images, None, str(path))


def read_npz(path: Path, split: str | None) -> Collection:
    """The images and labels in a .npz file, in memory; SourceError if it is damaged or does not hold them."""
    try:
        with open_regular(path) as file:
            if file.read(6) == np.lib.format.MAGIC_PREFIX:
                raise SourceError(f"{path} is not a .npz file but a single array: rename it to end in .npy")
            with zipfile.ZipFile(file) as archive:
                members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
                image_key, label_key = _keys(path, list(members), split)
                images = _read_member(path, archive, members[image_key])
                labels = None if label_key is None else _read_member(path, archive, members[label_key])
    except SourceError:
        raise
    # zipfile raises nearly anything about damaged archives.
    except Exception as error:
        raise SourceError(f"{path} cannot be read as a .npz file: {_why(error)}") from error
    return collection_of_arrays(images, labels, f"{path}: {image_key}")


def _keys(path: Path, keys: list[str], split: str | None) -> tuple[str, str | None]:
    """Which arrays of a ``.npz`` file are the images and the labels."""
    listed = f"its arrays are: {printable(', '.join(keys)) or 'none'}"
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


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of a .npz file, once its header agrees with the size of the member and the memory there is."""
    try:
        member = archive.getinfo(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Others take memory for tables whose size a stranger chooses.
            raise ValueError("it is compressed in a way that NumPy does not use")
        with archive.open(member) as file:
            _check_header(file.read(_LONGEST_HEADER), member.file_size)
        memory = _memory_bytes()
        if memory is not None and member.file_size > memory:
            raise ValueError(
                f"it takes {member.file_size} bytes, and the memory of this machine is {memory}; save it as a .npy "
                "file, which is read part by part"
            )
        with archive.open(member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:
        key = printable(name.removesuffix(".npy"))
        raise SourceError(f"{path}: the array {key} cannot be read: {_why(error)}") from error


def _check_header(start: bytes, n_bytes: int) -> None:
    """ValueError unless an array file that starts like this has as many bytes as its header claims.

    Args:
        start: the first bytes of the file, as many as the longest header that is read.
        n_bytes: how long the file is.
    """
    file = io.BytesIO(start)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the format holds no numbers")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    claimed, there = math.prod(shape) * dtype.itemsize, n_bytes - file.tell()
    if min(shape, default=0) < 0 or claimed != there:
        raise ValueError(f"it should hold an array of shape {shape} in {claimed} bytes, but has {there} bytes")


def _memory_bytes() -> int | None:
    """The physical memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _why(error: Exception) -> str:
    return printable(error) or type(error).__name__
