"""What the commands print and draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import to_display

if TYPE_CHECKING:
    from rich.console import Console

    from pofx.base import GenerativeModel
    from pofx.evaluation.densities import DensityTable


def displayed(model: GenerativeModel, images: NDArray[Any]) -> NDArray[np.uint8]:
    """Images or means in the user's layout -> uint8 pictures."""
    return to_display(model.image_format_.nearest_levels_NCHW(np.asarray(images)), model.spec_.levels)


def print_density_table(console: Console, table: DensityTable) -> None:
    """The table of `pofx.evaluation.densities` for people."""
    from rich.table import Table

    out = Table(title=table.title, title_justify="left", caption=table.note, caption_justify="left")
    for column, justify in (("", "left"), ("log p(x), nats", "right"), ("kind", "left"), ("bits/dim", "right")):
        out.add_column(column, justify=justify)  # type: ignore[arg-type]
    for row in table.rows:
        out.add_row(row.name, f"{row.log_p:.2f} ± {row.standard_error:.2f}", row.kind, f"{row.bits_per_dim:.3f}")
    console.print(out)


def print_feature_table(console: Console, rows: list[tuple[str, float]]) -> None:
    """The rows of `pofx.evaluation.features.feature_table` for people."""
    from rich.table import Table

    out = Table(caption="Share of the images set aside that a linear classifier names right.", caption_justify="left")
    out.add_column("features (how many)")
    out.add_column("accuracy", justify="right")
    for name, accuracy in rows:
        out.add_row(name, f"{accuracy:.3f}")
    console.print(out)
