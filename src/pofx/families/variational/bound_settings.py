"""How a bound on log p(x) is asked for, and what is given back."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

BoundMethod = Literal["elbo", "iw", "ais"]
#: The settings that each method has, and their defaults.
DEFAULT_SETTINGS: dict[BoundMethod, dict[str, int]] = {
    "elbo": {"n_samples": 64},
    "iw": {"n_samples": 1000},
    "ais": {"n_samples": 16, "n_temperatures": 500, "n_leapfrog": 10},
}


@dataclass(frozen=True)
class LogProbBounds:
    """Lower bounds on log p(x), on average over their noise.

    Attributes:
        lower (n,): estimates in nats an image; of real-valued data of the density, in the unit of the data.
        std_error (n,): standard error of each estimate over its noise (NaN of one draw). "elbo": that of a mean. "iw"
            and "ais": that of the logarithm of a mean, by the delta method; it tells how much the estimate varies, not
            how far below log p(x) it is, and is too small where few weights dominate.
        method: "elbo", "iw" or "ais".
        settings: n_samples and, of "ais", n_temperatures and n_leapfrog.
        acceptance (n,): of "ais", the mean acceptance of the transitions; None of the others.
    """

    lower: NDArray[np.float64]
    std_error: NDArray[np.float64]
    method: BoundMethod
    settings: dict[str, int]
    acceptance: NDArray[np.float64] | None


def checked_settings(method: BoundMethod, **given: int | None) -> dict[str, int]:
    """The settings of this method, those that are not given at their defaults.

    Raises:
        ValueError: an unknown method, a setting that the method does not have, or one that is no integer of at least 1.
    """
    if method not in get_args(BoundMethod):
        raise ValueError(f"method must be one of {', '.join(get_args(BoundMethod))}, not {method!r}")
    settings = dict(DEFAULT_SETTINGS[method])
    for name, value in given.items():
        if value is None:
            continue
        if name not in settings:
            raise ValueError(f"{name} is no setting of method={method!r}, which has {', '.join(settings)}")
        check_whole(name, value)
        settings[name] = int(value)
    return settings


def check_whole(name: str, value: object) -> None:
    """ValueError unless the value is an integer of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
