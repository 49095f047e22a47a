"""Features of many dimensions in two, for people to look at."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

#: Principal components that t-SNE looks at: beyond them distances are mostly noise, and cost most of the time.
COMPONENTS = 50
#: How many neighbours an image is kept near to, about.
PERPLEXITY = 30.0
#: Fewer images have no map.
FEWEST = 4


def feature_map(features: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float64]:
    """Points (n, 2), images that are neighbours by their features near to one another.

    t-SNE (van der Maaten & Hinton 2008) of the first principal components. Which images are neighbours means something;
    distances between groups, their sizes and the axes mean nothing. No label is looked at.

    Raises:
        ValueError: fewer than four images.
    """
    n = len(features)
    if n < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} images, not {n}")
    values = np.asarray(features, dtype=np.float64)
    deviation = values.std()
    if deviation == 0:  # all are the same point
        return np.zeros((n, 2))
    # One scale for all, so that nothing depends on the unit of the features.
    components = PCA(min(COMPONENTS, *values.shape), random_state=seed).fit_transform(values / deviation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a direction in which nothing varies
        points = TSNE(
            perplexity=min(PERPLEXITY, (n - 1) / 3), init=_start(components), random_state=seed
        ).fit_transform(components.astype(np.float32))
    return np.asarray(points, dtype=np.float64)


def _start(components: NDArray[np.float64]) -> NDArray[np.float32]:
    """The first two principal components, small, as scikit-learn's init="pca"; also where there is only one."""
    start = np.zeros((len(components), 2))
    start[:, : min(2, components.shape[1])] = components[:, :2]
    return (1e-4 * start / (start[:, 0].std() or 1.0)).astype(np.float32)
