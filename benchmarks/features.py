"""What features are worth: every layer of each family, beside what anybody has without a model.

    python benchmarks/features.py --arm vae --minutes 20 --layer all
    python benchmarks/features.py --arm gan --data fashion_mnist --layer layer_1 layer_2 --labels 1000 10000
    python benchmarks/features.py --arm pixelcnn --model out/features/mnist_pixelcnn_0.pofx --layer layer_3
    for arm in raw pca autoencoder random; do python benchmarks/features.py --arm $arm; done

``vae``, ``pixelcnn`` and ``gan`` are fitted to all training images without their labels, with the defaults of pofx but
for the minutes and ``--set NAME=VALUE``, and saved under ``--folder``; a fit that was killed goes on where it was, and
a finished one is not repeated. PCA and autoencoder learn from all training images, too, and have ``--n-features``.

A row in ``results/features.csv`` for each layer and number of labels, and one seed: it begins the fit, chooses the
labelled training images, and puts the test images in random order (``--n-test`` takes the first of those). The readers
are those of `pofx.evaluation.probes`: a linear classifier, nearest neighbours, k-means. ``--layer transform`` is what
`transform` gives; ``all`` is that and every layer. The probe's penalty, the number of neighbours and whether features
are standardised are chosen on a fifth of the labelled images; ``chosen`` is the accuracy on these: by it, and not by
that on the test images, is the best layer to be picked. The standard error of an accuracy is that of so many test
images; seeds 0, 1 and 2 tell the spread over fits and labels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import common
import pofx
from pofx.evaluation.feature_floors import FLOORS, Transform, floor
from pofx.evaluation.features import TRANSFORM, some, transform_of
from pofx.evaluation.probes import cluster_agreement, linear_probe, neighbour_probe

FAMILIES = ("vae", "pixelcnn", "gan")
DATA = ("mnist", "fashion_mnist", "cifar10_subset")
#: Images over which k-means looks for clusters, at most.
CLUSTERED = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=[*FAMILIES, *FLOORS], required=True)
    parser.add_argument("--data", choices=DATA, default="mnist")
    parser.add_argument("--labels", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20, help="of the fit")
    parser.add_argument("--layer", nargs="+", default=["all"], help="all, transform, or names of feature_layers_")
    parser.add_argument("--fields", type=int, default=4, help="parts of a map along a side")
    parser.add_argument("--levels", type=int, choices=[2, 256], default=256, help="of the images that a model sees")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--model", type=Path, help="a model file instead of a fit")
    parser.add_argument("--n-features", type=int, default=256, help="of PCA and of the autoencoder")
    parser.add_argument("--n-train", type=int, help="of the training images, the first so many of a random order")
    parser.add_argument("--n-test", type=int, help="of the test images, the first so many of a random order")
    parser.add_argument("--folder", type=Path, default=Path("out/features"))
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load(arguments.data, arguments.data_folder)
    train, test = arrays["x_train"], arrays["x_test"]
    order = some(len(train), arguments.n_train or len(train), [arguments.seed, 0])
    tested = some(len(test), arguments.n_test or len(test), [arguments.seed, 1])
    images, labels = train[order], arrays["y_train"][order]
    test, test_labels = test[tested], arrays["y_test"][tested]
    most = min(max(arguments.labels), len(images))
    for layer, transform, settings in kinds(arguments, images):
        start = time.perf_counter()
        features, test_features = transform(images[:most]), transform(test)
        seconds = time.perf_counter() - start
        nmi = cluster_agreement(features[:CLUSTERED], test_features, test_labels, seed=arguments.seed)
        for n in sorted({min(n, most) for n in arguments.labels}):
            start = time.perf_counter()
            values = features[:n], labels[:n], test_features, test_labels
            linear = linear_probe(*values, seed=arguments.seed)
            neighbours = neighbour_probe(*values, seed=arguments.seed)
            common.append_row(
                "features",
                {
                    "data": arguments.data,
                    "arm": " ".join([arguments.arm, *arguments.changes]),
                    "layer": layer,
                    "labels": n,
                    "linear": round(linear.accuracy, 4),
                    "chosen": round(linear.chosen_accuracy, 4),
                    "standard_error": round(float(np.sqrt(linear.accuracy * (1 - linear.accuracy) / len(test))), 4),
                    "neighbours": round(neighbours.accuracy, 4),
                    "clusters_nmi": round(nmi, 4),
                    "features": features.shape[1],
                    "test_images": len(test),
                    "C": linear.reader.value,
                    "standardised": linear.reader.is_standardised,
                    "k": neighbours.reader.value,
                    "k_standardised": neighbours.reader.is_standardised,
                    "settings": settings,
                    "feature_seconds": round(seconds, 1),
                    "probe_seconds": round(time.perf_counter() - start, 1),
                    "seed": arguments.seed,
                },
            )


def kinds(arguments: argparse.Namespace, images: NDArray[np.uint8]) -> Iterator[tuple[str, Transform, str]]:
    """The layers of an arm: their names, what turns images into their features, and how they came about."""
    if arguments.arm in FLOORS:
        plain = floor(arguments.arm, images, arguments.n_features, seed=arguments.seed)
        yield "", plain.transform, plain.settings
        return
    model = fitted(arguments, images)
    layers = [TRANSFORM, *model.feature_layers_] if arguments.layer == ["all"] else arguments.layer
    minutes = f"{model.provenance_['minutes']:.1f} minutes, {model.n_steps_} steps, {arguments.levels} levels"
    for layer in layers:
        of_layer = transform_of(model, layer, arguments.fields)
        settings = minutes if layer == TRANSFORM else f"{minutes}, {arguments.fields} fields a side"
        yield layer, lambda some_images, f=of_layer: f(shown(some_images, arguments.levels)), settings


def fitted(arguments: argparse.Namespace, images: NDArray[np.uint8]) -> Any:
    """The model of the arm, from its file if it has one."""
    words: dict[str, Any] = dict(common.change(text) for text in arguments.changes)
    named = "_".join([arguments.data, arguments.arm, *(f"{key}={value}" for key, value in words.items())])
    named += f"_{arguments.levels}_{arguments.n_train or 'all'}_{arguments.minutes:g}min_{arguments.seed}"
    path = arguments.model or arguments.folder / f"{named}.pofx"
    if path.exists() or arguments.model is not None:
        return pofx.load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = pofx.family(arguments.arm)(
        **{
            "max_epochs": 100_000,
            "max_minutes": arguments.minutes,
            "early_stopping": None,
            "checkpoint_dir": path.with_suffix(".checkpoint"),
            "random_state": arguments.seed,
            "verbose": True,
        }
        | words
    )
    model.fit(shown(images, arguments.levels)).save(path)
    return model


def shown(images: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    """The images with so many levels."""
    return images if levels == 256 else (images > 127).astype(np.uint8)


if __name__ == "__main__":
    main()
