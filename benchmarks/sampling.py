"""What sampling costs, in passes of the network over the images, and how much quicker it is than full passes.

    python benchmarks/sampling.py --arm pixelcnn          # gated PixelCNN, 7 layers of 64 channels
    python benchmarks/sampling.py --arm row_lstm          # 7 layers, h = 16
    python benchmarks/sampling.py --arm diagonal_bilstm
    python benchmarks/sampling.py --arm ties              # how often float32 draws differ between the methods

The networks are trained for ``--minutes`` (2) on binarized MNIST, 28 x 28; the same weights draw images of 16, 48 and
64 pixels. Beside PixelCNN stands a plain network of its size, whose sampler passes the whole image through for every
pixel, as public implementations do (`reference_pixelcnn.py`); the time of its passes is measured on some of the pixels
and multiplied. Ratios of medians within one run; appends to ``results/sampling.csv`` and, the ties, to
``results/sampling_ties.csv``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import common
import pofx
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.sampling import Canvas, Method, draw_images
from reference_pixelcnn import PlainPixelCNN

BATCH = 64
#: Sizes, and how often each is timed.
REPETITIONS = {16: 7, 28: 7, 48: 3, 64: 3}
#: Pixels of which the plain sampler's passes are timed.
TIMED_PIXELS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=["pixelcnn", "row_lstm", "diagonal_bilstm", "ties"], required=True)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", choices=REPETITIONS, default=list(REPETITIONS))
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    images = common.load("binarized_mnist", arguments.data_folder)["x_train"]
    if arguments.arm == "ties":
        for arm in ("pixelcnn", "row_lstm", "diagonal_bilstm"):
            ties(arm, fitted(arm, images, arguments.minutes))
    else:
        costs(arguments.arm, fitted(arguments.arm, images, arguments.minutes), arguments.sizes)


def fitted(arm: str, images: NDArray[np.uint8], minutes: float) -> AutoregressiveModule:
    words = {"max_epochs": 1000, "max_minutes": minutes, "random_state": 0, "verbose": True}
    if arm == "pixelcnn":
        model = pofx.PixelCNN(gated=True, n_layers=7, n_channels=64, **words)
    else:
        model = pofx.PixelRNN(cell=arm, n_layers=7, n_hidden=16, **words)
    return model.fit(images[:20_000]).module_


def costs(arm: str, module: AutoregressiveModule, sizes: list[int]) -> None:
    reference = PlainPixelCNN(64, 7).eval() if arm == "pixelcnn" else None
    for size in sizes:
        repetitions = REPETITIONS[size]
        for n in (BATCH, 1):
            timings: dict[str, list[float]] = {}
            x = drawn(module, n, size, "auto")
            for _ in range(repetitions):
                functions: dict[str, Callable[[], object]] = {
                    "forward": lambda x=x: module(x),
                    "cached": lambda n=n, size=size: drawn(module, n, size, "cached"),
                    "jacobi": lambda n=n, size=size: drawn(module, n, size, "jacobi"),
                    "auto": lambda n=n, size=size: drawn(module, n, size, "auto"),
                }
                if reference is not None:
                    functions["reference_forward"] = lambda x=x: reference(x)
                    functions["reference_sample"] = lambda n=n, size=size: reference.sample(n, size, TIMED_PIXELS)
                for name, function in functions.items():
                    timings.setdefault(name, []).append(seconds(function))
            medians = {name: statistics.median(values) for name, values in timings.items()}
            row = {
                "arm": arm,
                "size": size,
                "batch": n,
                "forward_seconds": round(medians["forward"], 4),
                **{
                    f"{m}_over_forward": round(medians[m] / medians["forward"], 2) for m in ("cached", "jacobi", "auto")
                },
            }
            if reference is not None:
                full_passes = medians["reference_sample"] * size * size / TIMED_PIXELS
                row["cached_over_reference_forward"] = round(medians["cached"] / medians["reference_forward"], 2)
                row["reference_full_passes_over_auto"] = round(full_passes / medians["auto"], 1)
            common.append_row("sampling", row | {"repetitions": repetitions})


def ties(arm: str, module: AutoregressiveModule) -> None:
    """How many of 512 images, in float32, ``naive`` would have drawn otherwise from the same noise.

    Not by drawing them so, in 784 passes: it would have drawn the same image if and only if every sub-pixel follows
    from the noise and from its law given those before it, and one pass over the image gives all of these laws.
    """
    n, size = 512, 28
    for method in ("cached", "jacobi"):
        x_NCHW = drawn(module, n, size, method)
        canvas = Canvas(x_NCHW, None, None, torch.Generator().manual_seed(0))
        noise_NQHW = torch.cat([canvas.noise(module) for _ in range(size)], 2)
        with torch.inference_mode():
            parameters_NPHW = torch.cat([module(part) for part in x_NCHW.split(BATCH)])
            unlike = module.law.draw(parameters_NPHW, noise_NQHW) != x_NCHW
        common.append_row(
            "sampling_ties",
            {
                "network": arm, "method": method, "size": size, "images": n,
                "images_unlike_naive": int(unlike.flatten(1).any(1).sum()),
                "sub_pixels_unlike_naive": int(unlike.sum()),
            },
        )  # fmt: skip


def drawn(module: AutoregressiveModule, n: int, size: int, method: Method) -> torch.Tensor:
    canvas = Canvas(torch.zeros(n, 1, size, size, dtype=torch.int64), None, None, torch.Generator().manual_seed(0))
    return draw_images(module, canvas, method)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
