"""A page of samples above the training images that are nearest to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import sheet
from pofx.pages.display import displayed

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.base import GenerativeModel
    from pofx.evaluation.memorisation import CopyTest

#: Samples in each of the two rows.
SHOWN = 10


def memorisation_page(
    model: GenerativeModel,
    samples: NDArray[Any],
    train_images: NDArray[Any],
    test: CopyTest,
    *,
    title: str | None,
    note: str | None,
) -> Image:
    """Ten samples as they came and the ten that are nearest to a training image, each above that training image.

    Args:
        model: what drew the samples; its format says how images are shown.
        samples, train_images: as `memorisation` got them. test: one of its results.
        title, note: above and below; None: nothing stands there.
    """
    order = np.argsort(test.sample_distances, kind="stable")
    n = min(SHOWN, len(samples))
    chosen = np.concatenate([np.arange(n), order[:n]])
    distances = [f"{test.sample_distances[i]:.3g}" for i in chosen]
    near = np.asarray(train_images[test.nearest[chosen]])
    blocks = [samples[:n], near[:n], samples[order[:n]], near[n:]]
    return sheet(
        np.concatenate([displayed(model, block) for block in blocks]),
        n_columns=n,
        row_labels=["drawn", "nearest real", "nearest of all", "its nearest real"],
        captions=[*[""] * n, *distances[:n], *[""] * n, *distances[n:]],
        title=title,
        note=None if note is None else f"Under each pair its distance, on {test.features}. {note}",
    )
