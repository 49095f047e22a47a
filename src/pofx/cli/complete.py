"""``pofx complete``: the unknown part of images, drawn given the known part."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pofx.cli.options import (
    Device,
    Errors,
    ImageCount,
    Label,
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
from pofx.data.parts_of_images import Part


def complete(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: PicturePath | None = None,
    npz: Annotated[
        Path | None,
        Parameter(
            help="The .npz file to write to: the completed images as x, the index in the source of the image that each "
            "completes as index, the mask of an image (True where known) as known; with --label the labels as y."
        ),
    ] = None,
    n: ImageCount = 10,
    known: Annotated[Part | None, Parameter(help="The known part of each image; top if not given.")] = None,
    fraction: Annotated[
        float | None,
        Parameter(
            help="How much is known: of the height, of the width, or (centre) of both; 0.5, one half, if not given."
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        Parameter(
            help="Instead of --known: a .png of the size of the images, white where they are known and black "
            "elsewhere, or a .npy of truth values, True where they are known."
        ),
    ] = None,
    n_completions: Annotated[int, Parameter(help="How many completions of each image.")] = 1,
    n_draws: Annotated[
        int,
        Parameter(
            help="Of so many completions give the most central one, nearest to the mean of them all: less varied than "
            "draws are, and nearer to the truth in the mean."
        ),
    ] = 1,
    label: Label = None,
    method: Annotated[
        Literal["auto", "naive", "cached", "jacobi", "hamiltonian", "metropolis", "pseudo_gibbs"] | None,
        Parameter(
            help="How the model completes, if not by auto: naive, cached or jacobi of PixelCNN and PixelRNN (the same "
            "images at different speed); hamiltonian, metropolis or pseudo_gibbs of VAE (see docs/vae.md)."
        ),
    ] = None,
    n_steps: Annotated[
        int | None,
        Parameter(
            help="Of VAE: steps of the Markov chain that draws, each nearer to its law; of GAN: steps of the search "
            "for a latent. The model's own number if not given."
        ),
    ] = None,
    n_particles: Annotated[
        int | None,
        Parameter(
            help="Of PixelCNN and PixelRNN: particles an image where completing is approximate: the more, the nearer "
            "to exact, and the slower; the model's own number (16) if not given."
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        Parameter(
            help="Of PixelCNN and PixelRNN: below 1 likely pixels become likelier, and the completions are no longer "
            "draws from the model's law; 1 if not given."
        ),
    ] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Fill in the unknown part of images, given the known part.

    The part said to be unknown is not looked at: whatever stands there is replaced. PixelCNN and PixelRNN draw exactly
    where all that is known comes before all that is unknown, row by row (`--known top`), and otherwise approximately. A
    VAE draws by a Markov chain, approximately for every mask. A GAN draws from no law: it seeks the image that fits the
    known part. The picture and the output say which it is.

    Example: `pofx complete photos.pofx new/ --n-completions 3 -o completed.png`

    Example: `pofx complete photos.pofx new/ --mask holes.png --npz completed.npz`
    """
    import numpy as np

    from pofx.cli.known import read_mask
    from pofx.cli.loading import class_of, given, load_images, load_model, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.data.parts_of_images import known_part
    from pofx.files.arrays import save_npz
    from pofx.files.pictures import save_png
    from pofx.pages.completions import MOST_SHOWN, completion_note, completion_page, shown_note

    if output is None and npz is None:
        raise ValueError("say where the images should go: -o PICTURE.png, --npz FILE.npz or both")
    output = None if output is None else writable(output, ".png")
    npz = None if npz is None else writable(npz, ".npz")
    check_count("-n", n)
    check_count("--n-completions", n_completions)
    check_count("--n-draws", n_draws)
    if mask is not None and (known is not None or fraction is not None):
        raise ValueError("--mask says what is known; leave out --known and --fraction")
    fitted = load_model(model, device=device, verbose=verbose)
    complete_images = getattr(fitted, "complete", None)
    if complete_images is None:
        raise ValueError(f"{type(fitted).__name__} cannot complete images")
    options = given(complete_images, method=method, n_steps=n_steps, n_particles=n_particles, temperature=temperature)
    y = None if label is None else class_of(fitted, label)
    if mask is None:
        known_HWC = known_part(known or "top", 0.5 if fraction is None else fraction, fitted.spec_)
    else:
        known_HWC = read_mask(mask, fitted.spec_)

    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    shown = shown_note(min(n, len(collection)), n_completions) if output is not None else ""
    if npz is None:  # what nobody would see is not drawn
        n, n_completions = min(n, MOST_SHOWN), min(n_completions, MOST_SHOWN)
    chosen = some_indices(n, len(collection), seed)
    images = collection.images[chosen]
    # One call, so that the progress line knows the whole: first one completion of every image, then the next.
    repeated = np.tile(images, (n_completions, *[1] * (images.ndim - 1)))
    labels = None if y is None else np.full(len(repeated), y)
    known_here = known_HWC.reshape(images.shape[1:])
    if n_draws > 1:
        complete_images, options = fitted.central_completion, {**options, "n_draws": n_draws}
    completed = complete_images(repeated, known_here, labels, random_state=seed, **options)

    default = inspect.signature(fitted.complete).parameters.get("n_particles")
    note = completion_note(fitted, known_HWC, n_particles or (default.default if default else 1))
    if temperature not in (None, 1):
        note = (
            f"At temperature {temperature:g} likely pixels are likelier than the model says: these are no draws from "
            "p(unknown | known)."
        )
    if n_draws > 1:
        note = f"Each is the most central of {n_draws} completions. Of these: {note[0].lower()}{note[1:]}"
    if output is not None:
        title = f"Images of {source} completed by {model.name}"
        columns = some_indices(MOST_SHOWN, len(images), seed)
        rows = completed.reshape(n_completions, *images.shape)[:MOST_SHOWN, columns]
        page_note = f"{note} {shown}".rstrip()
        page = completion_page(fitted, images[columns], known_HWC, list(rows), title=title, note=page_note)
        save_png(page, output)
    if npz is not None:
        arrays = {"x": completed, "index": np.tile(chosen, n_completions), "known": known_here}
        save_npz(npz, arrays | ({} if labels is None else {"y": labels}))
    console = OutputConsole()
    print_left_out(console, collection.skipped, collection.conversions)
    console.print(note)
    if shown:
        console.print(shown)
    for path in (output, npz):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)
