"""``pofx score``: log p(x) of each image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pofx.cli.options import Device, Errors, ModelPath, Size, Source, Split, Verbose, writable
from pofx.files.csv_text import csv_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pofx.data.collection import Skipped

#: How many images `--map` shows.
MAPPED_IMAGES = 10

COLUMNS = ("image", "log_p_nats", "kind", "bits_per_dim", "error")


def score(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    picture: Annotated[
        Path | None,
        Parameter(
            name="--map",
            help="A picture (PNG) to write: the ten least likely images, and which pixels of them surprise the model.",
        ),
    ] = None,
    map_npz: Annotated[
        Path | None,
        Parameter(
            help="A .npz file to write, with a number for each sub-pixel of every image, in nats: its surprise as "
            "surprise and, of an autoregressive model, its term of log p(x) as log_p (they sum to it)."
        ),
    ] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell log p(x) of each image of a source.

    The CSV has a row an image: its file name or index, log p(x) in nats (higher is likelier), what kind of number that
    is, and bits a dimension (lower is likelier). Files left out follow, with what was wrong under `error`.

    `--map` shows where the model is surprised: a pixel's surprise is its -log p less what the model expects of that.

    Example: `pofx score photos.pofx new/ -o scores.csv --errors skip`

    Example: `pofx score photos.pofx new/ --map surprise.png`
    """
    import numpy as np

    import pofx
    from pofx.atomic import atomic_write
    from pofx.cli.loading import load_images, load_model
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.data.collection import printable
    from pofx.data.levels import RealLevels
    from pofx.files.arrays import save_npz
    from pofx.files.pictures import save_png
    from pofx.pages.surprise import surprise_page

    output = None if output is None else writable(output, ".csv")
    picture = None if picture is None else writable(picture, ".png")
    map_npz = None if map_npz is None else writable(map_npz, ".npz")
    fitted = load_model(model, device=device, verbose=verbose)
    if not isinstance(fitted, pofx.DensityModel):
        raise ValueError(f"{type(fitted).__name__} has no p(x) (density: {fitted.density}); it cannot score images")
    if not hasattr(fitted, "surprise_map") and (picture is not None or map_npz is not None):
        raise ValueError(f"{type(fitted).__name__} has no numbers for single pixels: leave out --map and --map-npz")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    maps = {} if map_npz is None else _maps(fitted, collection.images)
    log_p, bits = _scores(fitted, collection.images, maps)
    names = collection.names or tuple(str(index) for index in range(len(collection)))

    # Before anything is printed: whoever reads that may have seen enough of it.
    if output is not None:
        text = _csv(names, log_p, fitted.density, bits, collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))
    order = np.argsort(log_p)
    if picture is not None:
        shown = order[:MAPPED_IMAGES]
        page = surprise_page(
            fitted,
            collection.images[shown],
            log_p[shown],
            names=[printable(names[i]) for i in shown],
            title=f"The least likely images of {source} under {model.name}",
        )
        save_png(page, picture)
    if map_npz is not None:
        save_npz(map_npz, maps)

    console = OutputConsole()
    error = log_p.std(ddof=1) / np.sqrt(len(log_p)) if len(log_p) > 1 else np.nan
    spec = fitted.spec_
    uniform = f"{-spec.n_dims * np.log(spec.levels):.2f} nats, "
    what: str = fitted.density
    if isinstance(fitted.image_format_.grid, RealLevels):
        # log p(x) is a density in the unit of the data, the bits are those of the image cut into levels.
        what, uniform = f"{what}, of a density", ""
    spread = f" ± {error:.2f}" if len(log_p) > 1 else ""
    console.print(
        f"log p(x) ({what}), mean over {len(log_p):,} {'images' if len(log_p) > 1 else 'image'}: "
        f"{log_p.mean():.2f}{spread} nats, {bits.mean():.3f} bits/dim of {spec.levels} levels "
        f"(a uniform law: {uniform}{np.log2(spec.levels):.3f} bits/dim)"
    )
    for title, indices in (("likeliest", order[::-1][:3]), ("least likely", order[:3])):
        console.print(f"{title}: " + ", ".join(f"{printable(names[i])} ({log_p[i]:.1f})" for i in indices))
    print_left_out(console, collection.skipped, collection.conversions)
    for path in (output, picture, map_npz):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)


def _scores(
    fitted: Any, images: NDArray[np.generic], maps: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`score_samples` and `bits_per_dim`; the network is not run for what follows from other numbers or ``maps``."""
    import numpy as np

    from pofx.data.levels import RealLevels

    log_p = maps["log_p"].reshape(len(images), -1).sum(axis=1) if "log_p" in maps else fitted.score_samples(images)
    if isinstance(fitted.image_format_.grid, RealLevels):  # a density, but the bits are those of the discrete image
        return log_p, fitted.bits_per_dim(images)
    return log_p, -log_p / (fitted.spec_.n_dims * np.log(2))


def _maps(fitted: Any, images: NDArray[np.generic]) -> dict[str, NDArray[np.float64]]:
    """The numbers of single sub-pixels that the model has."""
    maps = {"surprise": fitted.surprise_map(images)}
    return maps | ({"log_p": fitted.log_prob_map(images)} if hasattr(fitted, "log_prob_map") else {})


def _csv(
    names: tuple[str, ...],
    log_p: NDArray[np.float64],
    kind: str,
    bits: NDArray[np.float64],
    skipped: tuple[Skipped, ...],
) -> str:
    rows = [[name, repr(float(p)), kind, repr(float(b)), ""] for name, p, b in zip(names, log_p, bits, strict=True)]
    return csv_text([COLUMNS, *rows, *([bad.name, "", "", "", bad.reason] for bad in skipped)])
