"""``pofx sample``: new images."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pofx.cli.options import Device, ModelPath, PicturePath, Seed, writable


def sample(
    model: ModelPath,
    *,
    output: PicturePath,
    n: Annotated[int, Parameter(name=["--n-samples", "-n"], help="How many images.")] = 64,
    label: Annotated[
        str | None, Parameter(help="Draw images of this class only; of a model fitted with --conditional.")
    ] = None,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Draw new images from a model."""
    import pofx
    from pofx.cli.show import displayed
    from pofx.files.pictures import save_png, sheet

    output = writable(output, ".png")
    fitted = pofx.load(model).set_params(device=device)
    y = None
    if label is not None:
        if not fitted.conditional:
            raise ValueError("--label needs a model that was fitted with --conditional")
        y = fitted.classes_.dtype.type(label)
    images = fitted.sample(n, y=y, random_state=seed)
    page = sheet(displayed(fitted, images), title=f"{n} images drawn from {model.name}")
    save_png(page, output)
    print(f"Written: {output}")
