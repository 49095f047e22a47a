"""``pofx fit``: every parameter of the chosen model is an option, with the help text of its docstring."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from pofx import registry
from pofx.cli.fit_config import filler, read_config
from pofx.cli.fit_options import command_for
from pofx.cli.options import NONE, Errors, parse_size, writable
from pofx.cli.output import OutputConsole

HELP = """Fit a model ({model}) to a source of images and save it.

While it runs, its state is kept in a folder beside the model file: if it is killed, the same command with `--resume`
goes on from there. The first Ctrl-C ends it early with the best model so far. Where a text below says None, write
`none`.

Example: `pofx fit photos/ -o photos.pofx --size 32 --max-minutes 10`
"""


def fit(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    model: Annotated[str | None, Parameter(help="The family of models.")] = None,
    config: Annotated[Path | None, Parameter(help="A YAML file of options.")] = None,
) -> None:
    """Fit a model to a source of images and save it."""
    options = {} if config is None else read_config(config)
    name = model or options.get("model", "vae")
    app = App(
        name="pofx fit",
        help=HELP.format(model=name),
        help_format="markdown",
        version_flags=[],
        suppress_keyboard_interrupt=False,
        group_commands=Group("Help", show=False),
        result_action="return_value",
        # The family is known by now, also where the file names it.
        config=() if config is None else filler(config, options | {"model": name}),
    )
    try:
        command = command_for(name, run)
    except KeyError as error:
        raise CycloptsError(msg=error.args[0]) from error
    app.default(command)
    app(list(tokens), console=OutputConsole(wrapped=True), print_error=False, exit_on_error=False)


def run(
    *,
    source: str,
    output: Path,
    model: str,
    split: str | None,
    size: str | None,
    errors: Errors,
    config: Path | None,
    resume: bool,
    **parameters: Any,
) -> None:
    """Fit with all options given; those of ``parameters`` are the model's."""
    from pofx.cli.fit_state import check_state, remove_state, state_folder
    from pofx.cli.loading import load_images
    from pofx.cli.show import print_density_table, print_left_out
    from pofx.evaluation.densities import held_out_table

    output = writable(output, ".pofx")
    folder = state_folder(output, parameters["checkpoint_dir"])
    parameters |= {"random_state": parameters.pop("seed"), "checkpoint_dir": folder}
    parameters["image_shape"] = parse_shape(parameters["image_shape"])
    check_state(folder, resume=resume)
    collection = load_images(
        source,
        split=split,
        size=size,
        errors=errors,
        verbose=parameters["verbose"],
        levels=parameters["levels"],
    )
    if parameters["levels"] is None:
        parameters["levels"] = collection.levels
    if parameters["conditional"] and collection.labels is None:
        raise ValueError(f"--conditional needs labels, and {collection.origin} has none (sub-folders give labels)")
    estimator: Any = registry.family(model)
    try:
        fitted = estimator(**parameters).fit(
            collection.images, collection.named_labels if parameters["conditional"] else None
        )
    finally:
        with suppress(OSError):
            folder.rmdir()  # if nothing was kept in it yet
    # What it takes to load the same images again.
    given = {
        "split": split,
        "size": size if parse_size(size) else None,
        "errors": errors if errors != "raise" else None,
    }
    fitted.provenance_["source"] = shlex.join(
        [str(source), *(word for name, value in given.items() if value for word in (f"--{name}", value))]
    )
    interrupted = fitted.stopped_by_ == "interrupt"
    if interrupted and fitted.n_epochs_ == 0 and output.exists():
        raise KeyboardInterrupt(f"interrupted before the first epoch was done; {output} is left as it was")
    fitted.save(output)
    if not interrupted:
        remove_state(folder, getattr(estimator, "checkpoint_parts", ()))
    console = OutputConsole()
    console.print(
        f"{estimator.__name__} fitted to {len(collection):,} images of {fitted.spec_} in "
        f"{_in_words(fitted.provenance_['minutes'])} ({fitted.n_epochs_} epochs, ended by {fitted.stopped_by_})."
    )
    table = held_out_table(fitted, collection.images)
    if table is not None:
        print_density_table(console, table)
    print_left_out(console, collection.skipped, collection.conversions)
    if interrupted:
        console.print(
            f"Interrupted: this is the best model so far. The same command with --resume goes on (from {folder}).",
            soft_wrap=True,
        )
    console.print(f"Written: {output}", soft_wrap=True)
    if interrupted:
        raise KeyboardInterrupt


def parse_shape(text: str | None) -> tuple[int, ...] | None:
    """28x28 or 32x32x3 -> a tuple; None, also in words; ValueError for anything else."""
    if text is None or text.lower() in NONE:
        return None
    if not re.fullmatch(r"\d+x\d+(x\d+)?", text):
        raise ValueError(f"--image-shape is written 28x28 or 32x32x3, not {text!r}")
    return tuple(int(part) for part in text.split("x"))


def _in_words(minutes: float) -> str:
    return f"{60 * minutes:.1f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
