"""A map of images by their features, beside one by their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.evaluation.feature_map import feature_map
from pofx.files.pictures import sheet
from pofx.files.scatter import scatter

if TYPE_CHECKING:
    from PIL.Image import Image

#: Images of a map, at most.
MAPPED = 2_000
MAP_NOTE = (
    "t-SNE: images that are neighbours by their features lie near to one another. Distances between groups, and the "
    "axes, mean nothing. No label was looked at to place them."
)


def map_page(
    features: NDArray[np.floating],
    images: NDArray[Any],
    labels: NDArray[np.generic] | None,
    *,
    name: str,
    title: str | None,
    seed: int = 0,
) -> Image:
    """Maps of the images by their features and, beside it, by their pixels.

    Args:
        title: above, and a note below; None: neither.
    """
    pixels = images.reshape(len(images), -1)
    panels = [scatter(feature_map(values, seed=seed), labels) for values in (features, pixels)]
    return sheet(
        np.stack(panels),
        n_columns=len(panels),
        captions=[f"{name} ({features.shape[1]:,})", f"raw pixels ({pixels.shape[1]:,})"],
        title=title,
        note=None if title is None else MAP_NOTE,
        scale=1,
    )
