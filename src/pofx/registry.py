"""Which model families there are, by name; pofx's own and anybody else's are found in the same way.

A package announces its families by entry points of the group ``pofx.families`` (name -> ``module:Class``); nothing is
imported until a family is asked for. `register` adds a class of the running program.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

ENTRY_POINT_GROUP = "pofx.families"
#: What may be saved with a model: name in the file -> module and class; imported only when a file holds one.
APPLICATIONS = {
    "outlier_detector": ("pofx.applications.outliers", "OutlierDetector"),
    "generative_classifier": ("pofx.applications.classifier", "GenerativeClassifier"),
}

_registered: dict[str, type] = {}
T = TypeVar("T", bound=type)


def register(name: str) -> Callable[[T], T]:
    """A class decorator that makes a family known by ``name``: to the command line, to `pofx.load`, to model files.

    Raises:
        TypeError: it is used without a name.
        ValueError: the name is taken by another class.

    Example:
        >>> @pofx.register("flow")          # doctest: +SKIP
        ... class Flow(pofx.GenerativeModel): ...
    """
    if not isinstance(name, str):
        raise TypeError('register takes a name: @pofx.register("flow")')

    def decorate(cls: T) -> T:
        known = _registered.get(name)
        # The same class may come again, redefined in a notebook or imported anew.
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"the family name {name!r} is taken by {known.__module__}.{known.__qualname__}")
        if name in {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}:
            raise ValueError(f"the family name {name!r} is taken by an installed package")
        _registered[name] = cls
        return cls

    return decorate


def family_names() -> list[str]:
    """The names of all families, sorted; imports none of them."""
    return sorted({*_registered, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))})


def family(name: str) -> type:
    """The class of this name.

    Raises:
        KeyError: there is none; the message lists the names and the nearest one.
    """
    if name in _registered:
        return _registered[name]
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        cls = point.load()
        assert isinstance(cls, type)
        return cls
    near = difflib.get_close_matches(name, family_names(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise KeyError(f"no model family {name!r}; there are: {', '.join(family_names())}.{hint}")


def family_name(cls: type) -> str:
    """The name that a class is known by.

    Raises:
        KeyError: it is not registered; the message says how to.
    """
    for name, registered in _registered.items():
        if registered is cls:
            return name
    target = f"{cls.__module__}:{cls.__qualname__}"
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.value == target:
            return point.name
    raise KeyError(f"{cls.__qualname__} is not a registered family; decorate it with @pofx.register(name)")


def application(name: str) -> Any:
    """The class of the application of this name, which has ``from_attachment(model, attachment)``.

    Raises:
        KeyError: there is none; the message lists the names.
    """
    if name not in APPLICATIONS:
        raise KeyError(f"no application {name!r}; there are: {', '.join(APPLICATIONS)}")
    module, attribute = APPLICATIONS[name]
    return getattr(import_module(module), attribute)
