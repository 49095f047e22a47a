"""What a model's features are worth beside those that anybody has without a model, over layers, readers and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.evaluation.feature_floors import FLOORS, Transform, floor
from pofx.evaluation.probes import cluster_agreement, linear_probe, neighbour_probe
from pofx.measures.alike import checked_count

Images = NDArray[np.generic]
Labels = NDArray[np.generic]
SEEDS = (0, 1, 2)
#: Labelled images of the probe of few labels.
FEW_LABELS = 1_000
#: The features that `transform` gives, in place of a layer.
TRANSFORM = "transform"


@dataclass(frozen=True)
class FeatureRow:
    """What one kind of features is worth, once for each seed.

    Attributes:
        name: of the features. n_features: how many there are.
        linear, few, neighbours (n_seeds,): accuracy of a linear classifier that saw all labelled images, of one that
            saw few of them (None where they are no more than few), and of nearest neighbours.
        clusters (n_seeds,): normalised mutual information of k-means clusters and labels.
    """

    name: str
    n_features: int
    linear: tuple[float, ...]
    few: tuple[float, ...] | None
    neighbours: tuple[float, ...]
    clusters: tuple[float, ...]


@dataclass(frozen=True)
class FeatureTable:
    """`FeatureRow` for a model and its floors.

    Attributes:
        n_labels, n_few: labelled images of ``linear`` and of ``few``. n_test: images on which accuracy is measured.
        n_seeds: of which labelled and which test images were taken, of the floors and of k-means.
    """

    rows: tuple[FeatureRow, ...]
    n_labels: int
    n_few: int
    n_test: int
    n_seeds: int

    def cells(self) -> list[list[str]]:
        """The table as text, its heading first: means over the seeds and, of several, deviations."""
        shows_few = any(row.few is not None for row in self.rows)
        heading = ["features (how many)", f"linear, {self.n_labels:,} labels"]
        heading += [f"linear, {self.n_few:,} labels"] * shows_few + ["neighbours", "clusters (NMI)"]
        cells = [heading]
        for row in self.rows:
            values = [row.linear, *([row.few] if shows_few else []), row.neighbours, row.clusters]
            cells.append([f"{row.name} ({row.n_features:,})", *(mean_and_spread(value) for value in values)])
        return cells

    @property
    def note(self) -> str:
        """What the numbers are."""
        over = f"; mean ± standard deviation over {self.n_seeds} seeds" if self.n_seeds > 1 else ""
        return (
            f"Share of {self.n_test:,} test images that are named right by a linear classifier and by the nearest of "
            f"the {self.n_labels:,} labelled images; agreement of k-means clusters with the classes (1: the "
            f"same){over}."
        )


def mean_and_spread(values: Sequence[float] | None) -> str:
    """``0.950 ± 0.002``: the mean, and the standard deviation if there are several; nothing of nothing."""
    if values is None:
        return ""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def feature_table(
    model: Any,
    train: Images,
    train_labels: Labels,
    test: Images,
    test_labels: Labels,
    *,
    layers: Sequence[str] = (TRANSFORM,),
    fields: int | None = None,
    floors: Sequence[str] = FLOORS,
    n_labels: int | None = None,
    n_few: int = FEW_LABELS,
    n_test: int | None = None,
    seeds: Sequence[int] = SEEDS,
) -> FeatureTable:
    """How well features tell the classes apart, of a model and of its floors.

    PCA and the autoencoder get as many features as the model's first layer here, but no more than there are sub-pixels;
    they learn from all training images, and none of them sees a label.

    Args:
        model: anything fitted, with ``transform`` (and ``layer_features``, for other layers).
        layers: "transform", and names of the model's ``feature_layers_``.
        fields: parts along a side over which the maps of layers are averaged, if not `layer_features`'s own.
        floors: some of "raw", "pca", "autoencoder", "random".
        n_labels: training images whose labels are used, at random; None: all.
        n_few: labelled images of a second linear probe, the first ones of those.
        n_test: test images, at random; None: all. (Test images are often sorted by class: never the first ones.)
        seeds: a measurement for each: it chooses the labelled and the test images, and begins what is random.

    Raises:
        ValueError: no seed, fewer than two labelled images or no test image is asked for.
    """
    if not len(seeds):
        raise ValueError("seeds is empty: each seed is a measurement, and one is needed at least")
    n_labels = len(train) if n_labels is None else min(checked_count(n_labels, "n_labels", 2), len(train))
    n_test = len(test) if n_test is None else min(checked_count(n_test, "n_test", 1), len(test))
    n_few = min(checked_count(n_few, "n_few", 2), n_labels)
    parts = {seed: (some(len(train), n_labels, [seed, 0]), some(len(test), n_test, [seed, 1])) for seed in seeds}
    measured: dict[str, list[Measured]] = {}

    def measure_with(seed: int, name: str, features: Transform, test_features: Transform) -> None:
        """Args: features, test_features: from indices of images to their features."""
        chosen, tested = parts[seed]
        values = features(chosen), train_labels[chosen], test_features(tested), test_labels[tested]
        measured.setdefault(name, []).append(measure(*values, n_few=n_few, seed=seed))

    for layer in layers:
        name = f"{type(model).__name__} {'features' if layer == TRANSFORM else layer}"
        transform = transform_of(model, layer, fields)
        # Once for all seeds: a network takes longer than its readers.
        features, test_features = (
            _of_some(transform, images, [part[which] for part in parts.values()])
            for which, images in enumerate((train, test))
        )
        for seed in seeds:
            measure_with(seed, name, features, test_features)
    n_pixels = int(np.prod(train.shape[1:]))
    dims = min(next(iter(measured.values()))[0].n_features if measured else n_pixels, n_pixels)
    for key in floors:
        for seed in seeds:
            plain = floor(key, train, dims, seed=seed)
            measure_with(seed, plain.name, _of(plain.transform, train), _of(plain.transform, test))
    rows = tuple(_row(name, of_seeds, shows_few=n_few < n_labels) for name, of_seeds in measured.items())
    return FeatureTable(rows, n_labels, n_few, n_test, len(seeds))


@dataclass(frozen=True)
class Measured:
    """What features are worth with one seed; see `FeatureRow`."""

    n_features: int
    linear: float
    few: float
    neighbours: float
    clusters: float


def measure(
    features: NDArray[np.floating],
    labels: Labels,
    test_features: NDArray[np.floating],
    test_labels: Labels,
    *,
    n_few: int,
    seed: int,
) -> Measured:
    """Every reader on features of labelled and of test images, both in random order."""
    linear = linear_probe(features, labels, test_features, test_labels, seed=seed).accuracy
    few = linear
    if n_few < len(labels):
        few = linear_probe(features[:n_few], labels[:n_few], test_features, test_labels, seed=seed).accuracy
    neighbours = neighbour_probe(features, labels, test_features, test_labels, seed=seed).accuracy
    clusters = cluster_agreement(features, test_features, test_labels, seed=seed)
    return Measured(features.shape[1], linear, few, neighbours, clusters)


def transform_of(model: Any, layer: str, fields: int | None = None) -> Transform:
    """Images -> the features of a layer, a map in so many fields along a side; of "transform" what that gives."""
    if layer == TRANSFORM:
        transform: Transform = model.transform
        return transform
    words = {} if fields is None else {"fields": fields}
    return lambda images: model.layer_features(images, layer, **words)


def some(n: int, count: int, seed: int | list[int]) -> NDArray[np.int64]:
    """``count`` of n indices at random, in random order; fewer of the same seed are the first of more."""
    return np.random.default_rng(seed).permutation(n)[:count]


def _of(transform: Transform, images: Images) -> Transform:
    """From indices of these images to features."""
    return lambda indices: transform(images[indices])


def _of_some(transform: Transform, images: Images, parts: Sequence[NDArray[np.int64]]) -> Transform:
    """From indices, of these parts of the images, to features; every image passes through ``transform`` once."""
    needed = np.unique(np.concatenate(parts))
    features = transform(images[needed])
    return lambda indices: features[np.searchsorted(needed, indices)]


def _row(name: str, of_seeds: Sequence[Measured], *, shows_few: bool) -> FeatureRow:
    return FeatureRow(
        name,
        of_seeds[0].n_features,
        tuple(one.linear for one in of_seeds),
        tuple(one.few for one in of_seeds) if shows_few else None,
        tuple(one.neighbours for one in of_seeds),
        tuple(one.clusters for one in of_seeds),
    )
