"""Which images of a collection models are fitted to, and which are kept to measure with."""

from __future__ import annotations

import numpy as np

from pofx.applications import outlier_split as split
from pofx.applications.outlier_split import Sizes
from pofx.data.collection import Collection
from pofx.report.study import Images

#: A collection needs so many images: fewer can neither train nor measure.
FEWEST = 20


def of_collection(collection: Collection, before: str = "") -> Images:
    """Its images, with the names of their classes; each is called by its name or else its number in the source.

    Args:
        before: said before each number, where there are two sources.
    """
    names = collection.names or tuple(f"{before}{i}" for i in range(len(collection)))
    return Images(collection.images, collection.named_labels, names)


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
    labels = collection.named_labels
    codes = None if labels is None else np.unique(labels, return_inverse=True)[1].astype(np.int64)
    sizes = Sizes(0.0, share, trains=True, refers=False)
    parts = split.divided(n, sizes, np.random.default_rng([seed, 20]), codes)
    every = of_collection(collection)
    return every.part(parts.training), every.part(parts.calibration)
