"""``pofx score``: log p(x) of each image."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import Device, ModelPath, Source, Split, writable


def score(
    model: ModelPath,
    source: Source,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    split: Split = None,
    device: Device = "auto",
) -> None:
    """Tell log p(x) of each image of a source.

    The CSV has a row an image: its file name or index, log p(x) in nats (higher is likelier), what kind of number that
    is, and bits a dimension (lower is likelier).
    """
    import numpy as np
    from rich.console import Console

    import pofx
    from pofx.files.atomic import atomic_write

    if output is not None:
        output = writable(output, ".csv")
    fitted = pofx.load(model).set_params(device=device)
    if not isinstance(fitted, pofx.DensityModel):
        raise ValueError(f"{type(fitted).__name__} has no p(x) (density: {fitted.density}); it cannot score images")
    collection = pofx.load_source(source, split=split)
    log_p = fitted.score_samples(collection.images)
    bits = fitted.bits_per_dim(collection.images)
    names = collection.names or [str(index) for index in range(len(collection))]

    # Names of files are not to be read as markup.
    console = Console(markup=False, highlight=False)
    error = log_p.std(ddof=1) / np.sqrt(len(log_p)) if len(log_p) > 1 else np.nan
    uniform = -fitted.spec_.n_dims * np.log(fitted.spec_.levels)
    console.print(
        f"log p(x) ({fitted.density}), mean over {len(log_p):,} images: {log_p.mean():.2f} ± {error:.2f} nats, "
        f"{bits.mean():.3f} bits/dim (a uniform law: {uniform:.2f} nats, {np.log2(fitted.spec_.levels):.3f} bits/dim)"
    )
    order = np.argsort(log_p)
    for title, indices in (("likeliest", order[::-1][:3]), ("least likely", order[:3])):
        console.print(f"{title}: " + ", ".join(f"{names[i]} ({log_p[i]:.1f})" for i in indices))
    if output is not None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", "log_p_nats", "kind", "bits_per_dim"])
        writer.writerows(
            (name, repr(float(p)), fitted.density, repr(float(b)))
            for name, p, b in zip(names, log_p, bits, strict=True)
        )
        atomic_write(output, lambda file: file.write(text.getvalue().encode(errors="surrogateescape")))
        print(f"Written: {output}")
