"""How often `pofx compare` finds a difference where there is none, and where a part of one collection was changed.

    python benchmarks/comparison.py digits --arm halves
    python benchmarks/comparison.py mnist --arm inverted --splits 20
    python benchmarks/comparison.py mnist --arm garments --share 0.02

Each split draws ``--images`` images of the data set (all of the digits that scikit-learn ships; 4,000 of MNIST's
training images) and cuts them in two halves at random. The arms:

``halves``: nothing is changed: whatever is found is a false alarm.
``inverted``, ``mirrored``, ``garments``: in the second half the share ``--share`` of the images (0.05) is inverted,
turned left to right, or replaced by images of Fashion-MNIST.
``darker``: the second half has the share ``--share`` less of every grey level.

The columns: ``found``, the share of splits with p at most 0.05, as the command has it, with its standard error;
``floor``, the same of a test of the mean grey level of images (Mann-Whitney), ``p_median``, ``jsd_mean``, the mean of
the bounds in nats, and their standard error over splits; ``seconds``, a comparison.

Appends rows to ``results/comparison.csv``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.datasets import load_digits

import common
from pofx.evaluation.comparison import compared
from pofx.report.pair import ERROR

Images = NDArray[np.uint8]
ARMS = ("halves", "inverted", "mirrored", "garments", "darker")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["digits", "mnist"])
    parser.add_argument("--arm", choices=ARMS, required=True)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--images", type=int, default=4_000, help="of both halves together")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0, help="of the first split")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    images, top = load(arguments)
    garments = common.load("fashion_mnist", arguments.data_folder)["x_train"] if arguments.arm == "garments" else None
    rows = []
    started = time.perf_counter()
    for seed in range(arguments.seed, arguments.seed + arguments.splits):
        rng = np.random.default_rng([seed, 0])
        order = rng.permutation(len(images))[: arguments.images]
        first, second = images[order[: len(order) // 2]], images[order[len(order) // 2 :]].copy()
        change(second, arguments.arm, arguments.share, top, garments, rng)
        found = compared(first, second, random_state=seed)
        floor = mannwhitneyu(first.mean(axis=(1, 2)), second.mean(axis=(1, 2))).pvalue
        rows.append((found.p_value, found.jsd_bound, float(floor)))
    p, bound, floor_p = np.array(rows).T
    error = np.sqrt(max(np.mean(p <= ERROR) * np.mean(p > ERROR), 1 / len(p) ** 2) / len(p))
    common.append_row(
        "comparison",
        {
            "data": arguments.data,
            "arm": arguments.arm,
            "share": arguments.share if arguments.arm != "halves" else 0,
            "splits": len(p),
            "images_of_each": len(first),
            "found": round(float(np.mean(p <= ERROR)), 4),
            "found_error": round(float(error), 4),
            "floor": round(float(np.mean(floor_p <= ERROR)), 4),
            "p_median": round(float(np.median(p)), 5),
            "jsd_mean": round(float(bound.mean()), 5),
            "jsd_error": round(float(bound.std(ddof=1) / np.sqrt(len(bound))), 5) if len(bound) > 1 else "",
            "seconds": round((time.perf_counter() - started) / len(p), 2),
            "seed": arguments.seed,
        },
    )


def load(arguments: argparse.Namespace) -> tuple[Images, int]:
    """Images, and their greatest grey level."""
    if arguments.data == "digits":
        return load_digits().images.astype(np.uint8), 16
    return common.load("mnist", arguments.data_folder)["x_train"], 255


def change(images: Images, arm: str, share: float, top: int, garments: Any, rng: np.random.Generator) -> None:
    """Plant what the arm says, in place."""
    some = rng.permutation(len(images))[: round(share * len(images))]
    if arm == "inverted":
        images[some] = top - images[some]
    elif arm == "mirrored":
        images[some] = images[some, :, ::-1]
    elif arm == "garments":
        images[some] = garments[rng.permutation(len(garments))[: len(some)]]
    elif arm == "darker":
        images[...] = np.rint((1 - share) * images).astype(np.uint8)


if __name__ == "__main__":
    main()
