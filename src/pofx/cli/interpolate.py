"""``pofx interpolate``: the way from one image to another."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from pofx.cli.latents import FRAMES, PictureOrAnimation, Refine, picture_or_animation
from pofx.cli.options import Device, Errors, Label, ModelPath, Size, Source, Split, Verbose


def interpolate(
    model: ModelPath,
    source: Source,
    /,
    *,
    from_: Annotated[str, Parameter(name="--from", help="The image to begin at: its file, or its number from 0.")],
    to: Annotated[str, Parameter(help="The image to end at.")],
    output: PictureOrAnimation,
    steps: Annotated[
        int | None, Parameter(help=f"Images on the way, ends included; 8 if not given, of an animation {FRAMES}.")
    ] = None,
    mode: Annotated[
        Literal["linear", "spherical"],
        Parameter(
            help="Along the line between the latents, or along the arc around 0, which is for latents like draws of "
            "N(0, I): not for learned priors."
        ),
    ] = "linear",
    refine: Refine = False,
    label: Label = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Show the way from one image to another through the latent space of a model.

    Example: `pofx interpolate digits.pofx digits --from 3 --to 8 -o way.png`

    Example: `pofx interpolate a.pofx pets/ --from cat/1.png --to dog/7.png -o w.gif`
    """
    import pofx
    from pofx.cli.latents import check_refine, index_of, labels_for, load_latent_model, name_of, save_pages
    from pofx.cli.loading import load_images
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.pages.latents import interpolation_frames, interpolation_page

    output, animated = picture_or_animation(output)
    steps = (FRAMES if animated else 8) if steps is None else steps
    if steps < 2:
        raise ValueError(f"--steps must be at least 2, not {steps}")
    fitted = load_latent_model(model, device=device, verbose=verbose)
    check_refine(fitted, refine)
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    first, last = index_of(from_, collection), index_of(to, collection)
    a, b = collection.images[[first]], collection.images[[last]]
    y = labels_for(fitted, collection, label)
    if y is not None and y[first] != y[last]:
        raise ValueError(
            f"the images are of the classes {y[first]} and {y[last]}, and this model draws one class at a time: choose "
            "one with --label"
        )
    path = pofx.LatentEditor(fitted).interpolate(a, b, steps, mode, y=None if y is None else y[[first]], refine=refine)
    captions = (name_of(first, collection), name_of(last, collection))
    title = f"From {captions[0]} to {captions[1]} of {source} by {model.name}"
    way = "Along the line between their latents." if mode == "linear" else "Along the arc between their latents."
    if animated:
        pages = interpolation_frames(fitted, a[0], b[0], path[0], title=title, note=way, captions=captions)
    else:
        note = f"First and last the images themselves, between them what the model makes of each point. {way}"
        pages = [interpolation_page(fitted, a, b, path, title=title, note=note, captions=captions)]
    save_pages(pages, output)
    console = OutputConsole()
    print_left_out(console, collection.skipped, collection.conversions)
    console.print(f"Written: {output}", soft_wrap=True)
