"""Directions under their names: how those of attributes are learned, and what moving along one means."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.applications import directions
from pofx.applications.attributes import Attribute
from pofx.applications.latents import unknown_name

#: The names of principal directions and of single dimensions; no attribute may be called like them.
PRINCIPAL, DIMENSION = re.compile(r"pc([1-9][0-9]*)"), re.compile(r"z(0|[1-9][0-9]*)")
#: Where the means of an attribute's classes lie nearer to each other along its direction than this part of the
#: standard deviation there, their distance is no measure of strength.
LEAST_UNIT = 0.05


def is_reserved(name: str) -> bool:
    """Whether a direction of that name is there without any attribute: pc1, pc2, ..., z0, z1, ..."""
    return bool(PRINCIPAL.fullmatch(name) or DIMENSION.fullmatch(name))


@dataclass(frozen=True)
class Direction:
    """A way to move latents.

    Attributes:
        name: what it is called in `LatentEditor.edit`.
        kind: "binary" or "real" for that of an attribute, "principal", or "dimension".
        vector: of length 1, (L,).
        unit: the length of strength 1, in the unit of the latents.
        score: held-out area under the ROC curve of a binary attribute (chance: 0.5), held-out R^2 of a real one
            (chance: 0); NaN for all others, and where there were too few images to hold any out.
    """

    name: str
    kind: str
    vector: NDArray[np.float64]
    unit: float
    score: float = float("nan")


def learned_directions(
    Z: NDArray[np.float64],
    attributes: Sequence[Attribute],
    *,
    method: directions.Method,
    orthogonal: bool | Sequence[str],
    n_folds: int,
    random_state: int,
) -> dict[str, Direction]:
    """The direction of each attribute in the latents Z (n, L), by name; the arguments are those of `LatentEditor`.

    Raises:
        ValueError: ``orthogonal`` has an unknown name; a direction is a combination of those that it has to be
            orthogonal to.
    """
    names = [attribute.name for attribute in attributes]
    kept = names if orthogonal is True else list(orthogonal or ())
    for name in kept:
        if name not in names:
            raise unknown_name(name, names, "attribute")
    raw = {one.name: directions.attribute_direction(Z, one, method) for one in attributes}
    learned = {}
    for attribute in attributes:
        others = np.array([raw[name] for name in kept if name != attribute.name]).reshape(-1, Z.shape[1])
        u = directions.orthogonal_to(raw[attribute.name], others)
        if u is None:
            raise ValueError(
                f"the direction of {attribute.name!r} is a combination of those that it has to be orthogonal to: "
                "nothing of it would be left"
            )
        score = directions.held_out_score(Z, attribute, method, others, n_folds, random_state)
        learned[attribute.name] = Direction(attribute.name, attribute.kind, u, _unit(Z, attribute, u), score)
    return learned


def _unit(Z: NDArray[np.float64], attribute: Attribute, u: NDArray[np.float64]) -> float:
    """The length of strength 1; one standard deviation where the attribute hardly moves the mean along u."""
    known = attribute.known
    t = Z[known] @ u
    change = directions.mean_difference(t[:, None], attribute.values[known])[0] * attribute.spread
    if change > LEAST_UNIT * t.std():
        return float(change)
    warnings.warn(
        f"along the direction of {attribute.name!r} images with it lie hardly beyond those without: strength 1 is "
        "one standard deviation there",
        stacklevel=4,
    )
    return float(t.std())
