"""``pofx report``: one page about your images, from all families."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from pofx.cli.options import Device, Errors, GivenSeed, Levels, Size, Source, Split, Verbose, writable

if TYPE_CHECKING:
    from pofx.report.study import Images


def report(
    source: Source,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The page to write (HTML).")] = Path("report.html"),
    max_minutes: Annotated[
        float,
        Parameter(validator=validators.Number(gt=0), help="Minutes for everything; the fits get most of them."),
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
        str,
        Parameter(
            help="Images to measure with, which no model is fitted to: a share of SOURCE, or another source. The test "
            "images of a .npz file that has some do without it."
        ),
    ] = "0.2",
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
    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images
    from pofx.engine.devices import resolve_device
    from pofx.report.clock import Clock
    from pofx.report.division import FEWEST, divided, of_collection
    from pofx.report.fitting import Fitted, families_of_report, fit_families
    from pofx.report.page import html_of
    from pofx.report.sections_of import sections_of
    from pofx.report.study import Study
    from pofx.report.writing import folder_of, write_images, write_parts

    clock = Clock(max_minutes)
    output = writable(output, ".html")
    options: dict[str, Any] = {"size": size, "errors": errors, "verbose": verbose, "levels": levels}
    loaded = {name: path for name in models or () if (path := Path(name)).suffix == ".pofx"}
    given: Fitted | None = _loaded(list(loaded.values()), device, verbose) if loaded else None
    if given is not None and len(loaded) < len(models or ()):
        raise ValueError("--models names families to fit or model files, not both")
    fitted_before = None if given is None else next(iter(given.models.values()))
    if fitted_before is not None:
        options |= {"model": fitted_before}
    collection = load_images(source, split=split, **options)
    training, held_out = _parts(source, collection, holdout, split, seed, options, divided, of_collection)
    if min(len(training), len(held_out)) < 2 or len(training) + len(held_out) < FEWEST:
        raise ValueError(f"a report needs {FEWEST} images, of which some are held out; {source} has too few")

    def say(text: str) -> None:
        if verbose:
            print(text, file=sys.stderr)

    found = given or fit_families(
        models or families_of_report(), training, clock, levels=levels or collection.levels, seed=seed, device=device,
        verbose=verbose, say=say,
    )  # fmt: skip
    if not found.models:
        raise ValueError("; ".join(f"{name}: {why}" for name, why in found.failures.items()) or "no model was fitted")
    folder = folder_of(output)
    study = Study(
        collection, str(source), training, held_out, found.models, seed, str(resolve_device(device)), folder,
        found.failures, verbose,
    )  # fmt: skip
    for name, model in found.models.items():
        model.save(folder / f"{name.lower()}.pofx")
    write_images(study)
    command = shlex.join(["pofx", *sys.argv[1:]]) if len(sys.argv) > 1 else f"pofx report {source}"
    sections = sections_of(study, clock, command, found.of_classes, say)
    summary = _summary(study, found, clock)
    text = html_of(f"{source}: a report", summary, sections)
    atomic_write(output, lambda file: file.write(text.encode()))
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


def _loaded(paths: list[Path], device: str, verbose: bool) -> Any:
    from pofx.cli.loading import load_model
    from pofx.report.fitting import Fitted

    found = Fitted()
    for path in paths:
        model = load_model(path, device=device, verbose=verbose)
        if hasattr(model, "classes_") and found.of_classes is None and hasattr(model, "class_log_probs"):
            found.of_classes = model
        name = type(model).__name__
        found.models[name if name not in found.models else path.stem] = model
    return found


def _parts(
    source: str | Path, collection: Any, holdout: str, split: str | None, seed: int, options: dict[str, Any],
    divided: Any, of_collection: Any,
) -> tuple[Images, Images]:  # fmt: skip
    from pofx.cli.loading import load_images

    try:
        share = float(holdout)
    except ValueError:
        return of_collection(collection), of_collection(load_images(holdout, split=None, **options))
    if split is None and Path(source).suffix == ".npz":
        import numpy as np

        with np.load(source) as file:
            has_test = "x_test" in file.files
        if has_test:
            return of_collection(collection), of_collection(load_images(source, split="test", **options))
    return divided(collection, share, seed)
