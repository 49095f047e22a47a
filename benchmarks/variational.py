"""Bounds of VAEs on MNIST after a budget of minutes, beside simple densities.

Each arm is a command of its own and appends rows to ``results/variational.csv``:

    python benchmarks/variational.py binarized_mnist --arm convolutional --minutes 10
    python benchmarks/variational.py binarized_mnist --arm iwae --minutes 10
    python benchmarks/variational.py binarized_mnist --arm flow --minutes 10
    python benchmarks/variational.py binarized_mnist --arm vamp --minutes 10
    python benchmarks/variational.py binarized_mnist --arm residual --minutes 10
    python benchmarks/variational.py binarized_mnist --arm residual_flow --minutes 10
    python benchmarks/variational.py binarized_mnist --arm baselines
    python benchmarks/variational.py mnist --arm convolutional --minutes 10
    python benchmarks/variational.py mnist --arm baselines

Binarized MNIST is the fixed binarisation with its own split (50,000 training, 10,000 validation, 10,000 test images);
of MNIST, at 256 levels, a tenth of the 60,000 training images validates (which of them, the seed draws, of either
collection: a fit mixes the images that it is given). An arm gives these rows:

- the ELBO of the 10,000 test images, 8 draws of z an image;
- the importance-weighted bound with 1,000 draws of 300 test images, drawn without replacement by the seed;
- annealed importance sampling on the first 50 of these 300, and the importance-weighted bound of the same 50.

``--save FILE`` keeps the fitted model, ``--model FILE`` scores one that was kept instead of fitting (with its time and
epochs), ``--rows`` picks the rows, for instance ``--rows ais``. Active units: latent dimensions whose posterior mean
varies by more than 0.01 over images (for a learned prior, relative to their whole variance).
``--set NAME=VALUE`` changes a parameter of an arm (``--set learning_rate=0.003 --set width=48``), and is in the row.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import common
import pofx
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture

#: What each arm changes of the defaults, beside `LATENT_DIM`.
ARMS: dict[str, dict[str, Any]] = {
    "convolutional": {},
    "mlp": {"architecture": "mlp"},
    "iwae": {"n_importance": 5},
    "flow": {"prior": "flow"},
    "vamp": {"prior": "vamp"},
    "mixture": {"prior": "mixture"},
    "residual": {"architecture": "residual", "learning_rate": 3e-3},
    "residual_flow": {"architecture": "residual", "prior": "flow", "learning_rate": 3e-3},
}
#: Of every arm, so that they differ in one thing (the residual ones in two: they stand a higher learning rate).
LATENT_DIM = 40
#: Test images of the importance-weighted bound, and the first of them for annealed importance sampling.
IMPORTANCE_IMAGES, ANNEALED_IMAGES = 300, 50
IMPORTANCE_DRAWS = 1000
ANNEALING = {"n_samples": 8, "n_temperatures": 200, "n_leapfrog": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["binarized_mnist", "mnist"])
    parser.add_argument("--arm", choices=[*ARMS, "baselines"], required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--rows", nargs="+", choices=["elbo", "iw", "ais"], default=["elbo", "iw", "ais"])
    parser.add_argument("--save", type=Path, help="keep the fitted model in this file")
    parser.add_argument("--model", type=Path, help="a kept model of this arm instead of a fit")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load(arguments.data, arguments.data_folder)
    train, test = arrays["x_train"], arrays["x_test"]
    if arguments.arm == "baselines":
        if arguments.data == "binarized_mnist":
            train = train[:50_000]
        run_baselines(arguments.data, train, test)
        return

    model = pofx.load(arguments.model) if arguments.model else fitted_arm(arguments, train)
    model.set_params(verbose=True)
    if arguments.save:
        model.save(arguments.save)
    score(arguments, model, len(train), test)


def fitted_arm(arguments: argparse.Namespace, train: np.ndarray) -> pofx.VAE:
    """The model of an arm after its minutes."""
    # As many validate as in the split of the binarised images: 10,000 of 60,000.
    fraction = 1 / 6 if arguments.data == "binarized_mnist" else 0.1
    parameters = {
        "latent_dim": LATENT_DIM,
        "max_epochs": 10_000,
        "max_minutes": arguments.minutes,
        "early_stopping": None,
        "validation_fraction": fraction,
        "random_state": arguments.seed,
        "verbose": True,
        **ARMS[arguments.arm],
        **dict(common.change(text) for text in arguments.changes),
    }
    return pofx.VAE(**parameters).fit(train)


def score(arguments: argparse.Namespace, model: pofx.VAE, n_train: int, test: np.ndarray) -> None:
    """Append the rows that were asked for."""
    n_validation = len(model.held_out_indices_)
    fit = {
        "parameters": sum(p.numel() for p in model.module_.parameters()),
        "fit_minutes": round(float(model.history_["seconds"][-1]) / 60, 2),
        "epochs": model.n_epochs_,
        "images_per_second": round(float(np.median(model.history_["images_per_second"]))),
        "active_units": int((model.latent_activity_ > 0.01).sum()),
        "seed": arguments.seed,
    }
    name = " ".join([arguments.arm, *arguments.changes])

    def append(what: str, log_p: np.ndarray, seconds: float) -> None:
        row = {
            "data": arguments.data,
            "split": f"{n_train - n_validation} train, {n_validation} validation, {len(log_p)} test",
            "arm": name,
            "what": what,
            "nats": round(-float(log_p.mean()), 2),
            "standard_error": round(float(log_p.std() / np.sqrt(len(log_p))), 2),
            "bits_per_dim": round(-float(log_p.mean()) / (model.spec_.n_dims * np.log(2)), 4),
        }
        common.append_row("variational", row | fit | {"score_seconds": round(seconds, 1)})

    def append_bounds(what: str, images: np.ndarray, method: str, settings: dict[str, int]) -> None:
        start = time.perf_counter()
        bounds = model.log_prob_bounds(images, method=method, **settings)
        append(what, bounds.lower, time.perf_counter() - start)

    chosen = test[np.random.default_rng(arguments.seed).permutation(len(test))[:IMPORTANCE_IMAGES]]
    if "elbo" in arguments.rows:
        start = time.perf_counter()
        append("-ELBO, 8 draws", model.score_samples(test), time.perf_counter() - start)
    if "iw" in arguments.rows:
        append_bounds(f"-IW-{IMPORTANCE_DRAWS}", chosen, "iw", {"n_samples": IMPORTANCE_DRAWS})
    if "ais" in arguments.rows:
        some = chosen[:ANNEALED_IMAGES]
        told = ", ".join(f"{value} {key.removeprefix('n_')}" for key, value in ANNEALING.items())
        append_bounds(f"-AIS, {told}", some, "ais", ANNEALING)
        append_bounds(f"-IW-{IMPORTANCE_DRAWS}, the same images", some, "iw", {"n_samples": IMPORTANCE_DRAWS})


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
