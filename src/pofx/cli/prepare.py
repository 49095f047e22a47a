"""``pofx prepare``: a source of images into one packed file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pofx.cli.options import Errors, Levels, Size, Source, Split, Verbose, parse_size, writable

if TYPE_CHECKING:
    from pofx.data.packed import PackedFile


def prepare(
    source: Source,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The packed file to write (.packed).")],
    split: Split = None,
    size: Size = None,
    levels: Levels = None,
    errors: Errors = "raise",
    verbose: Verbose = True,
) -> None:
    """Pack a source of images into one file, which any command then takes as its SOURCE.

    Images are decoded, resampled and checked once and for all; reading them back takes a small part of the time, and a
    collection larger than memory is read batch by batch. The file also holds the labels, the names of the files, what
    was left out and what was converted. Real numbers that are no levels out of at most 256 are refused: they would not
    be the same afterwards.

    Example: `pofx prepare photos/ -o photos.packed --size 32x32 --errors skip`
    """
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.data.packing import pack
    from pofx.engine.counting import CountedWork

    output = writable(output, ".packed")
    start = time.perf_counter()
    with CountedWork("Packing", "images", verbose) as count:
        packed = pack(source, output, split=split, size=parse_size(size), errors=errors, levels=levels, progress=count)
    seconds = time.perf_counter() - start
    console = OutputConsole()
    console.print(f"{_summary(packed)}; {packed.shape[0] / seconds:,.0f} images/s.")
    print_left_out(console, packed.contents.skipped, packed.contents.conversions)
    console.print(f"Written: {output}", soft_wrap=True)


def _summary(packed: PackedFile) -> str:
    """How many images of which shape, levels and classes, and the size of the file."""
    n, *shape = packed.shape
    contents = packed.contents
    sides = " x ".join(str(side) for side in shape[:2]) + (f" x {shape[2]} channels" if len(shape) == 3 else "")
    text = f"{n:,} {'image' if n == 1 else 'images'} of {sides}, {contents.levels} levels"
    if contents.label_names is not None:
        text += f", {len(contents.label_names):,} classes"
    elif contents.labels is not None:
        text += ", with labels"
    return f"{text}: {packed.path.stat().st_size / 1e6:,.2f} MB"
