"""Which images a collection holds, in a few numbers: whether others are the same can be told without keeping them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.checking import iterate_parts

#: Hashes that are kept of a collection, at most.
KEPT = 512
#: Images whose values are converted together.
_BLOCK = 256


def sampled_hashes(rows: NDArray[Any]) -> list[int]:
    """The smallest hashes of the images that are there once, at most `KEPT`, ascending: a sample whatever the order.

    Images that are there more than once (blank ones, all small binary ones) are likely to be in any other collection of
    the kind, too, and tell nothing.

    Args:
        rows: images (n, d), in memory or memory-mapped.
    """
    hashes, counts = np.unique(_hashes(rows), return_counts=True)
    return [int(number) for number in hashes[counts == 1][:KEPT]]


def holds_most_of(sample: list[int], rows: NDArray[Any]) -> bool:
    """Whether more than half of the images that could be in the sample are, whatever their order and number.

    New draws from the law of the collection are not held, however few images there can be at all: one that is x with
    probability p(x) is there once among n with probability

        n p(x) (1 - p(x))^(n - 1) <= (1 - 1/n)^(n - 1),

    which tends to 1/e.

    Args:
        sample: what `sampled_hashes` says of a collection. rows: images (n, d).
    """
    hashes = np.unique(_hashes(rows))
    if len(sample) == KEPT:
        hashes = hashes[hashes <= np.uint64(sample[-1])]
    found = np.isin(hashes, np.array(sample, dtype=np.uint64))
    return bool(2 * found.sum() > len(hashes))


def check_sample(sample: Any) -> None:
    """ValueError for what `sampled_hashes` cannot have given."""
    if not isinstance(sample, list) or len(sample) > KEPT:
        raise ValueError(f"the hashes of the images are a list of at most {KEPT}")
    if not all(type(number) is int and 0 <= number < 2**64 for number in sample):
        raise ValueError("the hashes of the images are integers of 64 bits")
    if sample != sorted(set(sample)):
        raise ValueError("the hashes of the images are ascending")


def _hashes(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """64 bits of the BLAKE2b digest of each image's values, (n,): of their float32, whatever type holds them."""
    digests = bytearray()
    for part in iterate_parts(rows):
        for start in range(0, len(part), _BLOCK):
            with np.errstate(over="ignore"):
                values = np.asarray(part[start : start + _BLOCK], dtype="<f4") + np.float32(0.0)  # -0.0 is 0.0
            values = np.ascontiguousarray(values)  # the images of a Fortran-ordered array are not
            for image in values:
                digests += hashlib.blake2b(image.data, digest_size=8).digest()
    return np.frombuffer(bytes(digests), dtype="<u8").astype(np.uint64)
