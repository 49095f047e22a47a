"""What an application puts into the file of the model that it works with.

A detector, say, is useless without its model, and its threshold belongs to no other: both live in one file. The model's
file takes any application's contents in this form, and knows nothing of their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Attachment:
    """An application's contents in a model file.

    Attributes:
        name: the application's registered name, see `pofx.registry.application`.
        parameters: arguments of its constructor, but for the model; what JSON can hold.
        state: what it learned, but for arrays; what JSON can hold.
        arrays: numbers and truth values by name.
        models: further fitted models by name, each of a registered family.
    """

    name: str
    parameters: Mapping[str, Any]
    state: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
