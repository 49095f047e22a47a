"""What features are worth to simple readers: a linear classifier, nearest neighbours, clusters.

What a reader leaves open (penalty, scale, number of neighbours) is chosen on a part of the labelled images; no test
image and no test label is looked at before the reader is finished.

Shapes: features (n, k), labels (n,).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pofx.logistic import OneThreadLogisticRegression

Features = NDArray[np.floating]
Labels = NDArray[np.generic]

#: C of the logistic regression: the inverse of its penalty.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
#: Numbers of neighbours that vote.
NEIGHBOURS = (1, 3, 5, 10)
#: Part of the labelled images on which a reader is chosen.
CHOOSING_FRACTION = 0.2
#: Iterations are enough at so many for the accuracy; that lbfgs could go on is no news to a reader of the table.
MAX_ITERATIONS = 300


@dataclass(frozen=True)
class Reader:
    """A classifier of features that is not fitted yet.

    Attributes:
        value: its C, or how many neighbours vote.
        is_standardised: whether every feature is brought to mean 0 and deviation 1 before, by the labelled images.
    """

    value: float
    is_standardised: bool

    def before(self, classifier: Any) -> Pipeline:
        """This classifier behind the scaler, if there is one."""
        return make_pipeline(StandardScaler() if self.is_standardised else "passthrough", classifier)


class LinearReader(Reader):
    """Logistic regression with C = ``value``."""

    def new(self) -> Pipeline:
        return self.before(OneThreadLogisticRegression(C=self.value, max_iter=MAX_ITERATIONS))


class NeighbourReader(Reader):
    """The vote of the ``value`` nearest labelled images, by the Euclidean distance of their features."""

    def new(self) -> Pipeline:
        return self.before(KNeighborsClassifier(int(self.value)))


R = TypeVar("R", LinearReader, NeighbourReader)


@dataclass(frozen=True)
class Probed:
    """What a reader makes of features.

    Attributes:
        accuracy: share of the test images that it names right.
        reader: the one that was chosen.
        chosen_accuracy: the share that it named right, when it was chosen, of the labelled images that choose: what
            tells layers apart without a look at the test images.
    """

    accuracy: float
    reader: Reader
    chosen_accuracy: float


def linear_probe(
    features: Features, labels: Labels, test_features: Features, test_labels: Labels, *, seed: int = 0
) -> Probed:
    """Logistic regression on features (Alain & Bengio 2016, arXiv 1610.01644).

    Args:
        features, test_features: of images whose labels the probe may and may not see.
        seed: of which labelled images choose C and whether features are standardised.
    """
    readers = (LinearReader(C, standardised) for standardised in (True, False) for C in PENALTIES)
    return _probe(readers, features, labels, test_features, test_labels, seed)


def neighbour_probe(
    features: Features, labels: Labels, test_features: Features, test_labels: Labels, *, seed: int = 0
) -> Probed:
    """The vote of the nearest neighbours; arguments as for `linear_probe`."""
    most = len(labels) - _choosing(len(labels))
    readers = (NeighbourReader(k, standardised) for standardised in (True, False) for k in NEIGHBOURS if k <= most)
    return _probe(readers, features, labels, test_features, test_labels, seed)


def cluster_agreement(
    features: Features, test_features: Features, test_labels: Labels, *, n_clusters: int | None = None, seed: int = 0
) -> float:
    """Normalised mutual information of labels and k-means clusters of the features: 0 for nothing, 1 for the same.

        NMI = 2 I(c; y) / (H(c) + H(y))

    No label is used but to measure. Clusters are found among ``features`` as they are (to standardise them would need a
    label to tell whether it helps), and every test image belongs to the nearest.

    Args:
        n_clusters: as many as there are classes if not given.
        seed: of where k-means begins, the best of ten times.
    """
    n_clusters = len(np.unique(test_labels)) if n_clusters is None else n_clusters
    with warnings.catch_warnings():
        # Fewer distinct points than clusters: the agreement says it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(n_clusters, n_init=10, random_state=seed).fit(_plain(features))
    return float(normalized_mutual_info_score(test_labels, clusters.predict(_plain(test_features))))


def _probe(
    readers: Iterable[R],
    features: Features,
    labels: Labels,
    test_features: Features,
    test_labels: Labels,
    seed: int,
) -> Probed:
    features, test_features = _plain(features), _plain(test_features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        best, chosen_accuracy = _chosen(list(readers), features, labels, seed)
        fitted = best.new().fit(features, labels)
    return Probed(float(fitted.score(test_features, test_labels)), best, chosen_accuracy)


def _chosen(readers: list[R], features: Features, labels: Labels, seed: int) -> tuple[R, float]:
    """The reader that names most of a fifth of the images right after it has seen the others, and how large a share; of
    several the first."""
    counts = np.unique(labels, return_counts=True)[1]
    # A class of a single image cannot be on both sides; nor need every class be on either where there are many.
    n_choosing = _choosing(len(labels))
    can_stratify = counts.min() > 1 and min(n_choosing, len(labels) - n_choosing) >= len(counts)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        features, labels, test_size=n_choosing, random_state=seed, stratify=labels if can_stratify else None
    )
    if len(np.unique(seen_labels)) < 2:
        raise ValueError("a probe needs images of at least two classes, and several of each")

    def accuracy(reader: R) -> float:
        return float(reader.new().fit(seen, seen_labels).score(unseen, unseen_labels))

    accuracies = [accuracy(reader) for reader in readers]
    best = int(np.argmax(accuracies))
    return readers[best], accuracies[best]


def _choosing(n: int) -> int:
    """Of n labelled images so many choose the reader."""
    return math.ceil(CHOOSING_FRACTION * n)


def _plain(features: Features) -> Features:
    """In float32: half the memory and time, and far more digits than a probe can tell."""
    return np.asarray(features, dtype=np.float32)
