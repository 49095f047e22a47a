"""Models' log p of held-out images beside that of simple densities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.base import GenerativeModel
from pofx.density import DensityModel
from pofx.evaluation.baselines import IndependentPixels, PCAGaussianMixture

#: Images that the simple densities are fitted to, and images that all are scored on, at most.
BASELINE_IMAGES, SCORED_IMAGES = 20_000, 2_000
#: Sub-pixels of images that the simple densities are fitted to, at most: of large images fewer are enough, and quicker.
BASELINE_NUMBERS = 2**24
#: Images below which a mean and its error say nothing.
FEWEST_IMAGES = 10


@dataclass(frozen=True)
class DensityRow:
    """Mean log p (nats an image), its standard error over images, and the same in bits a sub-pixel."""

    name: str
    kind: str
    log_p: float
    standard_error: float
    bits_per_dim: float


@dataclass(frozen=True)
class DensityTable:
    """Rows from the models down to the uniform law, and what they were measured on."""

    title: str
    rows: tuple[DensityRow, ...]
    note: str


def density_table(
    models: Mapping[str, GenerativeModel],
    train_images: NDArray[np.generic],
    test_images: NDArray[np.generic],
    *,
    title: str,
) -> DensityTable:
    """log p of test images under models, and under simple densities fitted to the same training images.

    All are log-masses of the discrete images (of real-valued data: of their levels), so that they can be compared; a
    conditional model takes part with its marginal over the classes.

    Args:
        models: at least one, by the name of its row; those without a p(x) get none. All of images of the same shape
            and levels.
        train_images: what the models were fitted to, in their layout.
        test_images: what all are measured on.
        title: heads the table.

    Raises:
        ValueError: the models are of different kinds of images: their log p say nothing about one another.
    """
    model = next(iter(models.values()))
    for name, other in models.items():
        if (other.spec_, other.image_format_.grid) != (model.spec_, model.image_format_.grid):
            raise ValueError(f"{name} is a model of images of {other.spec_}, which are not those of the first model")
    # At random: collections are often sorted by class.
    n_learned = min(BASELINE_IMAGES, max(100, BASELINE_NUMBERS // model.spec_.n_dims))
    train_images = train_images[_some(len(train_images), n_learned)]
    test_images = test_images[_some(len(test_images), SCORED_IMAGES)]
    to_rows = model.image_format_.nearest_levels_NCHW
    train, test = _rows(to_rows(train_images)), _rows(to_rows(test_images))
    n_dims = model.spec_.n_dims

    def row(name: str, kind: str, log_p: NDArray[np.float64]) -> DensityRow:
        mean = float(log_p.mean())
        return DensityRow(
            name, kind, mean, float(log_p.std(ddof=1) / np.sqrt(len(log_p))), -mean / (n_dims * np.log(2))
        )

    rows = []
    for name, other in models.items():
        if isinstance(other, DensityModel):
            bits = other.bits_per_dim(test_images)
            rows.append(row(name, other.density, -bits * n_dims * np.log(2)))
    mixture = PCAGaussianMixture().fit(train)
    rows.append(row("PCA + Gaussian mixture", "lower bound", mixture.score_samples(test)))
    rows.append(
        row("independent pixels", "exact", IndependentPixels(model.spec_.levels).fit(train).score_samples(test))
    )
    rows.append(row("uniform", "exact", np.full(len(test), -n_dims * np.log(model.spec_.levels))))
    return DensityTable(
        title,
        tuple(rows),
        f"Mean over {len(test):,} images ± its standard error; higher log p and fewer bits are better.",
    )


def held_out_table(model: GenerativeModel, images: NDArray[np.generic]) -> DensityTable | None:
    """`density_table` over the images that a fit held out of ``images`` itself; None if they are fewer than ten."""
    held_out = model.held_out_indices_
    training = np.setdiff1d(np.arange(len(images)), held_out)
    if min(len(held_out), len(training)) < FEWEST_IMAGES:
        return None
    # Not more than is needed of a large collection.
    training = training[_some(len(training), BASELINE_IMAGES)]
    held_out = held_out[_some(len(held_out), SCORED_IMAGES)]
    return density_table(
        {type(model).__name__: model},
        images[training],
        images[held_out],
        title="Images held out of the training (the best epoch was chosen on them)",
    )


def _some(n: int, most: int) -> NDArray[np.int64]:
    """Which of n images to take: all, or ``most`` of them at random (the same ones every time), in order."""
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def _rows(levels_NCHW: NDArray[np.integer]) -> NDArray[np.integer]:
    return levels_NCHW.reshape(len(levels_NCHW), -1)
