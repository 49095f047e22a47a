"""``pofx reconstruct``: images beside what a model makes of them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import (
    Device,
    Errors,
    ImageCount,
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


def reconstruct(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: PicturePath,
    n: ImageCount = 10,
    sample: Annotated[bool, Parameter(help="Draw the latent and the image instead of taking their means.")] = False,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Show images beside what a model makes of them: encoded to a few numbers, and decoded again.

    Example: `pofx reconstruct photos.pofx new/ -n 12 -o rebuilt.png`
    """
    import numpy as np

    from pofx.cli.loading import given, load_images, load_model, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.files.pictures import save_png, sheet
    from pofx.pages.display import displayed

    output = writable(output, ".png")
    check_count("-n", n)
    fitted = load_model(model, device=device, verbose=verbose)
    if not hasattr(fitted, "reconstruct"):
        advice = ": fit it with --encoder" if hasattr(fitted, "encoder") else ""
        raise ValueError(f"{type(fitted).__name__} has no encoder; it cannot reconstruct images{advice}")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    images = collection.images[some_indices(n, len(collection), seed)]
    options = given(fitted.reconstruct, sample=sample or None, random_state=seed if sample else None)
    rebuilt = fitted.reconstruct(images, **options)
    page = sheet(
        np.concatenate([displayed(fitted, images), displayed(fitted, rebuilt)]),
        n_columns=len(images),
        row_labels=["image", "rebuilt"],
        title=f"Images of {source} and what {model.name} makes of them",
    )
    save_png(page, output)
    console = OutputConsole()
    print_left_out(console, collection.skipped, collection.conversions)
    console.print(f"Written: {output}", soft_wrap=True)
