"""The options of ``pofx fit``: every parameter of the chosen model, with the help text of its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Group, Parameter

from pofx import registry
from pofx.cli.options import A_SEED, Errors, Size, Source, Split

#: Parameters of the constructor that the command line says in its own words.
RENAMED = {"random_state": "seed"}
#: What the command line says of a parameter instead of the docstring.
OWN_HELP = {
    "image_shape": "Shape of the images where the source holds rows of numbers: 28x28 or 32x32x3; a square, if "
    "possible, if not given.",
    "levels": "Number of levels of a sub-pixel, 256 for bytes; read from the images if not given.",
    "conditional": "Learn p(x|y) from the labels of the source.",
    "random_state": "Seed of everything random; if not given it follows from the data.",
    "checkpoint_dir": "Folder for the state of the training while it lasts; OUTPUT.checkpoint if not given.",
    "verbose": "Show the progress on stderr.",
}
#: Parameters that say how images are read, of those that every model has.
_OF_THE_SOURCE = ("image_shape", "levels", "conditional")

CONFIG_HELP = "A YAML file of options (name: value); what the command line says goes before it."
RESUME_HELP = "Go on with a fit that was killed or interrupted, as if it had not been."

_SOURCE = Group("Source and output", sort_key=0)
_TRAINING = Group("Training", sort_key=2)


def command_for(name: str, run: Callable[..., None]) -> Callable[..., None]:
    """``run`` as a command whose signature has an option for each parameter of the family's constructor.

    Args:
        name: the family; the command has its options, and those of the command itself.
        run: called with all options by name, given or not.

    Raises:
        KeyError: there is no such family.
    """
    cls: Any = registry.family(name)
    return _command([*_first_options(name), *_own_options(cls)], run)


def command_for_all() -> Callable[..., None]:
    """A command that has the options of all families, to complete them in shells; it cannot be called."""
    options = {option.name: option for option in _first_options("vae")}
    for name in registry.family_names():
        for option in _own_options(registry.family(name)):
            known = options.setdefault(option.name, option)
            options[option.name] = known.replace(annotation=_either(known.annotation, option.annotation))
    return _command(list(options.values()), lambda **_: None)


def _command(options: list[inspect.Parameter], run: Callable[..., None]) -> Callable[..., None]:
    defaults = {option.name: option.default for option in options}

    def command(source: str, **given: Any) -> None:
        run(**(defaults | {"source": source} | given))

    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    return command


def _first_options(name: str) -> list[inspect.Parameter]:
    """The options that all families have in common."""
    families = Literal[tuple(registry.family_names())]  # type: ignore[valid-type]
    return [
        _option("source", Source, _SOURCE, kind=inspect.Parameter.POSITIONAL_ONLY),
        _option("output", Path, _SOURCE, "The model file to write (.pofx).", names=("--output", "-o")),
        _option("model", families, _SOURCE, "The family of models; the options below are its own.", default=name),
        _option("split", Split, _SOURCE, default=None),
        _option("size", Size, _SOURCE, default=None),
        _option("errors", Errors, _SOURCE, default="raise"),
        _option("config", Path | None, _SOURCE, CONFIG_HELP, default=None),
        _option("resume", bool, _SOURCE, RESUME_HELP, default=False, negative=()),
    ]


def _own_options(cls: Any) -> list[inspect.Parameter]:
    """An option for each parameter of the constructor."""
    from pofx.base import GenerativeModel

    texts = parameter_help(cls) | OWN_HELP
    own = Group(f"The model ({cls.__name__})", sort_key=1)
    options = []
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        group = own
        if parameter.name in _OF_THE_SOURCE:
            group = _SOURCE
        elif parameter.name in GenerativeModel._parameter_constraints:
            group = _TRAINING
        default = True if parameter.name == "verbose" else parameter.default
        name = RENAMED.get(parameter.name, parameter.name)
        text = texts.get(parameter.name, "")
        text = text[:1].upper() + text[1:]
        options.append(_option(name, _annotation(cls, parameter), group, text, default=default))
    return options


def _option(
    name: str,
    annotation: Any,
    group: Group,
    text: str | None = None,
    *,
    default: Any = inspect.Parameter.empty,
    kind: Any = inspect.Parameter.KEYWORD_ONLY,
    names: tuple[str, ...] | None = None,
    negative: tuple[str, ...] | None = None,
) -> inspect.Parameter:
    words: dict[str, Any] = {"group": group, "help": text, "name": names, "negative": negative}
    given = Parameter(**{word: value for word, value in words.items() if value is not None})
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[annotation, given])


def _annotation(cls: Any, parameter: inspect.Parameter) -> Any:
    """The type of an option, from the constructor's annotation and the values that validation allows."""
    if parameter.name == "image_shape":
        return str | None
    if parameter.name == "random_state":
        return Annotated[int | None, Parameter(validator=A_SEED)]
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


def _either(first: Any, second: Any) -> Any:
    """``first``, an annotated type, with the choices of both where both are a choice."""
    kinds = (get_args(first)[0], get_args(second)[0])
    if not all(get_origin(kind) is Literal for kind in kinds):
        return first
    choices = dict.fromkeys(value for kind in kinds for value in get_args(kind))
    return Annotated[Literal[tuple(choices)], *get_args(first)[1:]]


def parameter_help(cls: type) -> dict[str, str]:
    """Parameter name -> its text under ``Args:`` in the docstring of the class."""
    text = inspect.getdoc(cls) or ""
    block = re.search(r"^Args:\n((?: .*\n|\n)+)", text + "\n", flags=re.MULTILINE)
    entries = re.split(r"^    (?=\S)", block.group(1), flags=re.MULTILINE) if block else []
    pairs = (entry.split(": ", 1) for entry in entries if ": " in entry)
    return {name.strip(): " ".join(help_text.split()) for name, help_text in pairs}
