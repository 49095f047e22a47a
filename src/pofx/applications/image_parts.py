"""Parts of a collection of images: some of them by index, or a few at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.checking import mapped_file, release_pages

#: Bytes of images that are looked at together.
PART_BYTES = 64 * 2**20


def taken(images: NDArray[Any], indices: NDArray[np.int64]) -> NDArray[Any]:
    """``images[indices]``; of a memory-mapped array a copy in a temporary file, mapped too, not one in memory.

    The file is gone when the array is.
    """
    if mapped_file(images) is None:
        return np.asarray(images[indices])
    with tempfile.TemporaryFile() as file:
        copy = np.memmap(file, dtype=images.dtype, mode="w+", shape=(len(indices), *images.shape[1:]))
    for start, stop in spans(copy):
        copy[start:stop] = images[indices[start:stop]]
        release_pages(images)
        copy.flush()
        release_pages(copy)
    return copy


def spans(images: NDArray[Any], bytes_an_image: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, stop) of consecutive parts that take at most about `PART_BYTES`, one image at least.

    Args:
        bytes_an_image: what each takes, if that is more than its own bytes.
    """
    one = bytes_an_image or max(1, images[:1].nbytes)
    size = max(1, PART_BYTES // one)
    for start in range(0, len(images), size):
        yield start, min(start + size, len(images))
