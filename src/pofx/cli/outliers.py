"""``pofx outliers``: which images do not belong to a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from pofx.cli.options import A_SEED, Device, Errors, Size, Source, Split, Verbose, writable
from pofx.cli.outlier_detector import (
    Calibration,
    DetectorOptions,
    Reading,
    Score,
    images_to_judge,
    lowest_p,
    obtain,
    parse_tile,
)

#: How many of the most atypical images are named.
NAMED = 5
#: What is said where the images of the fit are judged.
OWN_IMAGES = (
    "The detector was fitted to these very images, and flags fewer of them than of new ones: those that its model "
    "learned from look more ordinary than they are, the outliers among them, too."
)
A_RATE = validators.Number(gt=0, lt=1)


def outliers(
    model_or_source: Annotated[
        str | Path,
        Parameter(
            help="A detector file that --save wrote; a model file that `pofx fit` wrote, with --ordinary; or a source "
            "of ordinary images, to parts of which a detector is fitted."
        ),
    ],
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    gallery: Annotated[
        Path | None,
        Parameter(
            help="A folder to write pictures (PNG) to: each flagged image and where it surprises the model, and a page "
            "of the most atypical ones."
        ),
    ] = None,
    save: Annotated[Path | None, Parameter(help="The detector file (.pofx) to write, for later images.")] = None,
    false_alarm_rate: Annotated[
        float | None,
        Parameter(
            validator=A_RATE,
            help="The share of ordinary images that may be flagged; the detector's own if not given, else 0.05.",
        ),
    ] = None,
    false_discovery_rate: Annotated[
        float | None,
        Parameter(
            validator=A_RATE,
            help="The share of flagged images that may be ordinary (Benjamini-Hochberg), in place of "
            "--false-alarm-rate.",
        ),
    ] = None,
    ordinary: Annotated[
        str | Path | None,
        Parameter(help="A source of ordinary images that the model was not fitted to; with a model file alone."),
    ] = None,
    model: Annotated[
        str | None,
        Parameter(help="The family of the model that is fitted: vae (if not given), pixelcnn, pixelrnn or gan."),
    ] = None,
    max_minutes: Annotated[
        float | None, Parameter(validator=validators.Number(gt=0), help="Minutes that a fit may take.")
    ] = None,
    score: Annotated[Score | None, Parameter(help="What images are judged by; typicality if not given.")] = None,
    calibration: Annotated[
        Calibration | None,
        Parameter(help="Whether the rate holds over all images, which it does if not given, or within each class."),
    ] = None,
    folds: Annotated[
        int | None,
        Parameter(
            validator=validators.Number(gte=2),
            help="Fit so many models, each without a part of the ordinary images, which then all calibrate: for small "
            "collections.",
        ),
    ] = None,
    tile: Annotated[
        str | None,
        Parameter(help="Judge large images by tiles of this size: 32x48, 32, or model for that of a fitted model."),
    ] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Annotated[
        int | None,
        Parameter(validator=A_SEED, help="Seed of the fit and of which ordinary images are used for what."),
    ] = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell which images of SOURCE do not belong to a collection of ordinary images.

    Each image gets a p-value: how often an ordinary image is as atypical as it is, or more. Those of a p-value of at
    most the false-alarm rate are flagged, whatever the model is worth: of ordinary images no more than that share is,
    on average. A better model finds more of the others.

    The CSV has a row an image: its file name or index, the p-value, the score (higher is more ordinary) and whether it
    is flagged. Files left out follow, with what was wrong under `error`.

    Example: `pofx outliers photos/ new/ -o report.csv --save detector.pofx`

    Example: `pofx outliers detector.pofx new/ --gallery flagged/`

    Example: `pofx outliers photos.pofx new/ --ordinary other/ -o report.csv`
    """
    from pofx.applications.conformal import benjamini_hochberg
    from pofx.applications.conformal import false_alarm_rate as rate_of
    from pofx.atomic import atomic_write
    from pofx.cli.latents import warnings_in_words
    from pofx.cli.outlier_report import check_folder, csv_of, said_of
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.data.collection import printable
    from pofx.pages.gallery import Gallery, from_most_atypical

    output = None if output is None else writable(output, ".csv")
    save = None if save is None else writable(save, ".pofx")
    gallery = None if gallery is None else check_folder(gallery)
    if false_alarm_rate is not None and false_discovery_rate is not None:
        raise ValueError("--false-alarm-rate and --false-discovery-rate are two ways to decide: choose one")
    parse_tile(tile)
    options = DetectorOptions(ordinary, model, max_minutes, score, calibration, folds, tile, seed, save)
    reading = Reading(size, errors, verbose)
    with warnings_in_words():
        detector = obtain(model_or_source, options, reading, rate=false_alarm_rate, device=device)
        collection, y = images_to_judge(detector, source, split, reading)
        found = detector.assess(collection.images, y)
    rate = detector.report_rate()
    if false_alarm_rate is not None:  # a detector from a file has another
        rate = rate_of(rate.n_calibration, false_alarm_rate, n_folds=detector.n_folds)
    names = collection.names or tuple(str(index) for index in range(len(collection)))
    flagged = found.p_values <= rate.nominal
    if false_discovery_rate is not None:
        flagged = benjamini_hochberg(found.p_values, false_discovery_rate)
    n_flagged = int(flagged.sum())
    order = from_most_atypical(found)

    # Before anything is printed: whoever reads that may have seen enough of it.
    if output is not None:
        text = csv_of(names, found, flagged, collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))
    if save is not None:
        detector.save(save)
    if gallery is not None:
        Gallery(detector, collection.images, found, names, y).save(
            gallery, n_flagged=n_flagged, title=f"The most atypical images of {source}", verbose=verbose
        )

    console = OutputConsole()
    for line in said_of(
        rate,
        false_discovery_rate,
        n_flagged=n_flagged,
        n=len(flagged),
        lowest_p=lowest_p(detector),
        per_class=detector.calibration == "per_class",
    ):
        console.print(line)
    if split != "test" and str(source) in (str(model_or_source), str(ordinary)):
        console.print(OWN_IMAGES)
    console.print(
        "most atypical: " + ", ".join(f"{printable(names[i])} (p {found.p_values[i]:.3g})" for i in order[:NAMED])
    )
    print_left_out(console, collection.skipped, collection.conversions)
    for path in (output, save):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)
    if gallery is not None:
        pictures = f"{n_flagged + 1:,} {'pictures' if n_flagged else 'picture'}"
        console.print(f"Written: {gallery} ({pictures})", soft_wrap=True)
