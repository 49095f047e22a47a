"""Collections from openml.org, through scikit-learn, which fetches a data set once and keeps it."""

from __future__ import annotations

import re
import warnings
from typing import Any
from urllib.error import HTTPError

import numpy as np

from pofx.data.arrays import collection_of_arrays
from pofx.data.collection import Collection, SourceError, printable

PREFIX = "openml:"
_PART_ROWS = 4096


def read_openml(source: str) -> Collection:
    """The data set that ``openml:NAME``, ``openml:NAME@VERSION`` or ``openml:ID`` names.

    Images (n, d): uint8 and ``levels`` set where all values are integers 0..255, otherwise as they are. Labels: the
    target where it names a class (strings or integers, none missing), otherwise None.

    Raises:
        SourceError: if it cannot be fetched, does not exist, or is not an array of numbers without gaps.
    """
    from sklearn.datasets import fetch_openml  # slow to import

    query = _query(source)
    try:
        with warnings.catch_warnings():
            # Which of several versions it is stands in the origin; that there is no network, in the error.
            warnings.filterwarnings("ignore", message="Multiple active versions|A network error occurred")
            # This parser needs no pandas.
            data_set = fetch_openml(**query, as_frame=False, parser="liac-arff")
    # OSError without a network, OpenMLError and other ValueErrors for what is not there or not an array, parser errors.
    except Exception as error:
        hint = ""
        if isinstance(error, OSError) and not isinstance(error, HTTPError):
            hint = "; is there a network? A data set that was fetched once is kept and needs none"
        raise SourceError(f"{source} cannot be fetched: {printable(error) or type(error).__name__}{hint}") from error
    details = data_set.get("details", {})
    origin = f"openml.org: {details.get('name', source)}, version {details.get('version', '?')}"
    images = _numbers(source, data_set)
    collection = collection_of_arrays(images, _labels(data_set.get("target")), origin)
    levels = _levels(images)
    if levels is None:
        return collection
    return Collection(images.astype(np.uint8), collection.labels, None, None, origin, levels)


def _query(source: str) -> dict[str, Any]:
    """The arguments of fetch_openml for this source."""
    wanted = source.removeprefix(PREFIX).strip()
    if re.fullmatch(r"\d+", wanted):
        return {"data_id": int(wanted)}
    name, at, version = wanted.partition("@")
    if not name or (at and not re.fullmatch(r"\d+", version)):
        raise SourceError(f"{source!r} is not openml:NAME, openml:NAME@VERSION with a number, or openml:ID")
    return {"name": name, "version": int(version)} if at else {"name": name}


def _numbers(source: str, data_set: Any) -> np.ndarray:
    """The features as an array of numbers; SourceError if they are not."""
    data = data_set["data"]
    if not isinstance(data, np.ndarray):
        raise SourceError(f"{source} is stored as a sparse matrix, which does not hold images")
    names = [column for column in data_set.get("feature_names", ()) if column in (data_set.get("categories") or {})]
    if names or data.dtype.kind not in "biuf":
        which = f" ({', '.join(printable(name) for name in names[:3])})" if names else ""
        raise SourceError(f"{source} is no collection of images: it has columns that are not numbers{which}")
    if data.ndim == 2 and any(np.isnan(part).any() for part in _parts(data)):
        raise SourceError(f"{source} is no collection of images: some of its values are missing")
    return data


def _levels(images: np.ndarray) -> int | None:
    """One more than the greatest value (2 at least) if all values are integers 0..255, else None."""
    if images.size == 0:
        return None
    if not all(part.min() >= 0 and part.max() <= 255 and (part == np.floor(part)).all() for part in _parts(images)):
        return None
    return max(int(images.max()) + 1, 2)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    """Views of some thousand rows each, so that what is computed from them stays small."""
    return [rows[start : start + _PART_ROWS] for start in range(0, len(rows), _PART_ROWS)]


def _labels(target: Any) -> np.ndarray | None:
    """The classes, or None if the target is not one class for each image."""
    if target is None or np.ndim(target) != 1:
        return None
    labels = np.asarray(target)
    if labels.dtype.kind == "O":
        return labels.astype(str) if all(isinstance(label, str) for label in labels) else None
    if labels.dtype.kind == "f":
        is_class = bool(np.isfinite(labels).all() and (labels == np.floor(labels)).all())
        return labels.astype(np.int64) if is_class else None
    return labels if labels.dtype.kind in "biuU" else None
