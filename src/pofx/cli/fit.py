"""``pofx fit``: every parameter of the chosen model is an option, with the help text of its docstring."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from pofx import registry
from pofx.cli.options import Source, Split, writable

#: Parameters of the constructor that the command line says in its own words.
RENAMED = {"random_state": "seed"}


def fit(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    model: Annotated[str, Parameter(help="The family of models.")] = "vae",
) -> None:
    """Fit a model to a source of images and save it."""
    app = App(
        name="pofx fit",
        help=f"Fit a model ({model}) to a source of images and save it.",
        version_flags=[],
        result_action="return_value",
    )
    app.default(_command_for(model))
    app(list(tokens))


def _command_for(name: str) -> Any:
    """A function whose signature has an option for each parameter of the family's constructor."""
    cls: Any = registry.family(name)
    texts = parameter_help(cls)
    own = [
        _option(
            RENAMED.get(parameter.name, parameter.name),
            Annotated[_annotation(cls, parameter), Parameter(help=texts.get(parameter.name, ""))],
            default=True if parameter.name == "verbose" else parameter.default,
        )
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
    ]

    defaults = {option.name: option.default for option in own}

    def command(source: str, *, output: Path, model: str = name, split: str | None = None, **given: Any) -> None:
        _fit(registry.family(model), source, output, split, defaults | given)

    families = Literal[tuple(registry.family_names())]  # type: ignore[valid-type]
    first = [
        _option("source", Source, kind=inspect.Parameter.POSITIONAL_ONLY),
        _option("output", Annotated[Path, Parameter(name=["--output", "-o"], help="The model file to write (.pofx).")]),
        _option(
            "model",
            Annotated[families, Parameter(help="The family of models; the options below are its own.")],
            default=name,
        ),
        _option("split", Split, default=None),
    ]
    command.__signature__ = inspect.Signature([*first, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in [*first, *own]}
    return command


def _option(
    name: str,
    annotation: Any,
    *,
    default: Any = inspect.Parameter.empty,
    kind: Any = inspect.Parameter.KEYWORD_ONLY,
) -> inspect.Parameter:
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _fit(cls: Any, source: str, output: Path, split: str | None, parameters: dict[str, Any]) -> None:
    from rich.console import Console

    from pofx.cli.show import print_density_table
    from pofx.data.sources import load_source
    from pofx.evaluation.densities import held_out_table

    output = writable(output, ".pofx")
    parameters["random_state"] = parameters.pop("seed")
    if parameters["image_shape"] is not None:
        parameters["image_shape"] = parse_shape(parameters["image_shape"])
    collection = load_source(source, split=split)
    if parameters["conditional"] and collection.labels is None:
        raise ValueError(f"--conditional needs labels, and {collection.origin} has none (sub-folders give labels)")
    model = cls(**parameters).fit(collection.images, collection.named_labels if parameters["conditional"] else None)
    model.save(output)
    console = Console()
    console.print(
        f"{cls.__name__} fitted to {len(collection):,} images of {model.spec_} in "
        f"{model.provenance_['minutes']:.1f} minutes ({model.n_epochs_} epochs, ended by {model.stopped_by_})."
    )
    table = held_out_table(model, collection.images)
    if table is not None:
        print_density_table(console, table)
    print(f"Written: {output}")


def parse_shape(text: str) -> tuple[int, ...]:
    """28x28 or 32x32x3 -> a tuple; ValueError for anything else."""
    if not re.fullmatch(r"\d+x\d+(x\d+)?", text):
        raise ValueError(f"--image-shape is written 28x28 or 32x32x3, not {text!r}")
    return tuple(int(part) for part in text.split("x"))


def parameter_help(cls: type) -> dict[str, str]:
    """Parameter name -> its text under ``Args:`` in the docstring of the class."""
    text = inspect.getdoc(cls) or ""
    block = re.search(r"^Args:\n((?: .*\n|\n)+)", text + "\n", flags=re.MULTILINE)
    entries = re.split(r"^    (?=\S)", block.group(1), flags=re.MULTILINE) if block else []
    pairs = (entry.split(": ", 1) for entry in entries if ": " in entry)
    return {name.strip(): " ".join(help_text.split()) for name, help_text in pairs}


def _annotation(cls: Any, parameter: inspect.Parameter) -> Any:
    """The type of an option, from the constructor's annotation and the values that validation allows."""
    if parameter.name == "image_shape":
        return str | None
    if parameter.name == "random_state":
        return int | None
    if parameter.name == "checkpoint_dir":
        return Path | None
    choices = [
        sorted(constraint.options)
        for constraint in cls._parameter_constraints.get(parameter.name, [])
        if hasattr(constraint, "options")
    ]
    if choices:
        return Literal[tuple(choices[0])]
    return inspect.get_annotations(cls.__init__, eval_str=True)[parameter.name]
