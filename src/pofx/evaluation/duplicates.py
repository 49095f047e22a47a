"""Images that a collection holds more than once, or nearly so."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.measures.distances import squared_distances

#: Images among which near-duplicates are looked for, at most: every one is compared with every other.
COMPARED = 4_000
#: A pair is nearly the same if it is nearer than this part of the median distance of an image to its nearest.
NEAR = 0.1


@dataclass(frozen=True)
class Duplicates:
    """What `duplicates` found.

    Attributes:
        same: for each image that there is more than once the indices of all of its copies, ascending.
        near (k, 2): pairs that are nearly the same and not the same, the nearest first. distances (k,): between them,
            root mean square differences of their sub-pixels.
        median_distance: of a compared image to its nearest.
        n_compared: images among which near pairs were looked for.
    """

    same: tuple[tuple[int, ...], ...]
    near: NDArray[np.int64]
    distances: NDArray[np.float64]
    median_distance: float
    n_compared: int

    @property
    def n_copies(self) -> int:
        """Images that are there once already."""
        return sum(len(group) - 1 for group in self.same)


def duplicates(images: NDArray[np.generic], *, n_compared: int = COMPARED, seed: int = 0) -> Duplicates:
    """Find images that are the same to the bit, among all, and pairs that are nearly so, among some.

    Nearly the same are two images whose distance is below `NEAR` of the median distance between an image and the one
    nearest to it: a judgement by what is usual in this collection, not by what one sees.

    Args:
        images: (n, ...), numbers. n_compared: among how many images near pairs are looked for, at random.
        seed: of which these are.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index in range(len(images)):
        groups[hashlib.blake2b(np.ascontiguousarray(images[index]).data, digest_size=16).digest()].append(index)
    same = tuple(tuple(group) for group in groups.values() if len(group) > 1)
    # Of each image one copy, so that near pairs are not all copies.
    once = np.array([group[0] for group in groups.values()], dtype=np.int64)
    some = np.sort(np.random.default_rng([seed, 22]).permutation(once)[:n_compared])
    if len(some) < 3:
        return Duplicates(same, np.empty((0, 2), dtype=np.int64), np.empty(0), float("nan"), len(some))
    rows = np.asarray(images[some], dtype=np.float64).reshape(len(some), -1)
    which = np.empty(len(rows), dtype=np.int64)
    for part, squared in squared_distances(rows, rows):
        own = np.arange(part.start, part.stop)
        squared[own - part.start, own] = np.inf
        which[part] = squared.argmin(axis=1)
    # Again from the rows themselves, for near rows lose most digits of the other form.
    distances = np.sqrt(((rows - rows[which]) ** 2).mean(axis=1))
    median = float(np.median(distances))
    pairs = {
        (min(i, j), max(i, j)): d
        for i, (j, d) in enumerate(zip(which.tolist(), distances.tolist(), strict=True))
        if d < NEAR * median
    }
    order = sorted(pairs, key=lambda pair: (pairs[pair], pair))
    near = some[np.array(order, dtype=np.int64).reshape(-1, 2)]
    return Duplicates(same, near, np.array([pairs[pair] for pair in order]), median, len(some))
