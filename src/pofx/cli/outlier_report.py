"""What ``pofx outliers`` says and writes: a summary and a table of all images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pofx.files.csv_text import csv_text

if TYPE_CHECKING:
    from pofx.applications.conformal import FalseAlarmRate
    from pofx.applications.outlier_answers import Assessment
    from pofx.data.collection import Skipped

COLUMNS = ("image", "p_value", "score", "flagged", "error")


def csv_of(names: Sequence[str], found: Assessment, flagged: NDArray[np.bool_], skipped: Sequence[Skipped]) -> str:
    """A row an image, then a row a file that was left out."""
    judged = [
        [name, repr(float(p)), repr(float(score)), bool(flag), ""]
        for name, p, score, flag in zip(names, found.p_values, found.scores, flagged, strict=True)
    ]
    return csv_text([COLUMNS, *judged, *([bad.name, "", "", "", bad.reason] for bad in skipped)])


def said_of(
    rate: FalseAlarmRate,
    discovery_rate: float | None,
    *,
    n_flagged: int,
    n: int,
    lowest_p: float,
    per_class: bool,
) -> list[str]:
    """How many images are flagged, and how many of them chance explains.

    Args:
        rate: of several classes that of the one with the fewest calibration images.
        lowest_p: the lowest p-value that there can be.
    """
    flagged = f"Flagged: {n_flagged:,} of {n:,} {'images' if n > 1 else 'image'}"
    if discovery_rate is None:
        by_chance = n * (rate.nominal if per_class else rate.expected)
        said = str(rate)
        where = "In the class with the fewest calibration images, " if per_class else ""
        return [
            f"{flagged}, at a false-alarm rate of {100 * rate.nominal:.3g} %. If all were ordinary, about "
            f"{by_chance:.3g} would be flagged by chance.",
            f"{where}{said if where else said[0].upper() + said[1:]}.",
        ]
    told = f"{flagged}, at a false discovery rate of {100 * discovery_rate:.3g} %"
    if n_flagged:
        told += f": on average at most {discovery_rate * n_flagged:.3g} of so many are ordinary"
    # The k lowest p-values are flagged together if the k-th is at most k rate / n.
    least = math.ceil(n * lowest_p / discovery_rate)
    if least == 1:
        return [f"{told}."]
    found = f"fewer than {least:,} outliers among them cannot be found" if least <= n else "nothing can be found"
    return [
        f"{told}.",
        f"With these calibration images no p-value is below {lowest_p:.2g}: {found} at this rate.",
    ]


def check_folder(folder: Path) -> Path:
    """The folder, made; ValueError if something is in it, for pictures of another run would be taken for this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: --gallery needs a folder of its own")
    return folder
