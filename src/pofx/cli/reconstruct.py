"""``pofx reconstruct``: images beside what a model makes of them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import Device, ModelPath, PicturePath, Seed, Source, Split, writable


def reconstruct(
    model: ModelPath,
    source: Source,
    *,
    output: PicturePath,
    n: Annotated[
        int, Parameter(name=["--n-images", "-n"], help="How many images of the source, drawn at random.")
    ] = 10,
    sample: Annotated[bool, Parameter(help="Draw the latent and the image instead of taking their means.")] = False,
    split: Split = None,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Show images beside what a model makes of them: encoded to a few numbers, and decoded again."""
    import numpy as np

    import pofx
    from pofx.cli.show import displayed
    from pofx.files.pictures import save_png, sheet

    output = writable(output, ".png")
    if n < 1:
        raise ValueError(f"-n must be at least 1, not {n}")
    fitted = pofx.load(model).set_params(device=device)
    if not hasattr(fitted, "reconstruct"):
        raise ValueError(f"{type(fitted).__name__} has no encoder; it cannot reconstruct images")
    collection = pofx.load_source(source, split=split)
    rng = np.random.default_rng(0 if seed is None else seed)
    chosen = np.sort(rng.permutation(len(collection))[:n])
    images = collection.images[chosen]
    arguments = {"sample": True, "random_state": seed} if sample else {}
    rebuilt = fitted.reconstruct(images, **arguments)
    page = sheet(
        np.concatenate([displayed(fitted, images), displayed(fitted, rebuilt)]),
        n_columns=len(images),
        row_labels=["image", "rebuilt"],
        title=f"Images of {source} and what {model.name} makes of them",
    )
    save_png(page, output)
    print(f"Written: {output}")
