"""What latents are worth: accuracy of a linear classifier on posterior means, with 1,000 and with 10,000 labels.

    python benchmarks/latents.py mnist --arm model --minutes 30 --latent-dim 128 --prior vamp --levels 2
    python benchmarks/latents.py mnist --arm vae --levels 2
    python benchmarks/latents.py mnist --arm raw
    python benchmarks/latents.py mnist --arm pca
    python benchmarks/latents.py mnist --arm autoencoder
    python benchmarks/latents.py mnist --arm random

``model`` fits the VAE to the 60,000 training images without their labels and saves it under ``--folder``; killed, it
goes on where it was. With ``--levels 2`` the VAE sees of a pixel only whether it is above 127. Each other arm appends a
row for each number of labels to ``results/latents.csv``; ``vae`` needs the model's file, ``--model`` takes another one.
PCA and autoencoder learn from all 60,000 images, too, and have ``--latent-dim`` features; the random features are 1,024
rectified random projections of the pixels.

The probe is logistic regression. Its penalty, C = 0.001, 0.01, ..., 100, and whether features are standardised before
are chosen, for every arm alike, by the accuracy on a fifth of the labelled images; it is then fitted to all of them.
Accuracy is that of the 10,000 test images; its standard error is sqrt(p (1 - p) / 10,000).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import common
import pofx
from pofx.evaluation.autoencoder import PlainAutoencoder

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
LABELS = (1_000, 10_000)
RANDOM_FEATURES = 1024
Features = NDArray[np.floating]


@dataclass(frozen=True)
class Probe:
    """A linear classifier: its penalty, and whether features are standardised before."""

    C: float
    is_standardised: bool

    def new(self):
        return make_pipeline(
            StandardScaler() if self.is_standardised else "passthrough", LogisticRegression(C=self.C, max_iter=300)
        )


PROBES = [Probe(C, is_standardised) for is_standardised in (True, False) for C in PENALTIES]


def probed(
    features: Features, labels: NDArray[np.integer], test: Features, test_labels: NDArray[np.integer]
) -> tuple[float, Probe]:
    """Test accuracy of the probe that was chosen on a fifth of the labelled images, and this probe."""
    split = train_test_split(features, labels, test_size=0.2, random_state=0, stratify=labels)
    seen, unseen, seen_labels, unseen_labels = split
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = [probe.new().fit(seen, seen_labels).score(unseen, unseen_labels) for probe in PROBES]
        best = PROBES[int(np.argmax(scores))]
        return float(best.new().fit(features, labels).score(test, test_labels)), best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["mnist", "fashion_mnist"])
    parser.add_argument("--arm", choices=["model", "vae", "raw", "pca", "autoencoder", "random"], required=True)
    parser.add_argument("--minutes", type=float, default=10, help="of the fit")
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--prior", choices=["normal", "flow", "vamp", "mixture"], default="normal")
    parser.add_argument("--levels", type=int, choices=[2, 256], default=256, help="of the images that the VAE sees")
    parser.add_argument("--model", type=Path, help="a model file instead of that of the arm 'model'")
    parser.add_argument("--autoencoder-epochs", type=int, default=30)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("out/latents"))
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load(arguments.data, arguments.data_folder)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.model or arguments.folder / f"{arguments.data}.pofx"
    if arguments.arm == "model":
        common.fit_vae(arguments, shown(arrays["x_train"], arguments.levels), path, prior=arguments.prior)
        return
    start = time.perf_counter()
    transform, settings = features_of(arguments, arrays["x_train"], path)
    fit_seconds = time.perf_counter() - start
    order = np.random.default_rng(arguments.seed).permutation(len(arrays["x_train"]))
    test, test_labels = transform(arrays["x_test"]), arrays["y_test"]
    for n in arguments.labels:
        labelled = np.sort(order[:n])
        start = time.perf_counter()
        accuracy, best = probed(transform(arrays["x_train"][labelled]), arrays["y_train"][labelled], test, test_labels)
        common.append_row(
            "latents",
            {
                "data": arguments.data,
                "arm": arguments.arm,
                "labels": n,
                "accuracy": round(accuracy, 4),
                "standard_error": round(float(np.sqrt(accuracy * (1 - accuracy) / len(test))), 4),
                "features": test.shape[1],
                "C": best.C,
                "standardised": best.is_standardised,
                "settings": settings,
                "fit_seconds": round(fit_seconds, 1),
                "probe_seconds": round(time.perf_counter() - start, 1),
                "seed": arguments.seed,
            },
        )


def features_of(
    arguments: argparse.Namespace, train: NDArray[np.uint8], path: Path
) -> tuple[Callable[[NDArray[np.uint8]], Features], str]:
    """What turns images into the features of an arm, and how they came about."""

    def rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return images.reshape(len(images), -1).astype(np.float32) / 255

    if arguments.arm == "vae":
        if not path.exists():
            sys.exit(f"{path} does not exist: run the arm 'model' first")
        model = pofx.load(path)
        minutes = model.provenance_["minutes"]
        live = int((model.latent_importance_ > 0.01).sum())
        settings = (
            f"posterior means, prior {model.prior}, {arguments.levels} levels, {minutes:.1f} minutes, {live} live"
        )
        return lambda images: model.transform(shown(images, arguments.levels)), settings
    if arguments.arm == "raw":
        return rows, "pixels / 255"
    if arguments.arm == "pca":
        pca = PCA(arguments.latent_dim, random_state=arguments.seed).fit(rows(train))
        return lambda images: pca.transform(rows(images)), "of 60,000 images"
    if arguments.arm == "autoencoder":
        plain = PlainAutoencoder(
            arguments.latent_dim, max_epochs=arguments.autoencoder_epochs, random_state=arguments.seed
        ).fit(rows(train))
        return lambda images: plain.transform(rows(images)), f"squared error, {arguments.autoencoder_epochs} epochs"
    rng = np.random.default_rng(arguments.seed)
    n_pixels = rows(train[:1]).shape[1]
    weights = rng.normal(size=(n_pixels, RANDOM_FEATURES)).astype(np.float32) / np.sqrt(n_pixels)
    offsets = rng.normal(scale=0.1, size=RANDOM_FEATURES).astype(np.float32)
    mean = rows(train).mean(axis=0)
    return lambda images: np.maximum((rows(images) - mean) @ weights + offsets, 0), "rectified random projections"


def shown(images: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    """The images with so many levels."""
    return images if levels == 256 else (images > 127).astype(np.uint8)


if __name__ == "__main__":
    main()
