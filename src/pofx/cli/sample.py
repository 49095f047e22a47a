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
        if not hasattr(fitted, "classes_"):
            raise ValueError("--label needs a model that was fitted with --conditional")
        known = {str(known): known for known in fitted.classes_}
        if label not in known:
            raise ValueError(f"there is no class {label!r}; the classes of this model are {', '.join(known)}")
        y = known[label]
    images = fitted.sample(n, y=y, random_state=seed)
    page = sheet(displayed(fitted, images), title=f"{n} images drawn from {model.name}")
    save_png(page, output)
    print(f"Written: {output}")
