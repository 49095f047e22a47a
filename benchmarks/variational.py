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
of MNIST, at 256 levels, a tenth of the 60,000 training images validates. An arm gives three rows:

- the ELBO of the 10,000 test images, 8 draws of z an image;
- the importance-weighted bound with 1,000 draws of 300 test images, drawn without replacement by the seed;
- annealed importance sampling on the first 50 of these 300.

``--set NAME=VALUE`` changes a parameter of an arm (``--set learning_rate=0.003 --set width=48``), and is in the row.
"""

from __future__ import annotations

import argparse
import ast
import time
from pathlib import Path
from typing import Any

import numpy as np

import common
import pofx
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture

#: What each arm changes of the defaults.
ARMS: dict[str, dict[str, Any]] = {
    "convolutional": {},
    "mlp": {"architecture": "mlp"},
    "iwae": {"n_importance": 5},
    "flow": {"prior": "flow", "latent_dim": 40},
    "vamp": {"prior": "vamp", "latent_dim": 40},
    "mixture": {"prior": "mixture", "latent_dim": 40},
    "residual": {"architecture": "residual", "latent_dim": 40, "learning_rate": 3e-3},
    "residual_flow": {"architecture": "residual", "prior": "flow", "latent_dim": 40, "learning_rate": 3e-3},
}
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
    parser.add_argument("--no-ais", action="store_true", help="leave out annealed importance sampling")
    parser.add_argument("--save", type=Path, help="keep the fitted model in this file")
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
    parameters = {
        "max_epochs": 10_000,
        "max_minutes": arguments.minutes,
        "early_stopping": None,
        "validation_fraction": fraction,
        "random_state": arguments.seed,
        "verbose": True,
        **ARMS[arguments.arm],
        **dict(change(text) for text in arguments.changes),
    }
    model = pofx.VAE(**parameters)
    start = time.perf_counter()
    model.fit(train)
    fit = {
        "parameters": sum(p.numel() for p in model.module_.parameters()),
        "fit_minutes": round((time.perf_counter() - start) / 60, 2),
        "epochs": model.n_epochs_,
        "images_per_second": round(float(np.median(model.history_["images_per_second"]))),
        "active_units": int((model.latent_activity_ > 0.01).sum()),
        "seed": arguments.seed,
    }
    split = f"{len(train) - len(model.held_out_indices_)} train, {len(model.held_out_indices_)} validation, "
    name = " ".join([arguments.arm, *arguments.changes])
    if arguments.save:
        model.save(arguments.save)

    def append(what: str, log_p: np.ndarray, seconds: float, **columns: Any) -> None:
        row = {
            "data": arguments.data,
            "split": split + f"{len(log_p)} test",
            "arm": name,
            "what": what,
            "nats": round(-float(log_p.mean()), 2),
            "standard_error": round(float(log_p.std() / np.sqrt(len(log_p))), 2),
            "bits_per_dim": round(-float(log_p.mean()) / (model.spec_.n_dims * np.log(2)), 4),
        }
        common.append_row("variational", row | columns | fit | {"score_seconds": round(seconds, 1)})

    start = time.perf_counter()
    elbo = model.score_samples(test)
    append("-ELBO, 8 draws", elbo, time.perf_counter() - start)

    chosen = test[np.random.default_rng(arguments.seed).permutation(len(test))[:IMPORTANCE_IMAGES]]
    start = time.perf_counter()
    bounds = model.log_prob_bounds(chosen, method="iw", n_samples=IMPORTANCE_DRAWS)
    append(f"-IW-{IMPORTANCE_DRAWS}", bounds.lower, time.perf_counter() - start)
    if not arguments.no_ais:
        start = time.perf_counter()
        bounds = model.log_prob_bounds(chosen[:ANNEALED_IMAGES], method="ais", **ANNEALING)
        settings = ", ".join(f"{value} {key.removeprefix('n_')}" for key, value in ANNEALING.items())
        append(f"-AIS, {settings}", bounds.lower, time.perf_counter() - start)
        start = time.perf_counter()
        same = model.log_prob_bounds(chosen[:ANNEALED_IMAGES], method="iw", n_samples=IMPORTANCE_DRAWS)
        append(f"-IW-{IMPORTANCE_DRAWS}, the same images", same.lower, time.perf_counter() - start)


def change(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value a Python literal or else text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


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
