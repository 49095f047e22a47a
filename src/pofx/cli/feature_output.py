"""What ``pofx features`` writes: numbers of images as an array or a table, and a map of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.atomic import atomic_write
from pofx.cli.options import writable
from pofx.evaluation.feature_map import feature_map
from pofx.files.pictures import sheet
from pofx.files.scatter import scatter

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.data.collection import Skipped

#: Images of a map, at most.
MAPPED = 2_000
MAP_NOTE = (
    "t-SNE: images that are neighbours by their features lie near to one another. Distances between groups, and the "
    "axes, mean nothing. No label was looked at to place them."
)


def array_or_table(path: Path) -> Path:
    """The path, checked; an array if it does not say."""
    if path.suffix.lower() not in ("", ".npy", ".csv"):
        raise ValueError(f"{path} should end in .npy or .csv")
    return writable(path, ".csv" if path.suffix.lower() == ".csv" else ".npy")


def save_features(
    path: Path,
    features: NDArray[np.floating],
    columns: Sequence[str],
    names: Sequence[str],
    labels: NDArray[np.generic] | None,
    skipped: Sequence[Skipped],
) -> None:
    """The array alone as .npy; as .csv a row an image, with its name and class, then a row a file that was left out."""
    if path.suffix.lower() == ".npy":
        atomic_write(path, lambda file: np.save(file, features))
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["image", "label", *columns, "error"])
    # repr of the number as it is: of float32 fewer digits say all.
    for index, (name, row) in enumerate(zip(names, features, strict=True)):
        writer.writerow([name, "" if labels is None else labels[index], *(str(value) for value in row), ""])
    for bad in skipped:
        writer.writerow([bad.name, "", *[""] * len(columns), bad.reason])
    atomic_write(path, lambda file: file.write(text.getvalue().encode(errors="surrogateescape")))


def map_page(
    features: NDArray[np.floating],
    images: NDArray[Any],
    labels: NDArray[np.generic] | None,
    *,
    name: str,
    title: str,
    seed: int = 0,
) -> Image:
    """Maps of the images by their features and, beside it, by their pixels."""
    pixels = images.reshape(len(images), -1)
    panels = [scatter(feature_map(values, seed=seed), labels) for values in (features, pixels)]
    return sheet(
        np.stack(panels),
        n_columns=len(panels),
        captions=[f"{name} ({features.shape[1]:,})", f"raw pixels ({pixels.shape[1]:,})"],
        title=title,
        note=MAP_NOTE,
        scale=1,
    )
