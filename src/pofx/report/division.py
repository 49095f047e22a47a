"""Which images of a collection models are fitted to, and which are kept to measure with."""

from __future__ import annotations

import numpy as np

from pofx.data.collection import Collection
from pofx.report.study import Images

#: A collection needs so many images: fewer can neither train nor measure.
FEWEST = 20


def of_collection(collection: Collection) -> Images:
    """Its images, with the names of their classes."""
    return Images(collection.images, collection.named_labels, collection.names)


def divided(collection: Collection, share: float, seed: int) -> tuple[Images, Images]:
    """Training and held-out images, at random, each class in proportion.

    Raises:
        ValueError: too few images, or a share that leaves none on one side.
    """
    n = len(collection)
    n_held_out = round(share * n)
    if n < FEWEST:
        raise ValueError(f"{collection.origin} has {n} images, and a report needs {FEWEST} at least")
    if not 0 < n_held_out < n - 1:
        raise ValueError(f"--holdout {share:g} of {n} images leaves none to learn from or none to measure with")
    order = np.random.default_rng([seed, 20]).permutation(n)
    labels = collection.named_labels
    if labels is not None:
        # Where in its class each comes, as a share: every stretch then has the classes in about their proportion.
        _, codes = np.unique(labels, return_inverse=True)
        place = np.empty(n)
        for code in np.unique(codes):
            own = order[codes[order] == code]
            place[own] = (np.arange(len(own)) + 0.5) / len(own)
        order = order[np.argsort(place[order], kind="stable")]
    every = of_collection(collection)
    # Evenly spread over the order, and so over the classes.
    is_held_out = np.zeros(n, dtype=bool)
    is_held_out[order[np.linspace(0, n - 1, n_held_out).round().astype(np.int64)]] = True
    return every.part(np.flatnonzero(~is_held_out)), every.part(np.flatnonzero(is_held_out))
