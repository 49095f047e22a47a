"""What the commands print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from pofx.data.collection import Conversion, Skipped
    from pofx.evaluation.densities import DensityTable
    from pofx.evaluation.features import FeatureTable

#: Files left out that are shown by name.
SHOWN_FILES = 20


def print_left_out(console: Console, skipped: Sequence[Skipped], conversions: Sequence[Conversion]) -> None:
    """What became of a source's files on the way: a line a conversion, then a table of the files left out.

    On a terminal the first twenty of those are shown, and how many more there are; a pipe or a file gets all of them.
    Nothing is printed if there is nothing to say.
    """
    from rich.table import Table
    from rich.text import Text

    from pofx.data.collection import printable

    for done in conversions:
        which = done.example if done.n_images == 1 else f"{done.n_images:,} images, as {done.example}"
        console.print(f"Converted: {printable(done.what)} ({printable(which)})", soft_wrap=True)
    if not skipped:
        return
    console.print(f"Left out: {len(skipped):,} {_files(len(skipped))}")
    table = Table()
    # On a narrow terminal the reason goes on in the next line; names are never cut.
    table.add_column("file", overflow="fold")
    table.add_column("reason", overflow="fold")
    n_shown = SHOWN_FILES if console.is_terminal else len(skipped)
    for one in skipped[:n_shown]:
        table.add_row(Text(printable(one.name)), Text(printable(one.reason)))
    console.print(table)
    rest = len(skipped) - n_shown
    if rest > 0:
        console.print(f"and {rest:,} more {_files(rest)} (all of them where this is written to a file)", soft_wrap=True)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def print_density_table(console: Console, table: DensityTable) -> None:
    """The table of `pofx.evaluation.densities` for people."""
    from rich.table import Table

    console.print(table.title)
    out = Table()
    for column, justify in (("", "left"), ("log p(x), nats", "right"), ("kind", "left"), ("bits/dim", "right")):
        out.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in table.rows:
        out.add_row(row.name, f"{row.log_p:.2f} ± {row.standard_error:.2f}", row.kind, f"{row.bits_per_dim:.3f}")
    console.print(out)
    console.print(table.note)


def print_feature_table(console: Console, table: FeatureTable) -> None:
    """The table of `pofx.evaluation.features` for people."""
    from rich.table import Table

    heading, *rows = table.cells()
    out = Table()
    for index, column in enumerate(heading):
        out.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        out.add_row(*row)
    console.print(out)
    console.print(table.note)
