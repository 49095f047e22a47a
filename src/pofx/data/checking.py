"""Checking what a user passes as X and y, with scikit-learn's own error types and wording.

Arrays in memory are checked whole. A memory-mapped array (`numpy.load(mmap_mode="r")`) is checked part by part, and the
pages that were read are given back, so that a collection larger than memory can be fitted and scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_array, column_or_1d, validate_data

from pofx.data.images import ImageFormat, ImageSpec, shape_HWC
from pofx.data.levels import DEFAULT_LEVELS, IntegerLevels, ValueSummary, level_grid_for

#: Bytes of a memory-mapped array that are looked at in one go.
PART_BYTES = 16 * 2**20


def check_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Check X as images and flatten each of them.

    Args:
        estimator: sets (``reset=True``) or is held to (``reset=False``) ``n_features_in_`` and ``feature_names_in_``.
        X: (n, d), (n, H, W) or (n, H, W, C); anything that scikit-learn takes as an array.

    Returns:
        The rows (n, H*W*C), of the dtype of X and without a copy where possible, and the shape that X had.

    Raises:
        ValueError, TypeError: scikit-learn's, for NaN, infinities, sparse, complex, wrong shapes, empty input.
    """
    if isinstance(X, list | tuple):
        X = np.asarray(X)
    if getattr(X, "ndim", 2) in (3, 4):
        X = X if isinstance(X, np.ndarray) else np.asarray(X)
        shape = X.shape
        X = X.reshape(shape[0], math.prod(shape[1:]))
    else:
        shape = ()
    if mapped_file(X) is None:
        rows = validate_data(estimator, X, reset=reset, dtype="numeric")
        return rows, shape or rows.shape
    validate_data(estimator, X[: min(len(X), 1)], reset=reset, dtype="numeric")
    for part in iterate_parts(X):
        check_array(part, dtype="numeric", estimator=estimator)
    return X, shape or X.shape


def infer_format(
    rows: NDArray[Any], array_shape: tuple[int, ...], image_shape: Any = None, levels: int | None = None
) -> ImageFormat:
    """The format of checked rows of the training data; see `pofx.data.images` and `pofx.data.levels`."""
    height, width, channels = shape_HWC(array_shape, image_shape)
    unit_levels = levels or DEFAULT_LEVELS
    if rows.dtype.kind == "b" and levels not in (None, 2):
        raise ValueError(f"images of truth values have two levels, not levels={levels}: make them integers first")
    summary = reduce(ValueSummary.merge, (ValueSummary.of(part, unit_levels) for part in iterate_parts(rows)))
    grid = level_grid_for(summary, levels)
    spec = ImageSpec(height, width, channels, grid.levels)
    return ImageFormat(spec, len(array_shape), rows.dtype.str, grid)


def integer_levels(rows: NDArray[Any]) -> int | None:
    """How many levels images of integers have by themselves; None for numbers of another kind."""
    image_format = infer_format(rows.reshape(len(rows), -1), rows.shape)
    return image_format.spec.levels if isinstance(image_format.grid, IntegerLevels) else None


def check_shape(array_shape: tuple[int, ...], spec: ImageSpec) -> None:
    """ValueError unless images of this array have the shape that a model was fitted to."""
    if len(array_shape) == 2:
        return  # the number of features has been compared already
    height, width, channels = shape_HWC(array_shape)
    if (height, width, channels) != spec.shape_HWC:
        raise ValueError(f"X holds images of shape {array_shape[1:]}, but the model was fitted to images of {spec}")


def check_labels(y: Any, n: int) -> NDArray[Any]:
    """Class labels (n,), checked as scikit-learn does."""
    if getattr(getattr(y, "dtype", None), "kind", None) == "T":  # NumPy's StringDType, which scikit-learn does not know
        y = np.asarray(y.tolist(), dtype=str)
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "O" and any(label is None or label != label for label in labels):
        raise ValueError("Input y contains NaN or None: every image needs a label.")
    assert_all_finite(labels, input_name="y")
    if len(labels) != n:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n}, {len(labels)}]")
    check_classification_targets(labels)
    return np.asarray(labels)


def mapped_file(array: Any) -> Any:
    """The ``mmap`` object behind an array that lies in a file, or None."""
    return getattr(array, "_mmap", None) if isinstance(array, np.memmap) else None


def release_pages(array: NDArray[Any]) -> None:
    """Give the pages of a memory-mapped array back to the system; they are read again when next needed."""
    file = mapped_file(array)
    # Never of a copy-on-write map (mode "c"): its changed pages exist nowhere else.
    if file is not None and hasattr(file, "madvise") and array.mode in ("r", "r+", "w+"):  # type: ignore[attr-defined]
        import mmap

        file.madvise(mmap.MADV_DONTNEED)


def iterate_parts(rows: NDArray[Any], part_bytes: int = PART_BYTES) -> Iterator[NDArray[Any]]:
    """Consecutive parts of the rows; of an array in memory that is one part, the whole."""
    if mapped_file(rows) is None:
        yield rows
        return
    n_rows = max(1, part_bytes // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), n_rows):
        yield np.asarray(rows[start : start + n_rows])
        release_pages(rows)
