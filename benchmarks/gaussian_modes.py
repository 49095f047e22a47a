"""Modes that GANs find: a ring of 8 and a grid of 25 Gaussians.

    python benchmarks/gaussian_modes.py grid --arm relativistic --seed 0
    python benchmarks/gaussian_modes.py grid --arm minimax --seed 0
    python benchmarks/gaussian_modes.py ring --arm relativistic --seed 0

The ring: 8 Gaussians of deviation 0.02 around points 2 from the origin. The grid: 25 of deviation 0.05 at the points
(-4, -2, 0, 2, 4)^2. 50,000 real-valued vectors train each arm for ``--minutes``; of 20,000 samples
those within 3 deviations of a centre belong to its mode (of the law itself 98.9 % do). Appends a row to
``results/gaussian_modes.csv``; the picture of the samples is written under ``--folder``.

Arms: ``relativistic``, the defaults of `pofx.GAN`; ``minimax`` and ``non_saturating``, the classical game without
penalties. ``--set NAME=VALUE`` changes a parameter, and is in the row.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import common
import pofx
from pofx.files.pictures import save_png, sheet
from pofx.measures.mode_coverage import mode_coverage, nearest_mode

TRAINED_ON, DRAWN = 50_000, 20_000
#: Of every arm: vectors of two numbers need few latents and units, and many steps.
PARAMETERS = {
    "batch_size": 256,
    "latent_dim": 2,
    "width": 64,
    "learning_rate": 3e-3,
    "validation_fraction": 0.1,
    "max_epochs": 100_000,
}


def law(name: str) -> tuple[NDArray[np.float64], float]:
    """The centres (k, 2) and the deviation."""
    if name == "grid":
        steps = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2), 0.05
    angle = 2 * np.pi * np.arange(8) / 8
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("law", choices=["grid", "ring"])
    parser.add_argument("--arm", choices=["relativistic", "non_saturating", "minimax"], required=True)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--folder", type=Path, default=Path("out/gaussian_modes"), help="of the pictures")
    arguments = parser.parse_args()
    centres, deviation = law(arguments.law)
    rng = np.random.default_rng(arguments.seed)
    X = centres[rng.integers(len(centres), size=TRAINED_ON)] + deviation * rng.normal(size=(TRAINED_ON, 2))
    parameters: dict[str, Any] = {**PARAMETERS, **dict(common.change(text) for text in arguments.changes)}
    model = pofx.GAN(
        objective=arguments.arm,
        max_minutes=arguments.minutes,
        random_state=arguments.seed,
        verbose=True,
        **parameters,
    ).fit(X)
    for state, drawn in {
        "samples": model.sample(DRAWN, random_state=1),
        "samples after rejection": model.sample(DRAWN, random_state=1, reject=True),
        "the law itself": centres[rng.integers(len(centres), size=DRAWN)] + deviation * rng.normal(size=(DRAWN, 2)),
    }.items():
        coverage = mode_coverage(nearest_mode(drawn, centres, deviation), len(centres))
        common.append_row(
            "gaussian_modes",
            {
                "law": arguments.law,
                "arm": " ".join([arguments.arm, *arguments.changes]),
                "what": state,
                "modes": coverage.covered,
                "of": coverage.n_modes,
                "within_3_deviations": round(coverage.in_a_mode, 4),
                "kl": round(coverage.kl, 4),
                "minutes": round(float(model.history_["seconds"][-1]) / 60, 2),
                "steps": model.n_steps_,
                "energy_distance": round(-float(model.held_out_score_ or np.nan), 6),
                "seed": arguments.seed,
            },
        )
    draw(arguments, X, model.sample(len(X), random_state=1))


def draw(arguments: argparse.Namespace, X: NDArray[np.float64], drawn: NDArray[np.float64]) -> None:
    """Data and samples side by side, as counts on a grid (dark: many; a square root, so that stray points are seen)."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    reach = np.abs(X).max() * 1.1
    pictures = []
    for points in (X, drawn):
        counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=160, range=[[-reach, reach]] * 2)
        shade = np.sqrt(counts[::-1] / len(points))
        pictures.append((255 * (1 - shade / shade.max())).astype(np.uint8))
    title = f"{arguments.law}: the data, and samples ({arguments.arm})"
    page = sheet(np.stack(pictures), n_columns=2, scale=2, title=title)
    save_png(page, arguments.folder / f"{arguments.law}_{arguments.arm}_{arguments.seed}.png")


if __name__ == "__main__":
    main()
