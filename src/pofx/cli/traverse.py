"""``pofx traverse``: what each dimension of the latents does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pofx.cli.latents import FRAMES, PictureOrAnimation, Refine, picture_or_animation
from pofx.cli.options import Device, Errors, Label, ModelPath, Seed, Size, Split, Verbose, check_count

if TYPE_CHECKING:
    from pofx.applications.editing import LatentEditor
    from pofx.base import GenerativeModel

#: Images from which mean and deviation of the latents are measured, at most.
MEASURED_ON = 5_000


def traverse(
    model: ModelPath,
    source: Annotated[
        str | Path,
        Parameter(
            help="Images that tell where latents lie: as for the other commands, or prior for images drawn from the "
            "model."
        ),
    ] = "prior",
    /,
    *,
    output: PictureOrAnimation,
    image: Annotated[
        str | None,
        Parameter(help="The image of SOURCE to begin from: its file, or its number from 0; their mean if not given."),
    ] = None,
    dims: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="The dimension to show, by its number, or pc1, pc2, ... for principal directions; may be repeated. "
            "The most important ones if not given.",
        ),
    ] = None,
    n_dims: Annotated[int, Parameter(help="How many dimensions, at most, where none are named.")] = 10,
    steps: Annotated[
        int | None, Parameter(help=f"Values of each dimension; 7 if not given, of an animation {FRAMES}.")
    ] = None,
    reach: Annotated[float, Parameter(help="Values go so many standard deviations to either side of the mean.")] = 3.0,
    refine: Refine = False,
    label: Label = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Show what each dimension of the latents does: set to one value after the other, all others as they are.

    The most important dimensions come first; those that say nothing about the images are left out unless they are
    named.

    Example: `pofx traverse digits.pofx prior -o traversal.png`

    Example: `pofx traverse a.pofx pets/ --image cat/1.png --dims pc1 -o cat.gif`
    """
    import numpy as np

    import pofx
    from pofx.cli.latents import (
        check_refine,
        class_to_draw,
        drawn_alone,
        index_of,
        labels_for,
        load_latent_model,
        name_of,
        save_pages,
    )
    from pofx.cli.loading import load_images, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.pages.latents import traversal_frames, traversal_page

    output, animated = picture_or_animation(output)
    steps = (FRAMES if animated else 7) if steps is None else steps
    check_count("--steps", steps)
    check_count("--n-dims", n_dims)
    if not 0 < reach < float("inf"):
        raise ValueError(f"--reach must be a positive number, not {reach:g}")
    fitted = load_latent_model(model, device=device, verbose=verbose)
    check_refine(fitted, refine)
    editor, console = pofx.LatentEditor(fitted), OutputConsole()
    X, begin = None, "the mean latent"
    if refine and image is None:
        raise ValueError("--refine needs an image to begin from: --image")
    if str(source) == "prior":
        if image is not None:
            raise ValueError("--image needs a source of images, not prior")
        y = class_to_draw(fitted, label)
        drawn = drawn_alone(fitted, y, seed)
        editor.fit(drawn, y=None if y is None else np.full(len(drawn), y))
    else:
        collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
        labels = labels_for(fitted, collection, label)
        some = some_indices(MEASURED_ON, len(collection), seed)
        editor.fit(collection.images[some], y=None if labels is None else labels[some])
        if image is None:
            y = class_to_draw(fitted, label)
        else:
            index = index_of(image, collection)
            X, begin = collection.images[[index]], f"image {name_of(index, collection)}"
            y = None if labels is None else labels[[index]]
        print_left_out(console, collection.skipped, collection.conversions)
    live = [f"z{j}" for j in editor.live_dims_]
    names = live[:n_dims] if dims is None else [f"z{name}" if name.isdigit() else name for name in dims]
    values = np.linspace(-reach, reach, steps)
    pictures = editor.traverse(X, names, values, y=y, refine=refine)[0]

    captions = [_described(fitted, editor, name) for name in names]
    title = f"What the latents of {model.name} do, from {begin}"
    note = f"From {-reach:g} to {reach:g} standard deviations from the mean, all other dimensions as they are."
    told = f"{len(live)} of {len(editor.latent_importance_)} latent dimensions say something about the images."
    if dims is None:
        note += f" The most important dimensions first, beside them how many nats each says about an image. {told}"
    if animated:
        pages = traversal_frames(fitted, pictures, captions, title=title, note=note)
    else:
        pages = [traversal_page(fitted, pictures, captions, title=title, note=note)]
    save_pages(pages, output)
    console.print(told)
    console.print(f"Written: {output}", soft_wrap=True)


def _described(fitted: GenerativeModel, editor: LatentEditor, name: str) -> str:
    """The direction, and how much it tells about an image where the model knows that."""
    direction = editor.direction(name)
    if direction.kind == "dimension" and hasattr(fitted, "latent_importance_"):
        return f"{name} {editor.latent_importance_[int(direction.vector.argmax())]:.2f}"
    return name
