"""The table of a training: one row an epoch."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pofx.atomic import atomic_write

TIMING_COLUMNS = ("seconds", "images_per_second")


class History:
    """One row an epoch, each a dict from column to float; a column that a row lacks reads as NaN.

    Columns: ``epoch`` (from 1), ``step`` (steps made), the phases' loss terms as means over the epoch's images
    (``term``, or ``phase/term`` if there are several phases; ``loss`` is the total), ``learning_rate`` (of the last
    step), ``held_out_score`` and what else was measured on held-out images, ``seconds`` (of the whole training so far)
    and ``images_per_second`` (of the steps).

    Example:
        >>> history = History([{"epoch": 1.0, "loss": 2.5}])
        >>> history["loss"]
        array([2.5])
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self._rows = [{name: float(value) for name, value in row.items()} for row in rows]

    @property
    def rows(self) -> list[dict[str, float]]:
        """Copies of the rows."""
        return [dict(row) for row in self._rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for row in self._rows for name in row))

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row at the end."""
        self._rows.append({name: float(value) for name, value in row.items()})

    def without_timing(self) -> History:
        """The history without the columns that depend on the machine's speed: for comparing runs."""
        return History({k: v for k, v in row.items() if k not in TIMING_COLUMNS} for row in self._rows)

    def __getitem__(self, column: str) -> np.ndarray:
        """One column, (len(self),) float64.

        Raises:
            KeyError: if no row has the column.
        """
        if column not in self.columns:
            raise KeyError(f"No column {column!r}; there are {', '.join(self.columns) or 'none'}.")
        return np.array([row.get(column, math.nan) for row in self._rows], dtype=np.float64)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        """Same columns and the same numbers; NaN equals NaN here."""
        if not isinstance(other, History):
            return NotImplemented
        same_shape = self.columns == other.columns and len(self) == len(other)
        return same_shape and all(np.array_equal(self[name], other[name], equal_nan=True) for name in self.columns)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"History({len(self)} epochs: {', '.join(self.columns)})"

    def to_dict(self) -> dict[str, Any]:
        """The table for JSON, which has no NaN and no infinity: they become None, ``"inf"`` and ``"-inf"``."""
        columns = self.columns
        rows = [[_to_json(row.get(name, math.nan)) for name in columns] for row in self._rows]
        return {"columns": list(columns), "rows": rows}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> History:
        """The inverse of ``to_dict``."""
        return cls(
            {
                name: math.nan if value is None else float(value)
                for name, value in zip(table["columns"], row, strict=True)
            }
            for row in table["rows"]
        )

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the table with a header line; NaN is an empty field. An existing file is replaced in one step.

        Raises:
            OSError: if the folder does not exist or cannot be written.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_to_text(row.get(name, math.nan)) for name in self.columns] for row in self._rows)

        def write(file: BinaryIO) -> None:
            file.write(text.getvalue().encode())

        return atomic_write(path, write)


def _to_json(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _to_text(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
