"""``pofx compare``: do two collections differ, by how much, and which images show it?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from pofx.cli.options import Device, Errors, GivenSeed, Levels, Size, Source, Split, Verbose, page_apart, writable


def compare(
    first: Source,
    second: Annotated[str | Path, Parameter(help="The other collection: as FIRST.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The page to write (HTML); a summary alone if not given.")
    ] = None,
    max_minutes: Annotated[
        float,
        Parameter(
            validator=validators.Number(gt=0, lt=math.inf),
            help="Minutes for the models of both, of which the page tells.",
        ),
    ] = 2,
    model: Annotated[str, Parameter(help="The family of these models: vae, pixelcnn or pixelrnn.")] = "vae",
    split: Split = None,
    size: Size = None,
    levels: Levels = None,
    errors: Errors = "raise",
    seed: GivenSeed = 0,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell whether two collections of images differ, by how much, and which images show it.

    A fresh classifier learns to tell one half of both apart and judges the other half, and the other way round. Where
    they do not differ, and their images were drawn independently of one another, it says so in 95 of 100 cases. The
    page also has the mean log p(x) of each under a model of the other, and the images by which they are told apart
    best; beside it lie its tables and pictures.

    Example: `pofx compare monday/ tuesday/ -o compared.html`
    """
    from pofx import registry
    from pofx.cli.loading import load_images
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.engine.devices import resolve_device
    from pofx.evaluation.comparison import compared
    from pofx.report import pair as pairs
    from pofx.report.division import of_collection
    from pofx.report.page import html_of
    from pofx.report.writing import folder_of, forget, write_page, write_parts

    output = None if output is None else writable(page_apart(output, first, second), ".html")
    estimator: Any = registry.family(model)
    if estimator.density == "none":  # the class has the name all the same, to say why there is none
        raise ValueError(f"{model} has no p(x): name another --model")
    options: dict[str, Any] = {"split": split, "size": size, "errors": errors, "verbose": verbose, "levels": levels}
    collections = [load_images(source, **options) for source in (first, second)]
    shapes = [one.images.shape[1:] for one in collections]
    if shapes[0] != shapes[1]:
        told = " and ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise ValueError(f"the images of {first} and {second} are of different shapes, {told}: give --size")
    console = OutputConsole()
    images = [of_collection(one) for one in collections]
    names = (str(first), str(second)) if str(first) != str(second) else (f"{first} (1)", f"{second} (2)")
    found = compared(images[0].images, images[1].images, random_state=seed, device=str(resolve_device(device)))
    console.print(pairs.verdict(found, names))
    console.print(str(found))
    for one in collections:
        print_left_out(console, one.skipped, one.conversions)
    if output is None:
        return
    folder = folder_of(output)
    forget(folder)
    models, held_out = _fitted(
        estimator,
        images,
        max_minutes,
        levels=levels or collections[0].levels,
        seed=seed,
        device=device,
        verbose=verbose,
    )
    pair = pairs.Pair(images[0], images[1], names, models[0].image_format_, seed)
    sections = [
        pairs.collections(pair),
        pairs.difference(pair, found),
        pairs.likelihoods(pair, models, held_out),
        pairs.examples(pair, found),
    ]
    text = html_of(f"{names[0]} and {names[1]}, compared", [], sections)
    write_page(output, text)
    write_parts(folder, sections)
    console.print(f"Written: {output}, and {folder}/ beside it", soft_wrap=True)


def _fitted(
    estimator: Any,
    images: Any,
    minutes: float,
    *,
    levels: int | None,
    seed: int,
    device: str,
    verbose: bool,
) -> tuple[Any, Any]:
    """A model of each collection, fitted to four fifths of it, and the other fifths."""
    import numpy as np

    from pofx.applications.outlier_split import Sizes, divided

    if levels is None:  # the same of both
        from pofx.data.checking import integer_levels

        known = [count for one in images if (count := integer_levels(one.images)) is not None]
        levels = max(known) if len(known) == len(images) else None
    models, held_out = [], []
    for one in images:
        parts = divided(len(one), Sizes(0.0, 0.2, trains=True, refers=False), np.random.default_rng([seed, 26]))
        fitted = estimator(
            levels=levels, max_minutes=minutes / 2, random_state=seed, device=device, verbose=verbose
        ).fit(one.images[parts.training])
        models.append(fitted)
        held_out.append(one.part(parts.calibration).some(1000, seed))
    return tuple(models), tuple(held_out)
