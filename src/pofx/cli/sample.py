"""``pofx sample``: new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import Device, Method, ModelPath, PicturePath, Seed, Verbose, writable


def sample(
    model: ModelPath,
    /,
    *,
    output: PicturePath | None = None,
    npz: Annotated[
        Path | None,
        Parameter(help="The .npz file to write the images to, as the array x; with --label their labels as y."),
    ] = None,
    n: Annotated[int, Parameter(name=["--n-samples", "-n"], help="How many images.")] = 64,
    label: Annotated[
        str | None, Parameter(help="Draw images of this class only; of a model fitted with --conditional.")
    ] = None,
    method: Method = None,
    temperature: Annotated[
        float | None,
        Parameter(
            help="Of an autoregressive model: below 1 the likely becomes likelier and the images more alike; 1 draws "
            "from p(x)."
        ),
    ] = None,
    reject: Annotated[
        bool,
        Parameter(negative="", help="Of a GAN: draw on until so many have passed its calibrated discriminator."),
    ] = False,
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Draw new images from a model, into a picture, an array or both.

    Example: `pofx sample photos.pofx -n 64 -o samples.png`

    Example: `pofx sample photos.pofx -n 10000 --npz samples.npz --seed 0`
    """
    import numpy as np

    from pofx.cli.loading import class_of, given, load_model
    from pofx.cli.output import OutputConsole
    from pofx.files.arrays import save_npz
    from pofx.files.pictures import save_png, sheet
    from pofx.pages.display import displayed

    if output is None and npz is None:
        raise ValueError("say where the images should go: -o PICTURE.png, --npz FILE.npz or both")
    output = None if output is None else writable(output, ".png")
    npz = None if npz is None else writable(npz, ".npz")
    fitted = load_model(model, device=device, verbose=verbose)
    y = None if label is None else class_of(fitted, label)
    options = given(fitted.sample, method=method, temperature=temperature, reject=reject or None)
    images = fitted.sample(n, y=y, random_state=seed, **options)
    if reject:
        OutputConsole().print(str(fitted.rejection_))
    if output is not None:
        save_png(sheet(displayed(fitted, images), title=f"{n} images drawn from {model.name}"), output)
    if npz is not None:
        save_npz(npz, {"x": images} | ({} if y is None else {"y": np.full(len(images), y)}))
    for path in (output, npz):
        if path is not None:
            OutputConsole().print(f"Written: {path}", soft_wrap=True)
