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
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import common
import pofx
from pofx.evaluation.feature_floors import floor
from pofx.evaluation.probes import linear_probe

LABELS = (1_000, 10_000)
Features = NDArray[np.floating]


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
        seen = transform(arrays["x_train"][labelled])
        found = linear_probe(seen, arrays["y_train"][labelled], test, test_labels)
        accuracy = found.accuracy
        common.append_row(
            "latents",
            {
                "data": arguments.data,
                "arm": arguments.arm,
                "labels": n,
                "accuracy": round(accuracy, 4),
                "standard_error": round(float(np.sqrt(accuracy * (1 - accuracy) / len(test))), 4),
                "features": test.shape[1],
                "C": found.reader.value,
                "standardised": found.reader.is_standardised,
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
    plain = floor(
        arguments.arm,
        train,
        arguments.latent_dim,
        seed=arguments.seed,
        autoencoder_epochs=arguments.autoencoder_epochs,
    )
    return plain.transform, plain.settings


def shown(images: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    """The images with so many levels."""
    return images if levels == 256 else (images > 127).astype(np.uint8)


if __name__ == "__main__":
    main()
