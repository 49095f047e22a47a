"""What lies beside a page: its models, images, tables and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pofx.atomic import atomic_write
from pofx.files.arrays import save_npz
from pofx.files.pictures import save_png
from pofx.report.section import Picture, Section, Table
from pofx.report.study import Study


def folder_of(page: Path) -> Path:
    """The folder beside a page, made: ``report.html`` has ``report_files``."""
    folder = page.with_name(f"{page.stem}_files")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_images(study: Study) -> None:
    """The images as they were divided, for the commands: x_train and x_test of one file, and their labels."""
    arrays = {"x_train": study.training.images, "x_test": study.held_out.images}
    if study.training.labels is not None and study.held_out.labels is not None:
        arrays |= {"y_train": study.training.labels, "y_test": study.held_out.labels}
    save_npz(study.folder / "images.npz", arrays)


def write_parts(folder: Path, sections: Sequence[Section]) -> None:
    """Every table as CSV and every picture as PNG."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, Picture):
                save_png(part.image, folder / f"{part.name.lower()}.png")
            elif isinstance(part, Table):
                _write(folder / f"{part.name.lower()}.csv", _csv_of(part))


def _write(path: Path, content: bytes) -> None:
    atomic_write(path, lambda file: file.write(content))


def _csv_of(table: Table) -> bytes:
    text = io.StringIO(newline="")
    if table.records:
        rows = csv.DictWriter(text, list(table.records[0]), restval="")
        rows.writeheader()
        rows.writerows({name: "" if value is None else value for name, value in row.items()} for row in table.records)
    else:
        csv.writer(text).writerows(table.cells)
    return text.getvalue().encode(errors="surrogateescape")
