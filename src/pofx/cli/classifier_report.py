"""What ``pofx classify`` says and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.csv_text import csv_text
from pofx.measures.reliability import reliability

if TYPE_CHECKING:
    from pofx.applications.conformal import FalseAlarmRate
    from pofx.data.collection import Skipped

#: What is said where a fitted model judges the images that it was fitted to.
OWN_IMAGES = "Beware: the model was fitted to most of these images; of new ones fewer classes may be right."


def csv_of(
    names: Sequence[str],
    classes: NDArray[Any],
    probabilities: NDArray[np.float64],
    p_values: NDArray[np.float64],
    rejected: NDArray[np.bool_],
    skipped: Sequence[Skipped],
) -> str:
    """A row an image, then a row a file that was left out."""
    rows: list[list[Any]] = [["image", "class", "rejected", "p_value", *(f"p({label})" for label in classes), "error"]]
    for name, p_of_classes, p, out in zip(names, probabilities, p_values, rejected, strict=True):
        label = classes[p_of_classes.argmax()]
        numbers = (repr(float(value)) for value in p_of_classes)
        rows.append([name, label, bool(out), repr(float(p)), *numbers, ""])
    rows += [[bad.name, *[""] * (3 + len(classes)), bad.reason] for bad in skipped]
    return csv_text(rows)


def judged_by_labels(labels: NDArray[Any] | None, classes: NDArray[Any]) -> NDArray[np.int64] | None:
    """The class number of each label, -1 of what the classifier does not know; None if it knows none of them."""
    if labels is None:
        return None
    numbers = {str(label): number for number, label in enumerate(classes)}
    truth = np.array([numbers.get(str(label), -1) for label in labels], dtype=np.int64)
    return truth if (truth >= 0).any() else None


def only_held_out(truth: NDArray[np.int64] | None, held_out: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The class number of each image that is held out, -1 of the others; None if none of those is known."""
    if truth is None:
        return None
    kept = np.full_like(truth, -1)
    kept[held_out] = truth[held_out]
    return kept if (kept >= 0).any() else None


def said_of(
    classes: NDArray[Any],
    probabilities: NDArray[np.float64],
    rejected: NDArray[np.bool_],
    rate: FalseAlarmRate,
    truth: NDArray[np.int64] | None,
    n_held_out: int | None = None,
) -> list[str]:
    """How many images are of each class and of none, and how many of the classes are right, where that is known.

    Args:
        truth: class numbers, -1 where they are not known; None if none is.
        n_held_out: how many images can be known, where those of the fit are not to be counted.
    """
    n, found = len(rejected), probabilities.argmax(axis=1)
    counts = np.bincount(found[~rejected], minlength=len(classes))
    of_each = ", ".join(f"{label}: {count:,}" for label, count in zip(classes, counts, strict=True) if count)
    said = str(rate)
    lines = [
        f"Of {n:,} {'images' if n > 1 else 'image'} {rejected.sum():,} are rejected as of no class, at a false-alarm "
        f"rate of {100 * rate.nominal:.3g} %. {said[0].upper()}{said[1:]}.",
        f"The others: {of_each or 'none'}.",
    ]
    if truth is not None:
        known = truth >= 0
        right = found[known] == truth[known]
        error = reliability(probabilities[known], truth[known]).expected_calibration_error
        these = "" if n_held_out is None else f" of the {n_held_out:,} held-out images"
        line = f"By the labels of the source, {100 * right.mean():.2f} % of the classes{these} are right"
        kept = ~rejected[known]
        if kept.any() and not kept.all():
            line += f", {100 * right[kept].mean():.2f} % of those not rejected"
        lines.append(f"{line}; the expected calibration error of the probabilities is {error:.3f}.")
    return lines
