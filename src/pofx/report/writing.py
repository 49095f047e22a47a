"""What lies beside a page: its models, images, tables and pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pofx.atomic import atomic_write
from pofx.files.arrays import save_npz
from pofx.files.csv_text import csv_text
from pofx.files.pictures import save_png
from pofx.report.section import Picture, Section, Table
from pofx.report.study import Images

#: The list of the tables and pictures that lie beside a page.
WRITTEN = "written.txt"


def folder_of(page: Path) -> Path:
    """The folder beside a page, made: ``report.html`` has ``report_files``.

    Raises:
        OSError: nothing can be written there.
    """
    folder = page.with_name(f"{page.stem}_files")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{folder}, the folder beside the page, cannot be written: {error.strerror or error}") from error
    return folder


def forget(folder: Path) -> None:
    """Remove tables, pictures, detectors and classifier of an earlier page: they would seem to be of this one.

    What else lies there stays, and models are replaced only by models.
    """
    listed = folder / WRITTEN
    names = listed.read_text().splitlines() if listed.is_file() else []
    earlier = [folder / name for name in names if name == Path(name).name and Path(name).suffix in (".csv", ".png")]
    for path in (*earlier, *folder.glob("detector_*.pofx"), folder / "classifier.pofx", listed):
        path.unlink(missing_ok=True)


def write_page(path: Path, text: str) -> None:
    """The page itself."""
    _write(path, text.encode())


def write_images(folder: Path, training: Images, held_out: Images) -> None:
    """The images as they were divided, for the commands: x_train and x_test of one file, and their labels."""
    arrays = {"x_train": training.images, "x_test": held_out.images}
    if training.labels is not None and held_out.labels is not None:
        arrays |= {"y_train": training.labels, "y_test": held_out.labels}
    save_npz(folder / "images.npz", arrays)


def write_parts(folder: Path, sections: Sequence[Section]) -> None:
    """Every table as CSV and every picture as PNG, and a list of them."""
    parts = [part for section in sections for part in section.parts if isinstance(part, Picture | Table)]
    names = [f"{part.name.lower()}.{'png' if isinstance(part, Picture) else 'csv'}" for part in parts]
    _write(folder / WRITTEN, "".join(f"{name}\n" for name in names).encode())
    for name, part in zip(names, parts, strict=True):
        if isinstance(part, Picture):
            save_png(part.image, folder / name)
        else:
            _write(folder / name, _csv_of(part))


def _write(path: Path, content: bytes) -> None:
    atomic_write(path, lambda file: file.write(content))


def _csv_of(table: Table) -> bytes:
    rows: list[list[Any]] = [list(row) for row in table.cells]
    if table.records:
        columns = list(table.records[0])
        rows = [columns, *([row.get(name) for name in columns] for row in table.records)]  # None is an empty cell
    return csv_text(rows).encode(errors="surrogateescape")
