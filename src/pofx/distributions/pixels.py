"""The pixel laws and the factory that finds one by its name.

>>> import torch
>>> law = pixel_law("categorical", channels=1, levels=4)
>>> law.n_parameters
4
>>> float(law.log_prob(torch.zeros(1, 4, 1, 1), torch.tensor([[[[2]]]])).exp())
0.25
"""

from collections.abc import Callable

from pofx.distributions.bernoulli import Bernoulli
from pofx.distributions.categorical import Categorical
from pofx.distributions.law import PixelLaw
from pofx.distributions.logistic import DiscretisedLogistic, DiscretisedLogisticMixture
from pofx.distributions.normal_pixels import DiscretisedNormal, Normal

__all__ = [
    "PIXEL_LAWS",
    "Bernoulli",
    "Categorical",
    "DiscretisedLogistic",
    "DiscretisedLogisticMixture",
    "DiscretisedNormal",
    "Normal",
    "PixelLaw",
    "pixel_law",
]


def _bernoulli(channels: int, levels: int, n_components: int) -> PixelLaw:
    if levels != 2:
        raise ValueError(f"the pixel law 'bernoulli' needs levels=2, got levels={levels}")
    return Bernoulli(channels)


_DISCRETE_LAWS: dict[str, Callable[[int, int, int], PixelLaw]] = {
    "bernoulli": _bernoulli,
    "categorical": lambda channels, levels, n_components: Categorical(channels, levels),
    "logistic": lambda channels, levels, n_components: DiscretisedLogistic(channels, levels),
    "logistic_mixture": DiscretisedLogisticMixture,
    "normal": lambda channels, levels, n_components: DiscretisedNormal(channels, levels),
}

PIXEL_LAWS: tuple[str, ...] = tuple(_DISCRETE_LAWS)
"""The names that `pixel_law` knows."""


def pixel_law(
    name: str, channels: int, levels: int | None, n_components: int = 10, *, continuous: bool = False
) -> PixelLaw:
    """The pixel law of this name.

    Parameters
    ----------
    name : one of `PIXEL_LAWS`.
    channels : C, sub-pixels of a pixel.
    levels : K, levels of a sub-pixel; only a density does without (None).
    n_components : M, read by "logistic_mixture" only.
    continuous : True asks for the density of real numbers, which "normal" alone has; False for a law on levels.

    Raises
    ------
    ValueError : unknown name, levels that do not fit the law, or `continuous` for a law on levels.
    """
    if name not in _DISCRETE_LAWS:
        raise ValueError(f"unknown pixel law {name!r}; known are {', '.join(PIXEL_LAWS)}")
    if continuous:
        if name != "normal":
            raise ValueError(f"the pixel law {name!r} is a law on levels; continuous=True goes with 'normal' only")
        return Normal(channels)
    if levels is None:
        raise ValueError(f"the pixel law {name!r} needs levels, got None")
    return _DISCRETE_LAWS[name](channels, levels, n_components)
