"""``pofx sample``: new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pofx.cli.options import Device, ModelPath, PicturePath, Seed, Verbose, writable


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
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Draw new images from a model, into a picture, an array or both.

    Example: `pofx sample photos.pofx -n 64 -o samples.png`

    Example: `pofx sample photos.pofx -n 10000 --npz samples.npz --seed 0`
    """
    from pofx.cli.loading import load_model
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import displayed
    from pofx.files.pictures import save_png, sheet

    if output is None and npz is None:
        raise ValueError("say where the images should go: -o PICTURE.png, --npz FILE.npz or both")
    output = None if output is None else writable(output, ".png")
    npz = None if npz is None else writable(npz, ".npz")
    fitted = load_model(model, device=device, verbose=verbose)
    y = None if label is None else _class(fitted, label)
    images = fitted.sample(n, y=y, random_state=seed)
    if output is not None:
        save_png(sheet(displayed(fitted, images), title=f"{n} images drawn from {model.name}"), output)
    if npz is not None:
        _save_npz(npz, images, y)
    for path in (output, npz):
        if path is not None:
            OutputConsole().print(f"Written: {path}", soft_wrap=True)


def _class(fitted: Any, label: str) -> Any:
    """The label of the model that is written ``label``."""
    import difflib

    if not hasattr(fitted, "classes_"):
        raise ValueError("--label needs a model that was fitted with --conditional")
    known = {str(known): known for known in fitted.classes_}
    if label not in known:
        near = difflib.get_close_matches(label, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no class {label!r}; the classes of this model are {', '.join(known)}.{hint}")
    return known[label]


def _save_npz(path: Path, images: Any, y: Any) -> None:
    import numpy as np

    from pofx.atomic import atomic_write

    arrays = {"x": images} | ({} if y is None else {"y": np.full(len(images), y)})
    atomic_write(path, lambda file: np.savez_compressed(file, **arrays))
