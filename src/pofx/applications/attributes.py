"""What images have: named attributes, known of some of them.

An attribute with two values is binary: the greater one means that the image has it. One with more is real-valued. NaN
means that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["binary", "real"]


@dataclass(frozen=True)
class Attribute:
    """The values of one attribute.

    Attributes:
        name: what it is called.
        values: (n,); of a binary attribute 0 and 1; NaN where unknown.
        kind: "binary" or "real".
    """

    name: str
    values: NDArray[np.float64]
    kind: Kind

    @property
    def known(self) -> NDArray[np.bool_]:
        """Of which images it is known, (n,)."""
        return ~np.isnan(self.values)

    @property
    def spread(self) -> float:
        """What strength 1 changes it by: from 0 to 1 if it is binary, else by its standard deviation."""
        return 1.0 if self.kind == "binary" else float(self.values[self.known].std())


def class_attributes(labels: Any) -> dict[str, NDArray[np.float64]]:
    """One binary attribute a class: whether an image is of it.

    Args:
        labels: (n,), numbers or texts.

    Returns:
        The class, as text -> 1 for its images and 0 for all others.
    """
    found = np.asarray(labels)
    if found.ndim != 1:
        raise ValueError(f"labels must be of shape (n,), not {found.shape}")
    return {str(one): (found == one).astype(np.float64) for one in np.unique(found)}


def check_attributes(attributes: Any, n: int) -> list[Attribute]:
    """The attributes of n images as a user may give them, checked.

    Args:
        attributes: a mapping from name to (n,) values; a table with ``columns`` (pandas, say); or an array (n,) or
            (n, k), whose columns are then called "attribute0", "attribute1", ...

    Raises:
        TypeError: values that are no numbers.
        ValueError: another number of values than images, infinities, an attribute that is the same for all images of
            which it is known, a name twice or none at all.
    """
    found = [_checked(name, values, n) for name, values in _columns(attributes)]
    names = [attribute.name for attribute in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"there are several attributes called {', '.join(map(repr, sorted(twice)))}")
    return found


def _columns(attributes: Any) -> list[tuple[str, Any]]:
    if isinstance(attributes, Mapping):
        return [(str(name), values) for name, values in attributes.items()]
    if hasattr(attributes, "columns"):
        return [(str(name), attributes[name]) for name in attributes.columns]
    table = np.asarray(attributes)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise ValueError(f"attributes must be (n,) or (n, k), or a mapping from names to (n,), not {table.shape}")
    return [(f"attribute{column}", table[:, column]) for column in range(table.shape[1])]


def _checked(name: str, values: Any, n: int) -> Attribute:
    if not name:
        raise ValueError("an attribute needs a name")
    numbers = _numbers(name, values)
    if numbers.shape != (n,):
        raise ValueError(f"attribute {name!r} has the shape {numbers.shape}, but there are {n} images: it must be (n,)")
    if np.isinf(numbers).any():
        raise ValueError(f"attribute {name!r} is infinite for some image")
    different = np.unique(numbers[~np.isnan(numbers)])
    if len(different) < 2:
        raise ValueError(
            f"attribute {name!r} is {'unknown' if len(different) == 0 else 'the same'} for all images: there is no "
            "direction in which it changes"
        )
    if len(different) > 2:
        return Attribute(name, numbers, "real")
    return Attribute(name, np.where(np.isnan(numbers), np.nan, numbers == different[1]), "binary")


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    try:
        if hasattr(values, "to_numpy"):  # a column of pandas, whose own type of missing values has to be told
            try:
                return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
            except TypeError:  # of another library, without `na_value`
                values = values.to_numpy()
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"attribute {name!r} must be numbers or truth values (NaN: unknown); pofx.applications.attributes."
            "class_attributes makes attributes of class labels"
        ) from None
