"""The YAML file of ``pofx fit --config``: option names and values as on the command line."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from cyclopts import App, CycloptsError, Token
from cyclopts.argument import ArgumentCollection

#: Bytes; a file of options is far smaller.
_MOST_BYTES = 2**20


class _Loader(yaml.BaseLoader):
    """Leaves every value the text that it is, as on the command line; builds nothing but text, lists and mappings."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name should be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_config(path: Path) -> dict[str, str]:
    """Option names, with "-" between words, and their values.

    Raises:
        CycloptsError: the file is no mapping of names to plain values.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise _wrong(path, "is too large for a file of options")
    try:
        content = yaml.load(data, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _wrong(path, f"cannot be read as YAML{line}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _wrong(path, "cannot be read as YAML") from error
    if content in (None, ""):
        return {}
    if not isinstance(content, dict):
        raise _wrong(path, "should hold lines such as latent_dim: 16")
    options: dict[str, str] = {}
    for key, value in content.items():
        if not isinstance(value, str):
            raise _wrong(path, f"gives {key[:40]} no plain value")
        name = key.replace("_", "-")
        if name in options:
            raise _wrong(path, f"has {name} twice")
        # An empty value and ~ are YAML's ways to say null.
        options[name] = "none" if value in ("", "~") else value
    return options


def filler(path: Path, options: dict[str, str]) -> Callable[[App, tuple[str, ...], ArgumentCollection], None]:
    """What gives an option that the command line did not give the value from the file."""

    def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        known = {argument.field_info.name.replace("_", "-"): argument for argument in arguments}
        del known["config"]
        for name, value in options.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise _wrong(path, f"has an unknown option: {name}." + (f" Did you mean {near[0]}?" if near else ""))
            if not known[name].tokens:
                known[name].append(Token(keyword=f"--{name}", value=value, source=str(path)))

    return fill


def _wrong(path: Path, what: str) -> CycloptsError:
    return CycloptsError(msg=f"{path} {what}")


def config_of(model: Any) -> str:
    """The YAML text with which ``pofx fit --config`` repeats the fit of a model."""
    from pofx import registry
    from pofx.saving import LOCAL_PARAMETERS

    options: dict[str, Any] = {"model": registry.family_name(type(model))}
    for name in inspect.signature(type(model)).parameters:
        if name not in (*LOCAL_PARAMETERS, "random_state"):
            value = model.fitted_parameters_[name]
            options[name] = "x".join(map(str, value)) if name == "image_shape" and value is not None else value
    options["seed"] = model.seed_
    return yaml.safe_dump(options, sort_keys=False)
