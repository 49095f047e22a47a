"""``pofx score``: log p(x) of each image."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pofx.cli.options import Device, Errors, ModelPath, Size, Source, Split, Verbose, writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pofx.data.collection import Skipped

COLUMNS = ("image", "log_p_nats", "kind", "bits_per_dim", "error")


def score(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell log p(x) of each image of a source.

    The CSV has a row an image: its file name or index, log p(x) in nats (higher is likelier), what kind of number that
    is, and bits a dimension (lower is likelier). Files left out follow, with what was wrong under `error`.

    Example: `pofx score photos.pofx new/ -o scores.csv --errors skip`
    """
    import numpy as np

    import pofx
    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images, load_model
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.data.collection import printable
    from pofx.data.levels import RealLevels

    if output is not None:
        output = writable(output, ".csv")
    fitted = load_model(model, device=device, verbose=verbose)
    if not isinstance(fitted, pofx.DensityModel):
        raise ValueError(f"{type(fitted).__name__} has no p(x) (density: {fitted.density}); it cannot score images")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    log_p, bits = _scores(fitted, collection.images)
    names = collection.names or tuple(str(index) for index in range(len(collection)))

    # Before anything is printed: whoever reads that may have seen enough of it.
    if output is not None:
        text = _csv(names, log_p, fitted.density, bits, collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))

    console = OutputConsole()
    error = log_p.std(ddof=1) / np.sqrt(len(log_p)) if len(log_p) > 1 else np.nan
    spec = fitted.spec_
    uniform = f"{-spec.n_dims * np.log(spec.levels):.2f} nats, "
    what: str = fitted.density
    if isinstance(fitted.image_format_.grid, RealLevels):
        # log p(x) is a density in the unit of the data, the bits are those of the image cut into levels.
        what, uniform = f"{what}, of a density", ""
    spread = f" ± {error:.2f}" if len(log_p) > 1 else ""
    console.print(
        f"log p(x) ({what}), mean over {len(log_p):,} {'images' if len(log_p) > 1 else 'image'}: "
        f"{log_p.mean():.2f}{spread} nats, {bits.mean():.3f} bits/dim of {spec.levels} levels "
        f"(a uniform law: {uniform}{np.log2(spec.levels):.3f} bits/dim)"
    )
    order = np.argsort(log_p)
    for title, indices in (("likeliest", order[::-1][:3]), ("least likely", order[:3])):
        console.print(f"{title}: " + ", ".join(f"{printable(names[i])} ({log_p[i]:.1f})" for i in indices))
    print_left_out(console, collection.skipped, collection.conversions)
    if output is not None:
        console.print(f"Written: {output}", soft_wrap=True)


def _scores(fitted: Any, images: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`score_samples` and `bits_per_dim`; the network is run once where the one follows from the other."""
    import numpy as np

    from pofx.data.levels import RealLevels

    log_p = fitted.score_samples(images)
    if isinstance(fitted.image_format_.grid, RealLevels):  # a density, but the bits are those of the discrete image
        return log_p, fitted.bits_per_dim(images)
    return log_p, -log_p / (fitted.spec_.n_dims * np.log(2))


def _csv(
    names: tuple[str, ...],
    log_p: NDArray[np.float64],
    kind: str,
    bits: NDArray[np.float64],
    skipped: tuple[Skipped, ...],
) -> str:
    text = io.StringIO(newline="")
    # Ends of lines as RFC 4180 has them: a carriage return in the name of a file is then put into quotes.
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, p, b in zip(names, log_p, bits, strict=True):
        writer.writerow([name, repr(float(p)), kind, repr(float(b)), ""])
    for bad in skipped:
        writer.writerow([bad.name, "", "", "", bad.reason])
    return text.getvalue()
