"""``pofx edit``: images with more or less of an attribute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from pofx.cli.latents import FRAMES, PictureOrAnimation, Refine, picture_or_animation
from pofx.cli.options import (
    Device,
    Errors,
    ImageCount,
    Label,
    ModelPath,
    Seed,
    Size,
    Source,
    Split,
    Verbose,
    check_count,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console

    from pofx.applications.editing import EditReport, LatentEditor
    from pofx.data.collection import Collection

#: Images from which directions are learned, at most.
LEARNED_FROM = 20_000


def edit(
    model: ModelPath,
    source: Source,
    /,
    *,
    set_: Annotated[
        list[str],
        Parameter(
            name="--set",
            negative="",
            help="NAME=STRENGTH: an attribute and how much more (or, negative, less) of it; may be repeated. Strength "
            "1 is the distance between images with it and without, of a real-valued one a standard deviation. pc1, "
            "pc2, ... are principal directions of the latents, z0, z1, ... single dimensions.",
        ),
    ],
    output: PictureOrAnimation,
    attributes: Annotated[
        Path | None,
        Parameter(
            help="A CSV file with a column an attribute (numbers, or true and false; empty: unknown) and a row an "
            "image, in the order of the source or with its name or number in a column called image. Without it the "
            "attributes are the classes of the source, by their names."
        ),
    ] = None,
    images: Annotated[
        str | Path | None,
        Parameter(help="The images to edit, if not those of SOURCE itself, which then only tells about attributes."),
    ] = None,
    n: ImageCount = 10,
    steps: Annotated[
        int | None, Parameter(help=f"Steps from nothing to the whole; 1 if not given, of an animation {FRAMES}.")
    ] = None,
    directions: Annotated[
        Literal["mean-difference", "logistic"],
        Parameter(help="How an attribute's direction is learned: from the means of the two classes, or their border."),
    ] = "mean-difference",
    orthogonal: Annotated[
        list[str] | None,
        Parameter(negative="", help="An attribute that the edit should leave as it is; may be repeated."),
    ] = None,
    refine: Refine = False,
    label: Label = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Show images with more or less of an attribute: encoded, moved along a direction of the latent space, decoded.

    The direction is learned from images of which the attribute is known. How well the latents tell it, on images held
    out, is said: a direction at chance means nothing.

    Example: `pofx edit faces.pofx faces/ --attributes a.csv --set smile=1 -o b.png`

    Example: `pofx edit digits.pofx digits --set 9=1 --set 4=-1 --refine -o nines.gif`
    """
    import numpy as np

    import pofx
    from pofx.applications.latents import decode
    from pofx.cli.attribute_table import parse_strengths
    from pofx.cli.latents import check_refine, labels_for, load_latent_model, save_pages, warnings_in_words
    from pofx.cli.loading import class_of, load_images, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.pages.latents import edit_frames, edit_page, strength_text

    strengths = parse_strengths(set_)
    output, animated = picture_or_animation(output)
    steps = (FRAMES if animated else 1) if steps is None else steps
    check_count("-n", n)
    check_count("--steps", steps)
    fitted = load_latent_model(model, device=device, verbose=verbose)
    check_refine(fitted, refine)
    options: dict[str, Any] = {"size": size, "errors": errors, "verbose": verbose, "model": fitted}
    collection = load_images(source, split=split, **options)
    known = _attributes(attributes, collection, [*strengths, *(orthogonal or ())])
    learned = some_indices(LEARNED_FROM, len(collection), seed)
    if label is not None:
        class_of(fitted, label)  # refused before anything is encoded
    # What is learned from has labels of its own, where it has any.
    y = labels_for(fitted, collection, label if collection.named_labels is None else None)
    editor = pofx.LatentEditor(fitted, method=directions.replace("-", "_"), orthogonal=list(orthogonal or ()))
    with warnings_in_words():
        editor.fit(
            collection.images[learned],
            {name: values[learned] for name, values in known.items()},
            y=None if y is None else y[learned],
        )
    shown = collection if images is None else load_images(images, split=None, **options)
    y = labels_for(fitted, shown, label)
    chosen = some_indices(n, len(shown), seed)
    begun, own = shown.images[chosen], None if y is None else y[chosen]
    edited, report = editor.edit(begun, strengths, y=own, refine=refine, return_report=True)
    shares = np.arange(0 if animated else 1, steps + (0 if animated else 1)) / max(1, steps - animated)
    way = report.latents + shares[:, None, None] * (report.edited_latents - report.latents)
    pictures = [decode(fitted, latents, own) for latents in way[:-1]] + [edited]

    text = strength_text(strengths)
    title = f"Images of {source if images is None else images} edited by {model.name}: {text}"
    note = _note(report, refine)
    if animated:
        pages = edit_frames(fitted, begun, pictures, title=title, note=note)
    else:
        labels = [text] if steps == 1 else [f"{share:.0%}" for share in shares]
        rebuilt = decode(fitted, report.latents, own)
        pages = [edit_page(fitted, begun, rebuilt, pictures, labels, title=title, note=note)]
    save_pages(pages, output)
    console = OutputConsole()
    print_left_out(console, collection.skipped, collection.conversions)
    if images is not None:
        print_left_out(console, shown.skipped, shown.conversions)
    _print_directions(console, editor, strengths)
    console.print(note)
    console.print(f"Written: {output}", soft_wrap=True)


def _attributes(path: Path | None, collection: Collection, wanted: list[str]) -> dict[str, NDArray[Any]]:
    """Those of the attributes of a collection that are wanted: of a table, else its classes."""
    from pofx.applications.attributes import class_attributes
    from pofx.applications.latents import unknown_name
    from pofx.applications.learned_directions import is_reserved
    from pofx.cli.attribute_table import read_attributes

    if path is not None:
        known = read_attributes(path, collection)
    elif collection.named_labels is not None:
        known = class_attributes(collection.named_labels)
    else:
        known = {}
    for name in wanted:
        if name not in known and not is_reserved(name):
            if not known:
                raise ValueError(f"{collection.origin} has no labels: tell of {name!r} with --attributes FILE.csv")
            raise unknown_name(name, [*known, "pc1, pc2, ...", "z0, z1, ..."], "attribute")
    return {name: values for name, values in known.items() if name in wanted}


def _note(report: EditReport, refine: bool) -> str:
    encoded, refined = float(report.error_encoded.mean()), float(report.error.mean())
    text = f"The images are rebuilt with a root mean squared error of {encoded:.3g}"
    return f"{text}, refined of {refined:.3g}, in their unit." if refine else f"{text}, in their unit."


def _print_directions(console: Console, editor: LatentEditor, strengths: dict[str, float]) -> None:
    """How well each direction tells its attribute."""
    for name, strength in strengths.items():
        direction = editor.direction(name)
        if direction.kind == "binary":
            told = f"tells {direction.score:.1%} of pairs of images held out apart (chance: 50%)"
        elif direction.kind == "real":
            told = f"explains {direction.score:.1%} of its variance on images held out (chance: 0%)"
        else:
            told = (
                f"{'a principal direction' if direction.kind == 'principal' else 'a single dimension'} of the latents"
            )
        console.print(f"{name} {strength:+g}: {told}", soft_wrap=True)
