"""``pofx report``: one page about your images, from all families."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from pofx.cli.options import Device, Errors, GivenSeed, Levels, Size, Source, Split, Verbose, page_apart, writable


def report(
    source: Source,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The page to write (HTML).")] = Path("report.html"),
    max_minutes: Annotated[
        float,
        Parameter(
            validator=validators.Number(gt=0, lt=math.inf), help="Minutes for everything; the fits get most of them."
        ),
    ] = 10,
    models: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="A family to fit, or a model file that was fitted already; may be repeated. vae, pixelcnn and "
            "gan, and any family that you have registered, if not given.",
        ),
    ] = None,
    holdout: Annotated[
        str | None,
        Parameter(
            name=["--holdout", "--held-out"],
            help="Images to measure with, which no model is fitted to: a share of SOURCE (0.2), or another source; "
            "if not given the test images of a .npz file with x_test, else a fifth of SOURCE.",
        ),
    ] = None,
    split: Split = None,
    size: Size = None,
    levels: Levels = None,
    errors: Errors = "raise",
    seed: GivenSeed = 0,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Write one page about a collection of images: what it is, and what models of all families make of it.

    The page is one file that holds all it shows. Beside it, in a folder of its name, lie the models, the tables (CSV),
    the pictures (PNG) and the images as they were divided. Ctrl-C ends the fit under way, and the page tells of what
    there is.

    Example: `pofx report photos/ -o report.html --max-minutes 10`

    Example: `pofx report photos/ --models vae.pofx --models gan.pofx -o again.html`
    """
    from pofx.cli.loading import load_images
    from pofx.cli.report_source import loaded, model_files, parts, require_shape
    from pofx.engine.devices import resolve_device
    from pofx.report.clock import Clock
    from pofx.report.division import FEWEST
    from pofx.report.fitting import families_of_report, fit_families
    from pofx.report.page import html_of
    from pofx.report.sections_of import sections_of
    from pofx.report.study import Study
    from pofx.report.writing import folder_of, forget, write_images, write_page, write_parts

    clock = Clock(max_minutes)
    files = model_files(models or ())
    output = writable(page_apart(output, source, *([] if holdout is None else [holdout]), *files), ".html")
    given = loaded(files, device, verbose) if files else None
    options: dict[str, Any] = {"size": size, "errors": errors, "verbose": verbose, "levels": levels}
    if given is not None:
        options |= {"model": next(iter(given.models.values()))}
    collection = load_images(source, split=split, **options)
    training, held_out = parts(source, collection, holdout, split, seed, options)
    if min(len(training), len(held_out)) < 2 or len(training) + len(held_out) < FEWEST:
        raise ValueError(f"a report needs {FEWEST} images, of which some are held out; {source} has too few")
    if given is not None:
        require_shape(given.models, training, source)
    folder = folder_of(output)
    forget(folder)
    write_images(folder, training, held_out)

    def say(text: str) -> None:
        if verbose:
            print(text, file=sys.stderr)

    def keep(name: str, model: Any) -> None:
        model.save(folder / f"{name.lower()}.pofx")

    found = given or fit_families(
        models or families_of_report(), training, clock, levels=levels or collection.levels, seed=seed, device=device,
        verbose=verbose, say=say, keep=keep,
    )  # fmt: skip
    if not found.models:
        reasons = {why: name for name, why in reversed(found.failures.items())}
        told = "; ".join(f"{name}: {why}" for why, name in reversed(reasons.items()))
        if found.interrupted:
            raise KeyboardInterrupt(f"interrupted before a model was fitted; {told}".rstrip("; "))
        raise ValueError(f"{source}: no model was fitted. {told}" if told else "no model was fitted")
    if given is not None:
        for name, model in found.models.items():
            keep(name, model)
    study = Study(
        collection, str(source), training, held_out, found.models, seed, str(resolve_device(device)), folder,
        found.failures, verbose, fitted_before=given is not None,
    )  # fmt: skip
    command = shlex.join(["pofx", *sys.argv[1:]]) if len(sys.argv) > 1 else f"pofx report {source}"
    sections = sections_of(study, clock, command, found.of_classes, say)
    summary = _summary(study, found, clock)
    write_page(output, html_of(f"{source}: a report", summary, sections))
    write_parts(folder, sections)
    print(f"Written: {output}, and {folder}/ beside it")


def _summary(study: Any, found: Any, clock: Any) -> list[str]:
    names = ", ".join(study.models)
    said = [
        f"{len(study.collection):,} images, and what {names} make of them: all that p(x), the probability of an image "
        f"under the collection, tells. Made in {clock.elapsed / 60:.1f} minutes."
    ]
    if found.interrupted:
        said.append("The fits were interrupted: the page tells of what there is.")
    return said
