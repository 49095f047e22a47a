"""``pofx certify``: how tight the bounds of ``pofx bounds --method ais`` are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pofx.cli.bounds import Draws, Leapfrog, Temperatures
from pofx.cli.options import Device, ModelPath, Seed, Verbose, check_count, writable
from pofx.files.csv_text import csv_text

if TYPE_CHECKING:
    from pofx.families.variational.certification import Certificate

COLUMNS = ("image", "label", "lower_nats", "upper_nats", "interval_low_nats", "interval_high_nats")


def certify(
    model: ModelPath,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A CSV file to write, with a row a simulated image.")
    ] = None,
    n: Annotated[int, Parameter(name=["--n-images", "-n"], help="How many images to simulate.")] = 100,
    n_samples: Draws = None,
    n_temperatures: Temperatures = None,
    n_leapfrog: Leapfrog = None,
    confidence: Annotated[float, Parameter(help="Probability with which each image's interval holds log p(x).")] = 0.95,
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Bound log p(x) from both sides on images simulated from the model, and say what that certifies.

    Bidirectional Monte Carlo: annealed importance sampling from below, and backwards from the latent that an image was
    made of from above. Of real images there is no such latent and no upper bound.

    Example: `pofx certify digits.pofx -n 50 --n-temperatures 200`
    """
    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_model
    from pofx.cli.output import OutputConsole
    from pofx.families.variational.evidence import EvidenceBounds

    output = None if output is None else writable(output, ".csv")
    check_count("--n-images", n)
    fitted = load_model(model, device=device, verbose=verbose)
    if not isinstance(fitted, EvidenceBounds):
        raise ValueError(f"{type(fitted).__name__} (density: {fitted.density}) has no bounds on log p(x) to certify")
    certificate = fitted.certify(
        n,
        n_samples=n_samples,
        n_temperatures=n_temperatures,
        n_leapfrog=n_leapfrog,
        confidence=confidence,
        random_state=seed,
    )
    if output is not None:
        text = _csv(certificate)
        atomic_write(output, lambda file: file.write(text.encode()))
    console = OutputConsole()
    console.print(certificate.statement)
    if output is not None:
        console.print(f"Written: {output}", soft_wrap=True)


def _csv(certificate: Certificate) -> str:
    rows: list[Sequence[Any]] = [COLUMNS]
    for index, (lower, upper) in enumerate(zip(certificate.lower, certificate.upper, strict=True)):
        label = "" if certificate.labels is None else certificate.labels[index]
        numbers = [lower, upper, *certificate.interval[index]]
        rows.append([index, label, *(repr(float(number)) for number in numbers)])
    return csv_text(rows)
