"""Simple outlier scores, to stand beside a model's: what is found without anything deep.

Each is a function of rows of levels (n, D), integers 0..K-1, that are ordinary, and of rows (m, D) to be scored; higher
is more ordinary. They learn from all ordinary images that a detector gets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from pofx.applications.png_bits import png_bits
from pofx.evaluation.baselines import PCAGaussianMixture

Rows = NDArray[np.integer]
Scores = NDArray[np.float64]
#: Neighbours whose distances are averaged, and principal components.
NEIGHBOURS, COMPONENTS = 5, 50


def isolation_forest(train: Rows, test: Rows) -> Scores:
    """How many random cuts it takes to part an image from the others (Liu, Ting, Zhou 2008)."""
    return np.asarray(IsolationForest(n_estimators=200, random_state=0).fit(train).score_samples(test))


def principal_components(train: Rows, test: Rows) -> Scores:
    """log p(x) of a Gaussian mixture on 50 principal components and a Gaussian of what they leave out."""
    return PCAGaussianMixture(n_components=min(COMPONENTS, *train.shape)).fit(train).score_samples(test)


def neighbours(train: Rows, test: Rows) -> Scores:
    """Minus the mean Euclidean distance to the five nearest ordinary images."""
    found = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(train))).fit(train.astype(np.float32))
    return -found.kneighbors(test.astype(np.float32))[0].mean(axis=1)


def png_size(train: Rows, test: Rows, shape_HWC: tuple[int, int, int]) -> Scores:
    """Minus how far the logarithm of the PNG size lies from that of ordinary images, in their deviations.

    Where no ordinary image has a level above 255, higher levels of the others count as 255.
    """
    # By the ordinary images alone: the score of an image must not depend on what is scored beside it.
    one_byte = train.max(initial=0) < 256
    ordinary, new = (np.log(png_bits(_images(rows, shape_HWC, one_byte))) for rows in (train, test))
    return -np.abs(new - ordinary.mean()) / (ordinary.std() or 1.0)


def floors(shape_HWC: tuple[int, int, int]) -> dict[str, Callable[[Rows, Rows], Scores]]:
    """All of them by name, of images of this shape."""
    return {
        "isolation forest": isolation_forest,
        "PCA residual and mixture": principal_components,
        "5 nearest neighbours": neighbours,
        "PNG size": lambda train, test: png_size(train, test, shape_HWC),
    }


def _images(rows: Rows, shape_HWC: tuple[int, int, int], one_byte: bool) -> Rows:
    levels = np.minimum(rows, 255).astype(np.uint8) if one_byte else rows.astype(np.int32)
    return levels.reshape(len(rows), *shape_HWC)
