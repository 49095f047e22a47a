"""What features are worth: how well a linear classifier reads the label off them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pofx.evaluation.autoencoder import PlainAutoencoder


def linear_probe(
    features: NDArray[np.floating],
    labels: NDArray[np.generic],
    test_features: NDArray[np.floating],
    test_labels: NDArray[np.generic],
) -> float:
    """Test accuracy of logistic regression on standardised features (Alain & Bengio 2016, arXiv 1610.01644).

    Args:
        features, test_features: (n, k), of images whose labels the probe may and may not see.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    with warnings.catch_warnings():
        # 300 iterations are enough for the accuracy; that lbfgs could go on is no news to a reader of the table.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(features, labels)
    return float(probe.score(test_features, test_labels))


def feature_table(
    model: Any,
    train: NDArray[np.generic],
    train_labels: NDArray[np.generic],
    test: NDArray[np.generic],
    test_labels: NDArray[np.generic],
) -> list[tuple[str, float]]:
    """Linear-probe accuracy on a model's features, and on three floors: raw pixels, PCA and a plain autoencoder.

    PCA and the autoencoder get as many features as the model; none of them sees a label.

    Args:
        model: anything fitted, with ``transform``.
    """
    features = model.transform(train)
    dims = features.shape[1]
    raw, raw_test = (np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in (train, test))
    pca = PCA(min(dims, *raw.shape), random_state=0).fit(raw)
    plain = PlainAutoencoder(dims).fit(raw)
    name = type(model).__name__
    pairs = {
        f"{name} features ({dims})": (features, model.transform(test)),
        f"raw pixels ({raw.shape[1]})": (raw, raw_test),
        f"PCA ({pca.n_components_})": (pca.transform(raw), pca.transform(raw_test)),
        f"a plain autoencoder ({dims})": (plain.transform(raw), plain.transform(raw_test)),
    }
    return [(key, linear_probe(seen, train_labels, unseen, test_labels)) for key, (seen, unseen) in pairs.items()]
