"""What every benchmark does: read a data set, append a dated row to a table of results."""

from __future__ import annotations

import argparse
import ast
import csv
import datetime
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pofx

RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def load(name: str, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The arrays x_train, y_train, x_test, y_test of a data set."""
    path = (folder or DATA) / f"{name}.npz"
    if not path.exists():
        sys.exit(f"{path} does not exist: name the folder of the data sets with --data-folder")
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def append_row(table: str, row: dict[str, Any]) -> None:
    """Append a row to ``results/TABLE.csv``, with the date, the command and the machine; print it too."""
    row = {
        "date": datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%d %H:%M"),
        **row,
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "command": "python " + " ".join([os.path.relpath(sys.argv[0]), *sys.argv[1:]]),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{table}.csv"
    rows = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    columns = list(dict.fromkeys([*(rows[0] if rows else []), *row]))
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
    partial.replace(path)
    for key, value in row.items():
        print(f"{key}: {value}")


def change(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value a Python literal or else text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def fit_vae(arguments: argparse.Namespace, train: NDArray[np.uint8], path: Path, **words: Any) -> None:
    """Fit the VAE, with further parameters, and save it; from where it was, if it was killed."""
    model = pofx.VAE(
        latent_dim=arguments.latent_dim,
        max_epochs=10_000,
        max_minutes=arguments.minutes,
        early_stopping=None,
        checkpoint_dir=path.with_suffix(".checkpoint"),
        random_state=arguments.seed,
        verbose=True,
        **words,
    ).fit(train)
    model.save(path)
    print(f"{path}: held-out score {model.held_out_score_:.2f} nats after {model.n_epochs_} epochs")
