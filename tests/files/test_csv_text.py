"""Tables as text."""

import csv
import io

import pytest

from pofx.files.csv_text import csv_text


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_marked_as_text(name):
    assert next(csv.reader(io.StringIO(csv_text([[name, "a"]]), newline=""))) == [f"'{name}", "a"]


def test_numbers_and_names_are_as_they_are():
    rows = [["image", "log_p"], ["a,b.png", "-12.5"], ["c\rd", repr(float("-inf"))], [-3, None], ["1/=2.png", 1e-9]]
    expected = [["image", "log_p"], ["a,b.png", "-12.5"], ["c\rd", "-inf"], ["-3", ""], ["1/=2.png", "1e-09"]]
    assert list(csv.reader(io.StringIO(csv_text(rows), newline=""))) == expected
