"""The table of a training."""

from __future__ import annotations

import csv
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from engine_toys import Toy
from hypothesis import given
from hypothesis import strategies as st

from pofx.engine.history import History

ROWS = [
    {"epoch": 1.0, "loss": 0.1 + 0.2, "held_out_score": math.nan, "seconds": 1.5},
    {"epoch": 2.0, "loss": math.inf, "extra": -math.inf, "seconds": 2.5, "images_per_second": 9.0},
]


def test_columns_rows_and_iteration() -> None:
    history = History(ROWS)
    assert history.columns == ("epoch", "loss", "held_out_score", "seconds", "extra", "images_per_second")
    assert len(history) == 2 and [row["epoch"] for row in history] == [1.0, 2.0]
    np.testing.assert_array_equal(history["extra"], [math.nan, -math.inf])
    assert history["loss"].dtype == np.float64
    with pytest.raises(KeyError, match="No column 'los'; there are epoch, loss"):
        history["los"]
    history.rows[0]["epoch"] = 7.0
    assert history["epoch"][0] == 1.0, "rows are copies"


def test_equality_and_timing() -> None:
    assert History(ROWS) == History(ROWS)
    assert History(ROWS) != History(ROWS[:1])
    changed = [dict(ROWS[0], seconds=9.0), ROWS[1]]
    assert History(changed) != History(ROWS)
    assert History(changed).without_timing() == History(ROWS).without_timing()
    assert History([dict(ROWS[0], loss=0.3), ROWS[1]]) != History(ROWS)
    assert pickle.loads(pickle.dumps(History(ROWS))) == History(ROWS)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(), min_size=1), max_size=4))
def test_json_round_trip(rows: list[dict[str, float]]) -> None:
    history = History(rows)
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert History.from_dict(json.loads(text)) == history


def test_csv_holds_every_bit(tmp_path: Path) -> None:
    History(ROWS).to_csv(tmp_path / "h.csv")
    with (tmp_path / "h.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["epoch"] == "1" and rows[0]["held_out_score"] == "" and rows[1]["loss"] == "inf"
    assert float(rows[0]["loss"]) == 0.1 + 0.2
    assert list(tmp_path.iterdir()) == [tmp_path / "h.csv"]


def test_training_writes_its_history_beside_the_checkpoint(tmp_path: Path) -> None:
    result = Toy(tmp_path).train()
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert History(rows) == result.history
