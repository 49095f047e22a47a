"""``pofx bounds``: lower bounds on log p(x), tighter than those of ``pofx score``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from pofx.cli.options import (
    Device,
    Errors,
    Label,
    ModelPath,
    Seed,
    Size,
    Source,
    Split,
    Verbose,
    check_count,
    writable,
)
from pofx.files.csv_text import csv_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection, Skipped
    from pofx.families.variational.bound_settings import LogProbBounds

COLUMNS = ("image", "label", "lower_nats", "std_error_nats", "kind", "error")

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
    label: Label = None,
    source_labels: Annotated[
        bool,
        Parameter(
            help="Of a model fitted with --conditional: take each image's class from the labels of the source.",
            negative=(),
        ),
    ] = False,
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
    index, its class if that was given, the bound in nats, its standard error over the draws of this run (empty for a
    single draw, which has none), and what kind of bound it is. All are lower bounds on average over their draws; `pofx
    certify` tells how tight ais is.

    Of a model fitted with --conditional log p(x) is that of all classes together, as in `pofx score`. With --label or
    --source-labels the bounds are on log p(x|y), which is what `pofx certify` is about.

    Example: `pofx bounds digits.pofx digits -o bounds.csv`

    Example: `pofx bounds digits.pofx digits --method ais -n 50`
    """
    import numpy as np

    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images, load_model, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.families.variational.bound_settings import checked_settings
    from pofx.families.variational.evidence import EvidenceBounds

    output = None if output is None else writable(output, ".csv")
    if n is not None:
        check_count("--n-images", n)
    if label is not None and source_labels:
        raise ValueError("--label gives all images one class, --source-labels each its own: choose one of them")
    settings = {"n_samples": n_samples, "n_temperatures": n_temperatures, "n_leapfrog": n_leapfrog}
    checked_settings(method, **settings)
    fitted = load_model(model, device=device, verbose=verbose)
    if not isinstance(fitted, EvidenceBounds):
        raise ValueError(f"{type(fitted).__name__} (density: {fitted.density}) has no bounds on log p(x) to tighten")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    chosen = np.arange(len(collection)) if n is None else some_indices(n, len(collection), seed)
    y = _labels(fitted, collection, label, source_labels)
    y = None if y is None else y[chosen]
    result = fitted.log_prob_bounds(collection.images[chosen], y, method=method, random_state=seed, **settings)
    quantity = "log p(x)" if y is None else "log p(x|y)"
    names = tuple(collection.names[i] if collection.names else str(i) for i in chosen)
    if output is not None:
        text = _csv(names, y, result, f"lower bound on {quantity}, {method}", collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))
    console = OutputConsole()
    error = f" ± {result.lower.std(ddof=1) / np.sqrt(len(names)):.2f}" if len(names) > 1 else ""
    told = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    counted = f"{len(names):,} {'images' if len(names) > 1 else 'image'}"
    single = result.std_error.mean()
    of_one = "" if np.isnan(single) else f" (standard error of a single bound: {single:.3f})"
    console.print(
        f"{quantity} (lower bound, {method}: {told}), mean over {counted}: "
        f"{result.lower.mean():.2f}{error} nats{of_one}"
    )
    print_left_out(console, collection.skipped, collection.conversions)
    if output is not None:
        console.print(f"Written: {output}", soft_wrap=True)


def _labels(
    fitted: GenerativeModel, collection: Collection, label: str | None, source_labels: bool
) -> NDArray[Any] | None:
    """The class of each image of the source (n,), None if log p(x) of all classes together is meant."""
    import numpy as np

    from pofx.cli.loading import class_of

    if label is not None:
        return np.full(len(collection), class_of(fitted, label))
    if not source_labels:
        return None
    if not hasattr(fitted, "classes_"):
        raise ValueError("--source-labels needs a model that was fitted with --conditional")
    if collection.named_labels is None:
        raise ValueError(f"{collection.origin} has no labels: name the class of its images with --label")
    return collection.named_labels


def _csv(
    names: tuple[str, ...],
    y: NDArray[Any] | None,
    result: LogProbBounds,
    kind: str,
    skipped: tuple[Skipped, ...],
) -> str:
    rows: list[Sequence[Any]] = [COLUMNS]
    for index, (name, lower, error) in enumerate(zip(names, result.lower, result.std_error, strict=True)):
        told = "" if math.isnan(error) else repr(float(error))
        rows.append([name, "" if y is None else y[index], repr(float(lower)), told, kind, ""])
    rows += [[bad.name, "", "", "", "", bad.reason] for bad in skipped]
    return csv_text(rows)
