"""-log p(x) of autoregressive models on MNIST after a budget of minutes, beside a plain PixelCNN and simple densities.

Each arm is a command of its own and appends a row to ``results/autoregressive.csv``:

    python benchmarks/autoregressive.py binarized_mnist --arm pixelcnn            # the default PixelCNN
    python benchmarks/autoregressive.py binarized_mnist --arm row_lstm
    python benchmarks/autoregressive.py binarized_mnist --arm diagonal_bilstm
    python benchmarks/autoregressive.py binarized_mnist --arm reference           # a plain gated PixelCNN and loop
    python benchmarks/autoregressive.py mnist --arm pixelcnn                      # 256 levels, bits/dim
    python benchmarks/autoregressive.py mnist --arm baselines

Binarized MNIST is the fixed binarisation, 50,000 training, 10,000 validation (drawn at random from its 60,000 rows) and
10,000 test images; of MNIST a tenth of the 60,000 training images validates. All figures are exact log p(x) of all test
images, in nats, with the standard error of the mean. ``--checkpoint FOLDER`` keeps the state of a training: the same
command given again after a run was killed goes on where it was. Options that an arm does not read are refused.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import common
import pofx
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture
from reference_pixelcnn import PlainPixelCNN, log_p

ARMS: dict[str, Any] = {
    "pixelcnn": pofx.PixelCNN,
    "row_lstm": lambda **words: pofx.PixelRNN(cell="row_lstm", **words),
    "diagonal_bilstm": lambda **words: pofx.PixelRNN(cell="diagonal_bilstm", **words),
}
DEFAULTS: dict[str, Any] = {"minutes": 15.0, "seed": 0, "device": "auto"}
#: Options that an arm does not read.
UNREAD = {"reference": ("device", "checkpoint"), "baselines": ("minutes", "seed", "device", "checkpoint")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["binarized_mnist", "mnist"])
    parser.add_argument("--arm", choices=[*ARMS, "reference", "baselines"], required=True)
    parser.add_argument("--minutes", type=float, help="of training; 15 if not given")
    parser.add_argument("--seed", type=int, help="0 if not given")
    parser.add_argument("--device", help="auto if not given")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    if arguments.arm == "reference" and arguments.data != "binarized_mnist":
        parser.error("--arm reference has pixels of two levels: it trains on binarized_mnist only")
    for name in UNREAD.get(arguments.arm, ()):
        if getattr(arguments, name) is not None:
            parser.error(f"--arm {arguments.arm} does not read --{name}")
    for name, value in DEFAULTS.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    arrays = common.load(arguments.data, arguments.data_folder)
    train, test = arrays["x_train"], arrays["x_test"]
    if arguments.arm == "baselines":
        baselines(arguments.data, train, test)
    elif arguments.arm == "reference":
        reference(arguments.data, train, test, arguments.minutes, arguments.seed)
    else:
        ours(train, test, arguments)


def ours(train: NDArray[np.uint8], test: NDArray[np.uint8], arguments: argparse.Namespace) -> None:
    fraction = 1 / 6 if arguments.data == "binarized_mnist" else 0.1
    model = ARMS[arguments.arm](
        max_epochs=10_000,
        max_minutes=arguments.minutes,
        early_stopping=None,
        validation_fraction=fraction,
        device=arguments.device,
        checkpoint_dir=arguments.checkpoint,
        random_state=arguments.seed,
        verbose=True,
    )
    model.fit(train)
    start = time.perf_counter()
    values = model.score_samples(test)
    seconds = time.perf_counter() - start
    row(
        arguments.data,
        f"{len(train) - len(model.held_out_indices_)} train, {len(model.held_out_indices_)} validation",
        arguments.arm,
        values,
        parameters=sum(p.numel() for p in model.module_.parameters()),
        fit_minutes=round(model.provenance_["minutes"], 2),  # those before a resume included
        epochs=model.n_epochs_,
        steps=model.n_steps_,
        images_per_second=round(float(np.median(model.history_["images_per_second"]))),
        score_seconds=round(seconds, 1),
        seed=arguments.seed,
        device=arguments.device,
    )


def reference(data: str, train: NDArray[np.uint8], test: NDArray[np.uint8], minutes: float, seed: int) -> None:
    """5 layers of 32 channels, Adam 1e-3, batch 32, cosine schedule by the clock, averaged weights (half-life 500)."""
    torch.manual_seed(seed)
    order = torch.randperm(len(train))
    x_train, x_held_out = (torch.from_numpy(train)[part].unsqueeze(1) for part in order.split([50_000, 10_000]))
    net = PlainPixelCNN(32, 5)
    average = copy.deepcopy(net)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    start, steps, shown = time.perf_counter(), 0, 0.0
    while (progress := (time.perf_counter() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (steps + 1) / 100) * 0.5 * (1 + math.cos(math.pi * progress))
        loss = -log_p(net, x_train[torch.randint(len(x_train), (32,))]).mean() / 784
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        with torch.no_grad():
            keep = min(2 ** (-1 / 500), (steps + 1) / (steps + 10))
            torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 1 - keep)
        if progress > shown + 0.1:
            shown = progress
            print(f"{progress:.0%}: step {steps}, held-out {scored(average, x_held_out[:500]).mean():.2f}", flush=True)
    row(
        data,
        "50000 train, 10000 validation (unused)",
        "reference: plain gated PixelCNN 5 x 32",
        scored(average, torch.from_numpy(test).unsqueeze(1)),
        parameters=sum(p.numel() for p in net.parameters()),
        fit_minutes=minutes,
        epochs=round(steps * 32 / 50_000, 2),
        steps=steps,
        images_per_second=round(steps * 32 / (60 * minutes)),
        seed=seed,
        device="cpu",
    )


@torch.inference_mode()
def scored(net: nn.Module, x: torch.Tensor) -> NDArray[np.float64]:
    return torch.cat([log_p(net, part).double() for part in x.split(100)]).numpy()


def baselines(data: str, train: NDArray[np.uint8], test: NDArray[np.uint8]) -> None:
    levels = 2 if data == "binarized_mnist" else 256
    train, test = train.reshape(len(train), -1), test.reshape(len(test), -1)
    if levels == 2:
        train = train[:50_000]
    for name, baseline in {
        "independent pixels": IndependentPixels(levels),
        "PCA(50) + Gaussian mixture(20), dequantised": PCAGaussianMixture(),
    }.items():
        start = time.perf_counter()
        values = baseline.fit(train).score_samples(test)
        row(data, f"{len(train)} train", name, values, fit_minutes=round((time.perf_counter() - start) / 60, 2))
    n_dims = test.shape[1]
    row(data, "none", "uniform", np.full(len(test), -n_dims * np.log(levels)))


def row(data: str, split: str, arm: str, log_p_of_test: NDArray[np.float64], **more: object) -> None:
    mean, n_dims = float(log_p_of_test.mean()), 784
    common.append_row(
        "autoregressive",
        {
            "data": data,
            "split": f"{split}, {len(log_p_of_test)} test",
            "arm": arm,
            "nats": round(-mean, 2),
            "standard_error": round(float(log_p_of_test.std() / np.sqrt(len(log_p_of_test))), 2),
            "bits_per_dim": round(-mean / (n_dims * np.log(2)), 4),
            **more,
        },
    )


if __name__ == "__main__":
    main()
