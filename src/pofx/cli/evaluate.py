"""``pofx evaluate``: what a model draws, measured beside real images that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pofx.cli.options import (
    Device,
    Errors,
    ModelPath,
    PicturePath,
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
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection
    from pofx.evaluation.memorisation import Memorisation
    from pofx.evaluation.samples import SampleTable
    from pofx.measures.extractors import Extractor

#: Columns of the CSV after those of the table of samples; empty in the row of real images.
COPY_COLUMNS = (
    "share_nearer_in_pixels", "p_nearer_in_pixels", "share_nearer_on_features", "p_nearer_on_features", "copies",
    "log_p_gap_nats", "log_p_kind",
)  # fmt: skip
#: What the images are called that are neither those of the fit nor held out by anybody.
NEW = "half of the images of a source that it was not fitted to"
#: Training and held-out images that samples are compared with take so many bytes, at most, each; as float64 numbers,
#: which the measures need of the held-out ones.
MOST_BYTES = 2**29


def evaluate(
    model: ModelPath,
    source: Source,
    /,
    *,
    held_out: Annotated[
        str | Path | None,
        Parameter(
            name=["--held-out", "--holdout"],
            help="A source of real images that the model was not fitted to; if it is SOURCE again, the test images of "
            "that .npz file. If not given, the images that the fit itself held out of SOURCE.",
        ),
    ] = None,
    output: PicturePath | None = None,
    table: Annotated[
        Path | None, Parameter(name="--csv", help="The CSV file to write, a row for the model and one for real images.")
    ] = None,
    extractor: Annotated[
        Path | None,
        Parameter(
            help="A model file whose features (transform) images are compared on, or the published Inception weights "
            "(pt_inception-2015-12-05-6726825d.pth) for the FID; a small classifier of the labels, or a plain "
            "autoencoder where there are none, if not given."
        ),
    ] = None,
    n: Annotated[
        int,
        Parameter(
            name=["--n-images", "-n"],
            help="How many images to draw and to compare them with; fewer if there are fewer.",
        ),
    ] = 1000,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell how near what a model draws is to real images that it never saw, and whether it copies those it saw.

    SOURCE holds the images that the model was fitted to. Drawn images are measured against held-out ones, and training
    images against the same held-out ones stand below: as near as can be measured. Then the training image nearest to
    each drawn one, distances beside those of held-out images, and the gap in log p(x) where there is one.

    If SOURCE is not what the model was fitted to and nothing is held out, its images are taken for new ones: one half
    takes the place of the training images, and nothing can be said of copies.

    Example: `pofx evaluate digits.pofx digits -o samples.png`

    Example: `pofx evaluate gan.pofx train.npz --held-out test.npz --csv gan.csv`
    """
    import numpy as np

    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images, load_model
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.engine.counting import CountedWork
    from pofx.engine.devices import resolve_device
    from pofx.evaluation.memorisation import memorisation
    from pofx.evaluation.samples import sample_table
    from pofx.files.pictures import save_png
    from pofx.pages.memorisation import memorisation_page

    output = None if output is None else writable(output, ".png")
    table = None if table is None else writable(table, ".csv")
    check_count("--n-images", n)
    fitted = load_model(model, device=device, verbose=verbose)
    features = None if extractor is None else _features(extractor, fitted, device, verbose)
    options: dict[str, Any] = {"size": size, "errors": errors, "verbose": verbose, "model": fitted}
    collection = load_images(source, split=split, **options)
    other = None
    if held_out is not None:
        other = load_images(held_out, split="test" if _same(held_out, source) else None, **options)
    training, real, unseen, what = _parts(fitted, collection, other)
    most = max(2, MOST_BYTES // (8 * fitted.spec_.n_dims))
    told = _told(len(training), len(unseen), most)
    training, test = training[:most], real[np.sort(unseen[:most])]
    seen = collection.images[training]
    labels = collection.named_labels
    seed = 0 if seed is None else seed
    n = min(n, len(test), len(training) if features is not None else len(training) // 2)
    drawn = fitted.sample(max(n, 2), random_state=seed)
    kind = str(resolve_device(device))
    with CountedWork("Comparing", "measures", verbose) as count:
        found = sample_table(
            {model.name: drawn},
            seen,
            test,
            train_labels=None if labels is None else labels[training],
            extractor=features,
            n_images=n,
            random_state=seed,
            device=kind,
            shape=fitted.spec_.shape_HWC,
            title=f"{n:,} images drawn from {model.name} beside {what}",
            progress=count,
        )
    copies = None
    if what is not NEW:
        with CountedWork("Nearest training images", "images", verbose) as count:
            copies = memorisation(
                drawn, seen, test, model=fitted, extractor=found.extractor, random_state=seed, progress=count
            )

    if table is not None:
        text = _csv(found, copies)
        atomic_write(table, lambda file: file.write(text.encode(errors="surrogateescape")))
    if output is not None:
        lines = _lines(found)
        page: Any
        if copies is None:
            from pofx.files.pictures import sheet
            from pofx.pages.display import displayed

            page = sheet(displayed(fitted, drawn[:20]), n_columns=10, title=found.title, note=f"{lines}\n{found.note}")
        else:
            note = f"\n{lines}\n{found.note}\n{copies}"
            page = memorisation_page(fitted, drawn, seen, copies.in_pixels, title=found.title, note=note)
        save_png(page, output)

    console = OutputConsole()
    _print_table(console, found)
    if copies is not None:
        console.print("Nearest training images:")
        console.print(str(copies))
    if told:
        console.print(told)
    print_left_out(console, collection.skipped, collection.conversions)
    if other is not None:
        print_left_out(console, other.skipped, other.conversions)
    for path in (output, table):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)


def _features(path: Path, fitted: GenerativeModel, device: str, verbose: bool) -> Extractor:
    """The features that ``--extractor`` names."""
    from pofx.cli.loading import load_model
    from pofx.engine.counting import CountedWork
    from pofx.engine.devices import resolve_device
    from pofx.evaluation.samples import of_model
    from pofx.measures.extractors import published_inception

    if path.suffix != ".pth":
        return of_model(load_model(path, device=device, verbose=verbose), f"the features of {path.name}")
    return published_inception(
        path,
        levels=fitted.spec_.levels,
        device=str(resolve_device(device)),
        counter=lambda: CountedWork("Inception", "images", verbose),
    )


def _same(first: str | Path, second: str | Path) -> bool:
    """Whether two sources are one, also where a file or folder is named in two ways."""
    one, other = Path(first), Path(second)
    return str(first) == str(second) or (one.exists() and other.exists() and one.samefile(other))


def _told(n_training: int, n_test: int, most: int) -> str:
    """What is said of images that were left out for want of memory."""
    left = [f"{most:,} of {n:,} {what}" for n, what in ((n_training, "training"), (n_test, "held-out")) if n > most]
    return f"Compared with {' and '.join(left)} images, at random: more would take too much memory." if left else ""


def _parts(
    fitted: GenerativeModel, collection: Collection, other: Collection | None
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64], str]:
    """Which images of the collection stand for training, images and which of them are held out, and what those are;
    either in random order."""
    import numpy as np

    images = collection.images
    # At random: collections are often sorted by class.
    order = np.random.default_rng(0).permutation(len(images))
    if other is not None:
        held_out = other.images
        if held_out.shape == images.shape and _fingerprint(held_out) == _fingerprint(images):
            raise ValueError(f"--held-out names the very images of SOURCE ({other.origin}): nothing is held out")
        return order, held_out, np.random.default_rng(0).permutation(len(held_out)), f"images of {other.origin}"
    labels = collection.named_labels
    codes = None
    if hasattr(fitted, "classes_") and labels is not None:
        codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    if _fingerprint(images, codes) != fitted.provenance_.get("data_fingerprint"):
        half = len(images) // 2
        return order[:half], images, order[half:], NEW
    if len(fitted.held_out_indices_) == 0:
        raise ValueError("the fit held no images out: name others that the model never saw with --held-out")
    is_held_out = np.isin(order, fitted.held_out_indices_)
    what = "images held out of the fit (the best epoch was chosen on them)"
    return order[~is_held_out], images, order[is_held_out], what


