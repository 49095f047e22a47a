"""Attributes of images from a CSV file, and strengths from words on the command line."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pofx.data.collection import Collection

#: The column that tells which image a row is about, as in the tables of `pofx score`.
IMAGE = "image"
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0, "": math.nan, "nan": math.nan}


def read_attributes(path: Path, collection: Collection) -> dict[str, NDArray[np.float64]]:
    """The columns of a table as attributes of the images: name -> (n,), NaN where nothing stands.

    A column ``image`` holds the file of each image, or its number; images without a row are unknown. Without such a
    column the rows are the images, in order.

    Raises:
        ValueError: it is no such table, a value is no number, a row is about no image of the source or about the same
            one as another row, or there are not as many rows as images.
        OSError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            (_, header), *rows = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ValueError(f"{path} is no table with a header: {error}") from error
    names = [name.strip() for name in header]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"{path} needs a name for each column, and each another one")
    attributes = {name: np.full(len(collection), np.nan) for name in names if name != IMAGE}
    if not attributes:
        raise ValueError(f"{path} has no column of an attribute")
    if IMAGE not in names and len(rows) != len(collection):
        raise ValueError(
            f"{path} has {len(rows):,} rows, but {collection.origin} {len(collection):,} images; a column {IMAGE!r} "
            "would tell which are meant"
        )
    # A file that is called like a number is meant before the image of that number.
    places = {str(index): index for index in range(len(collection))}
    places |= {name: index for index, name in enumerate(collection.names or [])}
    line_of: dict[int, int] = {}
    for position, (line, row) in enumerate(rows):
        if len(row) != len(names):
            raise ValueError(f"{path} has {len(row)} values in line {line}, but {len(names)} columns")
        values = dict(zip(names, (value.strip() for value in row), strict=True))
        which = values.pop(IMAGE) if IMAGE in names else str(position)
        place = places.get(which) if IMAGE in names else position
        if place is None:
            raise ValueError(f"{path}, line {line}: {collection.origin} has no image {which!r}")
        if place in line_of:
            raise ValueError(f"{path} has two rows about the image {which!r}: in lines {line_of[place]} and {line}")
        line_of[place] = line
        for name, text in values.items():
            attributes[name][place] = _number(text, f"{path}, line {line}, column {name!r}")
    return attributes


def _number(text: str, where: str) -> float:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: {text!r} is no number; empty means unknown") from None


def parse_strengths(texts: Sequence[str]) -> dict[str, float]:
    """["smile=1", "age=-0.5"] -> {"smile": 1.0, "age": -0.5}; ValueError for the rest."""
    strengths: dict[str, float] = {}
    for text in texts:
        name, separator, number = text.rpartition("=")
        try:
            strength = float(number)
        except ValueError:
            strength = math.nan
        if not separator or not name or not math.isfinite(strength):
            raise ValueError(f"--set {text!r} should be a name and a number, as in smile=1.5")
        if name in strengths:
            raise ValueError(f"--set names {name!r} twice")
        strengths[name] = strength
    return strengths
