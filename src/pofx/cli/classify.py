"""``pofx classify``: which class each image is of, and which are of none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from pofx.cli.options import A_SEED, Device, Errors, Size, Source, Split, Verbose, writable
from pofx.cli.outlier_detector import Reading, Score

A_RATE = validators.Number(gt=0, lt=1)


def classify(
    model_or_source: Annotated[
        str | Path,
        Parameter(
            help="A classifier file that --save wrote; a model file that `pofx fit --conditional` wrote, with "
            "--labelled; or a source of images with labels, to parts of which a classifier is fitted."
        ),
    ],
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The CSV file to write; a summary alone if not given.")
    ] = None,
    save: Annotated[Path | None, Parameter(help="The classifier file (.pofx) to write, for later images.")] = None,
    reliability: Annotated[
        Path | None,
        Parameter(
            help="A picture (PNG) of how often the classes named are right, by how sure they are, where the source has "
            "labels."
        ),
    ] = None,
    labelled: Annotated[
        str | Path | None,
        Parameter(help="A source of images with labels that the model was not fitted to; with a model file alone."),
    ] = None,
    model: Annotated[
        str | None,
        Parameter(help="The family of the model that is fitted: vae (if not given), pixelcnn or pixelrnn."),
    ] = None,
    max_minutes: Annotated[
        float | None, Parameter(validator=validators.Number(gt=0), help="Minutes that the fit may take.")
    ] = None,
    prior: Annotated[
        Literal["empirical", "uniform"] | None,
        Parameter(help="p(y): the frequencies of the labels, which it is if not given, or the same for all."),
    ] = None,
    calibrated: Annotated[
        bool | None,
        Parameter(help="Make probabilities less sure, or more, as fits held-out images best; Bayes' rule if not."),
    ] = None,
    false_alarm_rate: Annotated[
        float | None,
        Parameter(
            validator=A_RATE,
            help="The share of ordinary images that may be rejected; the classifier's own if not given, else 0.05.",
        ),
    ] = None,
    rejection: Annotated[Score | None, Parameter(help="What images are rejected by; typicality if not given.")] = None,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Annotated[
        int | None,
        Parameter(validator=A_SEED, help="Seed of the fit and of which images are used for what."),
    ] = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Tell which class each image of SOURCE is of, by how likely it is in each, and which images are of none.

    The classes are those of labelled images: a folder with a sub-folder for each, or a file with labels. An image that
    is atypical of all of them is rejected: of ordinary images at most the false-alarm rate is, on average.

    The CSV has a row an image: its file name or index, the class, whether it is rejected, the p-value (how often an
    ordinary image is as atypical) and the probability of each class, that it has if it is of any. Files left out
    follow, with what was wrong under `error`. How many classes are right is told of images that the model was not
    fitted to: where SOURCE is what the classifier is fitted to, of those that were held out.

    Example: `pofx classify photos/ new/ -o labels.csv --save classifier.pofx`

    Example: `pofx classify classifier.pofx new/ -o labels.csv`
    """
    from pofx.applications.conformal import false_alarm_rate as rate_of
    from pofx.atomic import atomic_write
    from pofx.cli.classifier_report import OWN_IMAGES, csv_of, judged_by_labels, only_held_out, said_of
    from pofx.cli.classifier_source import ClassifierOptions, obtain
    from pofx.cli.latents import warnings_in_words
    from pofx.cli.loading import load_images
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_left_out
    from pofx.files.pictures import save_png
    from pofx.pages.reliability import reliability_page

    output = None if output is None else writable(output, ".csv")
    save = None if save is None else writable(save, ".pofx")
    reliability = None if reliability is None else writable(reliability, ".png")
    options = ClassifierOptions(labelled, model, max_minutes, prior, calibrated, rejection, seed, save)
    reading = Reading(size, errors, verbose)
    with warnings_in_words():
        obtained = obtain(model_or_source, options, reading, rate=false_alarm_rate, device=device)
        classifier = obtained.classifier
        collection = load_images(source, split=split, **vars(reading), model=classifier.model_)
        truth = judged_by_labels(collection.named_labels, classifier.classes_)
        held_out = obtained.held_out(collection.images)
        if held_out is not None:
            truth = only_held_out(truth, held_out)
        if reliability is not None and truth is None:
            raise ValueError(f"--reliability needs labels that the classifier knows, and {collection.origin} has none")
        probabilities = classifier.predict_proba(collection.images)
        p_values = classifier.p_values(collection.images)
    rate = classifier.detector_.report_rate()
    if false_alarm_rate is not None:  # a classifier from a file has another
        rate = rate_of(rate.n_calibration, false_alarm_rate)
    rejected = p_values <= rate.nominal
    names = collection.names or tuple(str(index) for index in range(len(collection)))

    # Before anything is printed: whoever reads that may have seen enough of it.
    if output is not None:
        text = csv_of(names, classifier.classes_, probabilities, p_values, rejected, collection.skipped)
        atomic_write(output, lambda file: file.write(text.encode(errors="surrogateescape")))
    if save is not None:
        classifier.save(save)
    if reliability is not None:
        assert truth is not None
        known = truth >= 0
        page = reliability_page(probabilities[known], truth[known], title=f"How sure, and how often right: {source}")
        save_png(page, reliability)

    console = OutputConsole()
    n_held_out = None if held_out is None else len(held_out)
    for line in said_of(classifier.classes_, probabilities, rejected, rate, truth, n_held_out):
        console.print(line)
    if held_out is None and truth is not None and classifier.model_.knows_most_of(collection.images):
        console.print(OWN_IMAGES)
    print_left_out(console, collection.skipped, collection.conversions)
    for path in (output, save, reliability):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)