def _fingerprint(images: NDArray[Any], codes: NDArray[np.int64] | None = None) -> str:
    from pofx.saving import data_fingerprint

    return data_fingerprint(images.reshape(len(images), -1), codes)


def _print_table(console: Console, found: SampleTable) -> None:
    from rich.table import Table

    console.print(found.title, soft_wrap=True)
    heading, *rows = found.cells()
    out = Table()
    for index, column in enumerate(heading):
        out.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        out.add_row(*row)
    console.print(out)
    console.print(found.note)


def _lines(found: SampleTable) -> str:
    """The table for a page, whose letters are of different widths: each number after its name, a line a row."""
    (_, *names), *rows = found.cells()
    return "\n".join(
        f"{row[0]}: " + ", ".join(f"{name} {cell}" for name, cell in zip(names, row[1:], strict=True)) for row in rows
    )


def _csv(found: SampleTable, copies: Memorisation | None) -> str:
    from pofx.evaluation.samples import COLUMNS

    columns = [*COLUMNS, *COPY_COLUMNS, "n_images", "extractor"]
    rows: list[list[Any]] = [list(columns)]
    for index, row in enumerate(found.rows):
        values: dict[str, Any] = row.to_dict() | {"n_images": found.n_images, "extractor": found.extractor.name}
        if index == 0 and copies is not None:
            pixels, features, gap = copies.in_pixels, copies.on_features, copies.likelihood_gap
            values |= {
                "share_nearer_in_pixels": pixels.share_nearer,
                "p_nearer_in_pixels": pixels.p_value,
                "copies": pixels.n_copies,
            }
            if features is not None:
                values |= {"share_nearer_on_features": features.share_nearer, "p_nearer_on_features": features.p_value}
            if gap is not None:
                values |= {"log_p_gap_nats": gap.gap, "log_p_kind": gap.kind}
        rows.append([values.get(name) for name in columns])  # None is an empty cell
    return csv_text(rows)
