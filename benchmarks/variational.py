"""-ELBO of VAEs on MNIST after a budget of minutes, beside simple densities.

Each arm is a command of its own and appends a row to ``results/variational.csv``:

    python benchmarks/variational.py binarized_mnist --arm convolutional --minutes 10
    python benchmarks/variational.py binarized_mnist --arm mlp --minutes 10
    python benchmarks/variational.py binarized_mnist --arm baselines
    python benchmarks/variational.py mnist --arm convolutional --minutes 10
    python benchmarks/variational.py mnist --arm baselines

Binarized MNIST is the fixed binarisation with its own split (50,000 training, 10,000 validation, 10,000 test images);
of MNIST, at 256 levels, a tenth of the 60,000 training images validates. The ELBO of the 10,000 test images is
estimated with 8 draws of z an image.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import common
import pofx
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture

ARMS = {
    "convolutional": {},
    "mlp": {"architecture": "mlp"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["binarized_mnist", "mnist"])
    parser.add_argument("--arm", choices=[*ARMS, "baselines"], required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load(arguments.data, arguments.data_folder)
    train, test = arrays["x_train"], arrays["x_test"]
    if arguments.arm == "baselines":
        if arguments.data == "binarized_mnist":
            train = train[:50_000]
        run_baselines(arguments.data, train, test)
        return

    # The last tenth of the binarised rows are its validation images; a fit holds out a random tenth, or sixth.
    fraction = 1 / 6 if arguments.data == "binarized_mnist" else 0.1
    model = pofx.VAE(
        **ARMS[arguments.arm],
        max_epochs=10_000,
        max_minutes=arguments.minutes,
        early_stopping=None,
        validation_fraction=fraction,
        random_state=arguments.seed,
        verbose=True,
    )
    start = time.perf_counter()
    model.fit(train)
    minutes = (time.perf_counter() - start) / 60
    start = time.perf_counter()
    elbo = model.score_samples(test)
    seconds = time.perf_counter() - start
    common.append_row(
        "variational",
        {
            "data": arguments.data,
            "split": f"{len(train) - len(model.held_out_indices_)} train, {len(model.held_out_indices_)} validation, "
            f"{len(test)} test",
            "arm": arguments.arm,
            "what": "-ELBO, 8 draws",
            "nats": round(-float(elbo.mean()), 2),
            "standard_error": round(float(elbo.std() / np.sqrt(len(elbo))), 2),
            "bits_per_dim": round(float(model.bits_per_dim(test).mean()), 4),
            "parameters": sum(p.numel() for p in model.module_.parameters()),
            "fit_minutes": round(minutes, 2),
            "epochs": model.n_epochs_,
            "images_per_second": round(float(np.median(model.history_["images_per_second"]))),
            "score_seconds": round(seconds, 1),
            "seed": arguments.seed,
        },
    )


def run_baselines(data: str, train: np.ndarray, test: np.ndarray) -> None:
    """One row for each of the simple densities."""
    levels = 2 if data == "binarized_mnist" else 256
    train, test = train.reshape(len(train), -1), test.reshape(len(test), -1)
    for name, baseline in {
        "independent pixels": IndependentPixels(levels),
        "PCA(50) + Gaussian mixture(20), dequantised": PCAGaussianMixture(),
    }.items():
        start = time.perf_counter()
        log_p = baseline.fit(train).score_samples(test)
        common.append_row(
            "variational",
            {
                "data": data,
                "split": f"{len(train)} train, {len(test)} test",
                "arm": name,
                "what": "-log p" if name == "independent pixels" else "-log p, bound by dequantisation",
                "nats": round(-float(log_p.mean()), 2),
                "standard_error": round(float(log_p.std() / np.sqrt(len(log_p))), 2),
                "bits_per_dim": round(-float(log_p.mean()) / (train.shape[1] * np.log(2)), 4),
                "fit_minutes": round((time.perf_counter() - start) / 60, 2),
            },
        )


if __name__ == "__main__":
    main()
