"""``pofx features``: what a model sees in images, as numbers for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from pofx.cli.options import Device, Errors, ModelPath, Seed, Size, Source, Split, Verbose, writable

#: Images of a probe, at most, and the share of them that it is tested on.
PROBED, TESTED = 12_500, 0.2
#: Fewer images tell nothing.
FEWEST_PROBED = 20


def features(
    model: ModelPath,
    source: Source,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="The file to write: .npy, an array with a row an image, or .csv, with names and classes. A summary "
            "alone if not given.",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        Parameter(help="The layer of the network that is asked; what the model's transform gives if not given."),
    ] = None,
    fields: Annotated[
        int | None,
        Parameter(
            validator=validators.Number(gte=1),
            help="Parts along a side over which the map of a layer is averaged; 4 if not given. With --layer.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        Parameter(
            name="--map",
            help="A picture (PNG) to write: images that are alike near to one another, coloured by class where classes "
            "are known, beside the same by raw pixels; of at most 2,000 images.",
        ),
    ] = None,
    probe: Annotated[
        bool,
        Parameter(
            help="Measure how well the features tell the classes apart, beside raw pixels, PCA, a plain autoencoder "
            "and random features; of a source with classes, on at most 12,500 images."
        ),
    ] = False,
    split: Split = None,
    size: Size = None,
    errors: Errors = "raise",
    seed: Seed = None,
    device: Device = "auto",
    verbose: Verbose = True,
) -> None:
    """Write down what a model sees in each image of a source, as numbers.

    The numbers are for other programs: classifiers, searches for similar images, plots. The layers of the network,
    which the summary names, often hold more than what comes out at its end: try several with `--probe`.

    Example: `pofx features photos.pofx new/ -o features.csv`

    Example: `pofx features photos.pofx new/ --layer layer_2 --map map.png --probe`
    """
    import numpy as np

    from pofx.cli.feature_output import array_or_table, save_features
    from pofx.cli.loading import load_images, load_model, some_indices
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_feature_table, print_left_out
    from pofx.evaluation.feature_map import FEWEST
    from pofx.evaluation.features import TRANSFORM, feature_table, some
    from pofx.files.pictures import save_png
    from pofx.pages.feature_map import MAPPED, map_page

    output = None if output is None else array_or_table(output)
    picture = None if picture is None else writable(picture, ".png")
    fitted = load_model(model, device=device, verbose=verbose)
    kind = type(fitted).__name__
    layers = getattr(fitted, "feature_layers_", ())
    if not hasattr(fitted, "transform"):
        raise ValueError(f"{kind} has no features")
    if layer is not None and layer not in layers:
        raise ValueError(f"there is no layer {layer!r}; those of this {kind} are {', '.join(layers) or 'none'}")
    if fields is not None and layer is None:
        raise ValueError("--fields is about the map of a layer: choose one with --layer")
    collection = load_images(source, split=split, size=size, errors=errors, verbose=verbose, model=fitted)
    images, labels = collection.images, collection.named_labels
    if probe:
        if labels is None:
            raise ValueError(f"{source} has no classes, which --probe compares the features with")
        if len(images) < FEWEST_PROBED:
            raise ValueError(f"--probe needs at least {FEWEST_PROBED} images; {source} has {len(images)}")
    if picture is not None and len(images) < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} images; {source} has {len(images)}")
    if layer is None:
        values, name = fitted.transform(images), f"{kind} features"
        columns = [str(column) for column in fitted.get_feature_names_out()]
    else:
        words = {} if fields is None else {"fields": fields}
        values, name = fitted.layer_features(images, layer, **words), f"{kind} {layer}"
        columns = [f"{kind.lower()}_{layer}_{index}" for index in range(values.shape[1])]
    names = collection.names or tuple(str(index) for index in range(len(collection)))

    # Before anything is printed: whoever reads that may have seen enough of it.
    if output is not None:
        save_features(output, values, columns, names, labels, collection.skipped)
    if picture is not None:
        shown = some_indices(MAPPED, len(images), seed)
        page = map_page(
            values[shown],
            images[shown],
            None if labels is None else labels[shown],
            name=name,
            title=f"Images of {source} as {model.name} sees them",
            seed=seed or 0,
        )
        save_png(page, picture)

    console = OutputConsole()
    console.print(f"{name}: {values.shape[1]:,} numbers for each of {len(values):,} images")
    if layers:
        console.print(f"layers: {', '.join(layers)}")
    if probe:
        assert labels is not None
        order = some(len(images), PROBED, 0 if seed is None else seed)
        tested, seen = np.split(order, [round(TESTED * len(order))])
        parts = images[seen], labels[seen], images[tested], labels[tested]
        print_feature_table(console, feature_table(fitted, *parts, layers=[layer or TRANSFORM], fields=fields))
        if hasattr(fitted, "classes_"):
            console.print("Beware: this model was fitted with labels; what it sees of a class it may have been told.")
    print_left_out(console, collection.skipped, collection.conversions)
    for path in (output, picture):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)
