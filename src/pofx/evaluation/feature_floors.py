"""Features that anybody has without a model of p(x): what a model's have to be better than."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from pofx.evaluation.autoencoder import PlainAutoencoder

Images = NDArray[np.generic]
Transform = Callable[[Images], NDArray[np.floating]]

#: How many random features there are.
RANDOM_FEATURES = 1024
FLOORS = ("raw", "pca", "autoencoder", "random")


@dataclass(frozen=True)
class Floor:
    """Features with a name, learned from training images without their labels.

    Attributes:
        transform: images -> features (n, k).
        settings: how they came about.
    """

    name: str
    transform: Transform
    settings: str


def floor(name: str, train: Images, n_features: int, *, seed: int = 0, autoencoder_epochs: int = 30) -> Floor:
    """One of `FLOORS`.

    Args:
        train: the images that it may learn from; sub-pixels of any range.
        n_features: of PCA (at most as many as there are) and of the autoencoder.
        seed: of the autoencoder and of the random features.

    Raises:
        ValueError: there is no such floor.
    """
    scale = float(np.abs(train).max()) or 1.0

    def rows(images: Images) -> NDArray[np.float32]:
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(scale)

    seen = rows(train)
    if name == "raw":
        return Floor("raw pixels", rows, "pixels as they are")
    if name == "pca":
        pca = PCA(min(n_features, *seen.shape), random_state=seed).fit(seen)
        return Floor("PCA", lambda images: pca.transform(rows(images)), f"of {len(seen):,} images")
    if name == "autoencoder":
        plain = PlainAutoencoder(n_features, max_epochs=autoencoder_epochs, random_state=seed).fit(seen)
        settings = f"squared error, {autoencoder_epochs} epochs"
        return Floor("a plain autoencoder", lambda images: plain.transform(rows(images)), settings)
    if name == "random":
        return Floor("random features", random_features(seen, rows, seed), "rectified random projections")
    raise ValueError(f"there are no features {name!r}; there are {', '.join(FLOORS)}")


def random_features(seen: NDArray[np.float32], rows: Transform, seed: int) -> Transform:
    """max(0, W (x - mean) + b), W and b normal: a network of one layer that has learned nothing."""
    rng = np.random.default_rng(seed)
    n_pixels = seen.shape[1]
    weights = (rng.normal(size=(n_pixels, RANDOM_FEATURES)) / np.sqrt(n_pixels)).astype(np.float32)
    offsets = rng.normal(scale=0.1, size=RANDOM_FEATURES).astype(np.float32)
    mean = seen.mean(axis=0)
    return lambda images: np.maximum((rows(images) - mean) @ weights + offsets, 0)
