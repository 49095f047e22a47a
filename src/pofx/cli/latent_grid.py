"""``pofx latent-grid``: a two-dimensional section of the latent space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import Device, Errors, Label, ModelPath, PicturePath, Seed, Size, Split, Verbose, writable

#: Images of a source that tell where latents lie, at most.
MEASURED_ON = 5_000


def latent_grid(
    model: ModelPath,
    source: Annotated[
        str | Path | None,
        Parameter(
            help="Images that tell where latents lie: as for the other commands. Without them the prior tells: "
            "the standard normal law or, of a learned prior, images drawn from the model."
        ),
    ] = None,
    /,
    *,
    output: PicturePath,
    n: Annotated[int, Parameter(name=["--n-per-side", "-n"], help="Images a side.")] = 15,
    dims: Annotated[
        tuple[int, int] | None,
        Parameter(negative="", help="Two dimensions by their numbers; the two most important ones if not given."),
    ] = None,
    principal: Annotated[
        bool, Parameter(negative="", help="Instead of two dimensions: the two principal directions of the SOURCE.")
    ] = False,
    label: Label = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Show the images over two dimensions of the latents, all others at their mean; most telling of a model with two.

    The steps are those of the normal law, closer in the middle: of the prior N(0, 1), or around the mean and with the
    deviation of the latents of SOURCE (with a learned prior and no SOURCE: of images drawn from the model).

    Example: `pofx latent-grid digits.pofx -o grid.png`

    Example: `pofx latent-grid digits.pofx digits --principal -n 20 -o grid.png`
    """
    from pofx.applications.latent_grid import latent_grid as images_of_grid
    from pofx.cli.latents import class_to_draw, drawn_alone, load_latent_model
    from pofx.cli.loading import load_images, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.files.pictures import save_png
    from pofx.pages.latents import grid_page

    output = writable(output, ".png")
    if principal and (dims is not None or source is None):
        raise ValueError("--principal needs a SOURCE, whose directions they are, and no --dims")
    fitted = load_latent_model(model, device=device, verbose=verbose)
    y = class_to_draw(fitted, label)
    X, console = None, OutputConsole()
    if source is not None:
        collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
        X = collection.images[some_indices(MEASURED_ON, len(collection), seed)]
        print_left_out(console, collection.skipped, collection.conversions)
    elif getattr(fitted, "prior", "normal") != "normal":
        X = drawn_alone(fitted, y, seed)
    grid = images_of_grid(fitted, X, n=n, dims="principal" if principal else dims, y=y)
    which = "its two most important dimensions" if dims is None else f"dimensions {dims[0]} and {dims[1]}"
    page = grid_page(
        fitted,
        grid,
        title=f"The latent space of {model.name}",
        note=f"Over {'the two principal directions of its latents' if principal else which}, all others at their mean. "
        + (
            "Each image stands for an equal part of the prior along either."
            if X is None
            else "Mean and deviation are those of the latents of images, the steps those of a normal law."
        ),
    )
    save_png(page, output)
    console.print(f"Written: {output}", soft_wrap=True)
