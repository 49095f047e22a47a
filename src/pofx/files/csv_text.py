"""Tables as text, such as spreadsheets read, of which they run nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

#: A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """A line a row, ended as RFC 4180 has it: a carriage return in the name of a file is then put into quotes.

    Names of files and classes come from strangers. A text that a spreadsheet would run gets an apostrophe before it, as
    spreadsheets themselves mark a text; a number keeps its sign.
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
