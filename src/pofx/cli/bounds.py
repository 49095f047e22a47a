"""``pofx bounds``: lower bounds on log p(x), tighter than those of ``pofx score``."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pofx.cli.options import Device, Errors, ModelPath, Seed, Size, Source, Split, Verbose, check_count, writable

if TYPE_CHECKING:
    from pofx.data.collection import Skipped
    from pofx.families.variational.evidence import LogProbBounds

COLUMNS = ("image", "lower_nats", "std_error_nats", "kind", "error")

Draws = Annotated[
    int | None,
    Parameter(help="Draws of z an image; of ais, chains. More take longer and, with iw and ais, give a tighter bound."),
]
Temperatures = Annotated[int | None, Parameter(help="Of ais: steps from q(z|x) to p(z|x); more give a tighter bound.")]
Leapfrog = Annotated[int | None, Parameter(help="Of ais: leapfrog steps from one temperature to the next.")]


def bounds(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    method: Annotated[
        Literal["elbo", "iw", "ais"],
        Parameter(help="The ELBO, importance weights, or annealed importance sampling (slow, and the tightest)."),
    ] = "iw",
    n_samples: Draws = None,
    n_temperatures: Temperatures = None,
    n_leapfrog: Leapfrog = None,
    n: Annotated[
        int | None,
        Parameter(name=["--n-images", "-n"], help="So many images of the source, drawn at random; all if not given."),
    ] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell lower bounds on log p(x) of the images of a source, of a model that has no log p(x) itself.

    `pofx score` gives the ELBO, quickly; this comes nearer to log p(x). The CSV has a row an image: its file name or
    index, the bound in nats, its standard error over the draws of this run, and what kind of bound it is. All are lower
    bounds on average over their draws; `pofx certify` tells how tight ais is.

    Example: `pofx bounds digits.pofx digits -o bounds.csv`

    Example: `pofx bounds digits.pofx digits --method ais -n 50`
    """
    import numpy as np

    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images, load_model, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.families.variational.evidence import EvidenceBounds, checked_settings

    output = None if output is None else writable(output, ".csv")
    if n is not None:
        check_count("--n-images", n)
    settings = {"n_samples": n_samples, "n_temperatures": n_temperatures, "n_leapfrog": n_leapfrog}
    checked_settings(method, **settings)
    fitted = load_model(model, device=device, verbose=verbose)
    if not isinstance(fitted, EvidenceBounds):
        raise ValueError(f"{type(fitted).__name__} (density: {fitted.density}) has no bounds on log p(x) to tighten")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    chosen = np.arange(len(collection)) if n is None else some_indices(n, len(collection), seed)
    result = fitted.log_prob_bounds(collection.images[chosen], method=method, random_state=seed, **settings)
    names = tuple(collection.names[i] if collection.names else str(i) for i in chosen)
    if output is not None:
        text = _csv(names, result, collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))
    console = OutputConsole()
    error = f" ± {result.lower.std(ddof=1) / np.sqrt(len(names)):.2f}" if len(names) > 1 else ""
    told = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    counted = f"{len(names):,} {'images' if len(names) > 1 else 'image'}"
    console.print(
        f"log p(x) (lower bound, {method}: {told}), mean over {counted}: "
        f"{result.lower.mean():.2f}{error} nats (standard error of a single bound: {result.std_error.mean():.3f})"
    )
    print_left_out(console, collection.skipped, collection.conversions)
    if output is not None:
        console.print(f"Written: {output}", soft_wrap=True)


def _csv(names: tuple[str, ...], result: LogProbBounds, skipped: tuple[Skipped, ...]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, lower, error in zip(names, result.lower, result.std_error, strict=True):
        writer.writerow([name, repr(float(lower)), repr(float(error)), f"lower bound, {result.method}", ""])
    for bad in skipped:
        writer.writerow([bad.name, "", "", "", bad.reason])
    return text.getvalue()
