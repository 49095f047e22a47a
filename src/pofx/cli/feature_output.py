"""What ``pofx features`` writes: numbers of images as an array or a table, and a map of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pofx.atomic import atomic_write
from pofx.cli.options import writable
from pofx.files.csv_text import csv_text

if TYPE_CHECKING:
    from pofx.data.collection import Skipped


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
    rows = [["image", "label", *columns, "error"]]
    # repr of the number as it is: of float32 fewer digits say all.
    for index, (name, row) in enumerate(zip(names, features, strict=True)):
        rows.append([name, "" if labels is None else str(labels[index]), *(str(value) for value in row), ""])
    rows += [[bad.name, "", *[""] * len(columns), bad.reason] for bad in skipped]
    text = csv_text(rows)
    atomic_write(path, lambda file: file.write(text.encode(errors="surrogateescape")))
