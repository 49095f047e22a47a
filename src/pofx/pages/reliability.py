"""The reliability diagram: how often classes are right, by how sure a classifier is of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import sheet
from pofx.measures.reliability import reliability

if TYPE_CHECKING:
    from PIL.Image import Image

#: Side of the reliability diagram, and width of a bar, in pixels.
SIDE, BAR = 300, 20
ACCURACY, CONFIDENCE, EMPTY = (70, 110, 180), (215, 120, 60), (236, 236, 236)


def reliability_page(probabilities: NDArray[np.float64], truth: NDArray[np.int64], *, title: str | None) -> Image:
    """The reliability diagram: of each bin of confidence how often the class is right, beside how sure it is.

    Args:
        title: above, and a note below; None: neither.
    """
    found = reliability(probabilities, truth)
    chart = np.full((SIDE + 1, BAR * len(found.counts), 3), 255, dtype=np.uint8)
    for bin_, n in enumerate(found.counts):
        bar = slice(BAR * bin_ + 1, BAR * (bin_ + 1) - 1)
        if not n:
            chart[-3:, bar] = EMPTY
            continue
        chart[round(SIDE * (1 - found.accuracy[bin_])) :, bar] = ACCURACY
        sure = round(SIDE * (1 - found.confidence[bin_]))
        chart[max(0, sure - 1) : sure + 2, bar] = CONFIDENCE
    return sheet(
        chart[None],
        n_columns=1,
        scale=1,
        title=title,
        note=None if title is None else reliability_note(probabilities, truth),
    )


def reliability_note(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> str:
    """How to read the diagram."""
    found = reliability(probabilities, truth)
    return (
        "Bars, from 0 to 100 %: how often the likeliest class is right, for images by how sure it is, from 0 to "
        f"100 % in {len(found.counts)} steps. Orange: how sure it is on average. Where bars end there, "
        f"probabilities are what they say. Expected calibration error {found.expected_calibration_error:.3f}, of "
        f"{len(truth):,} images."
    )
