"""How the numbers in a user's array stand for the levels 0..K-1 over which p(x) is a law.

Three ways, told apart once at fit (`level_grid_for`) and kept with the model:

=================  =========================================  ==============================
class              the array holds                            p(x) is
=================  =========================================  ==============================
`IntegerLevels`    integers 0..K-1 (or bool)                  a mass on images
`UnitLevels`       floats k/(K-1) in [0, 1]                   a mass on images
`RealLevels`       any finite floats, cut into K steps        a density on arrays of floats
=================  =========================================  ==============================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Steps of the grid that is learned for real numbers, and levels of floats k/255.
DEFAULT_LEVELS = 256


@dataclass(frozen=True)
class ValueSummary:
    """What a pass over the data found out about its values; `merge` joins the summaries of two parts."""

    minimum: float
    maximum: float
    integral: bool
    on_unit_grid: bool
    kind: str  # NumPy's dtype.kind: b, u, i or f
    itemsize: int

    @classmethod
    def of(cls, values: NDArray[Any], unit_levels: int = DEFAULT_LEVELS) -> ValueSummary:
        """Summarise one non-empty array of finite numbers."""
        kind = values.dtype.kind
        minimum, maximum = float(values.min()), float(values.max())
        integral = kind in "bui" or bool(np.all(np.floor(values) == values))
        on_unit_grid = (
            kind == "f" and not integral and minimum >= 0 and maximum <= 1 and _on_unit_grid(values, unit_levels)
        )
        return cls(minimum, maximum, integral, on_unit_grid, kind, values.dtype.itemsize)

    def merge(self, other: ValueSummary) -> ValueSummary:
        def on_grid(summary: ValueSummary) -> bool:
            # A part that holds nothing but zeros and ones is integral, and lies on the grid k/(K-1) as well.
            return summary.on_unit_grid or (summary.integral and summary.minimum >= 0 and summary.maximum <= 1)

        integral = self.integral and other.integral
        return ValueSummary(
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            integral,
            not integral and on_grid(self) and on_grid(other),
            self.kind,
            self.itemsize,
        )


class LevelGrid(ABC):
    """The correspondence between array values and levels 0..K-1."""

    levels: int

    @abstractmethod
    def levels_of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Levels (uint8 where they fit, else int32), in the shape of ``values``; ValueError outside the support."""

    @abstractmethod
    def values_of(self, levels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Array values for these levels; where a level stands for a whole step, a draw from the law within it."""

    @abstractmethod
    def expected_values(self, levels: NDArray[Any]) -> NDArray[np.float64]:
        """Array values for levels given as real numbers (a mean, say), with no randomness."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]: ...

    def nearest_levels(self, values: NDArray[Any]) -> NDArray[Any]:
        """The levels next to values that need not lie on the grid (means, say), for showing them."""
        origin, unit = self.expected_values(np.zeros(1)), self.expected_values(np.ones(1))
        position = (np.asarray(values, dtype=np.float64) - origin) / (unit - origin)
        return np.rint(position).clip(0, self.levels - 1).astype(self.level_dtype)

    @property
    def level_dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8 if self.levels <= 256 else np.int32)

    @staticmethod
    def from_json(data: dict[str, Any]) -> LevelGrid:
        """The grid that `to_json` described; ValueError for anything else."""
        fields = {key: value for key, value in data.items() if key != "kind"}
        for kind in (IntegerLevels, UnitLevels, RealLevels):
            if data.get("kind") == kind.__name__:
                return kind(**fields)
        raise ValueError(f"unknown grid of levels {data.get('kind')!r}")


@dataclass(frozen=True)
class IntegerLevels(LevelGrid):
    """The array holds the levels themselves."""

    levels: int

    def levels_of(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.dtype.kind == "f" and not np.all(np.floor(values) == values):
            raise ValueError(
                f"X holds numbers that are not integers, but the model is over the integers 0..{self.levels - 1} "
                f"(levels={self.levels})."
            )
        if values.size and (values.min() < 0 or values.max() >= self.levels):
            advice = (
                "Levels are counted from 0: scale X as the images of the fit were."
                if values.min() < 0
                else "Pass levels= at construction to fit a wider range."
            )
            raise ValueError(
                f"X holds values from {values.min()} to {values.max()}, outside the support 0..{self.levels - 1} of a "
                f"model with levels={self.levels}. {advice}"
            )
        return values.astype(self.level_dtype, copy=False)

    def values_of(self, levels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return levels

    def expected_values(self, levels: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(levels, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "IntegerLevels", "levels": self.levels}


@dataclass(frozen=True)
class UnitLevels(LevelGrid):
    """The array holds k/(K-1), as images scaled to [0, 1] do."""

    levels: int = DEFAULT_LEVELS

    def levels_of(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.size and (values.min() < 0 or values.max() > 1 or not _on_unit_grid(values, self.levels)):
            raise ValueError(
                f"X holds values that are not on the grid k/{self.levels - 1} of a model with levels={self.levels} "
                "that was fitted to images scaled to [0, 1]."
            )
        return np.rint(np.asarray(values, dtype=np.float64) * (self.levels - 1)).astype(self.level_dtype)

    def values_of(self, levels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return self.expected_values(levels)

    def expected_values(self, levels: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(levels, dtype=np.float64) / (self.levels - 1)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "UnitLevels", "levels": self.levels}


@dataclass(frozen=True)
class RealLevels(LevelGrid):
    """K equal steps over the range [low, high] of the training data; the outer two go on to infinity.

    Given its level k, a value is uniform within step k. In the outer steps it falls off exponentially from the inner
    edge e outwards, density exp(-|v - e| / w) / w with w the width of a step: continuous at e, and the whole integrates
    to 1. Hence log p(v) = log p(k) + `log_density_within`.
    """

    levels: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.step) and self.step > 0 and self.levels >= 2):
            raise ValueError(f"a grid of real numbers needs finite low < high and levels >= 2, not {self}")

    @property
    def step(self) -> float:
        """Width w of a step."""
        return (self.high - self.low) / self.levels

    def levels_of(self, values: NDArray[Any]) -> NDArray[Any]:
        position = np.floor((np.asarray(values, dtype=np.float64) - self.low) / self.step)
        return np.clip(position, 0, self.levels - 1).astype(self.level_dtype)

    def values_of(self, levels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        lower_edge = self.low + self.step * levels
        values = lower_edge + self.step * rng.random(levels.shape)
        beyond = self.step * rng.standard_exponential(levels.shape)
        values = np.where(levels == 0, self.low + self.step - beyond, values)
        return np.where(levels == self.levels - 1, self.high - self.step + beyond, values)

    def expected_values(self, levels: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(self.low + self.step * (np.asarray(levels, dtype=np.float64) + 0.5))

    def log_density_within(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """log p(v | its level), of each value."""
        values = np.asarray(values, dtype=np.float64)
        beyond_left = np.maximum(self.low + self.step - values, 0.0) / self.step
        beyond_right = np.maximum(values - (self.high - self.step), 0.0) / self.step
        levels = self.levels_of(values)
        tail = np.where(levels == 0, beyond_left, np.where(levels == self.levels - 1, beyond_right, 0.0))
        return np.asarray(-np.log(self.step) - tail)

    @property
    def scale(self) -> float:
        """Half the distance between the centres of the outer steps: the unit of `scaled`."""
        return self.step * (self.levels - 1) / 2

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The affine map that takes the centre of step k to 2k/(K-1) - 1, in [-1, 1]."""
        return (np.asarray(values, dtype=np.float64) - self.low - self.step / 2) / self.scale - 1

    def unscaled(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """The inverse of `scaled`."""
        return (np.asarray(scaled, dtype=np.float64) + 1) * self.scale + self.low + self.step / 2

    def to_json(self) -> dict[str, Any]:
        return {"kind": "RealLevels", "levels": self.levels, "low": self.low, "high": self.high}


def level_grid_for(summary: ValueSummary, levels: int | None = None) -> LevelGrid:
    """Choose the grid for data of this summary; ``levels`` as the user gave it, or None to be read from the data.

    bool, or only 0 and 1 -> 2 levels; uint8 -> 256; other integers (and floats with integer values) in 0..255 ->
    maximum + 1; floats k/255 -> 256; other floats -> a grid of 256 steps.

    Raises:
        ValueError: integers outside 0..255 (or outside the given ``levels``); ``levels`` below 2.
    """
    if levels is not None and levels < 2:
        raise ValueError(f"levels must be at least 2, not {levels}")
    if summary.integral and summary.minimum >= 0 and summary.maximum <= (levels or DEFAULT_LEVELS) - 1:
        if levels is not None:
            return IntegerLevels(levels)
        if summary.maximum <= 1:
            return IntegerLevels(2)
        if summary.kind == "u" and summary.itemsize == 1:
            return IntegerLevels(256)
        return IntegerLevels(int(summary.maximum) + 1)
    if summary.kind in "bui":
        raise ValueError(
            f"X holds integers from {summary.minimum:.0f} to {summary.maximum:.0f}, outside 0..{(levels or 256) - 1}. "
            f"Pass levels={max(int(summary.maximum) + 1, 2)} if each integer is a level of its own, or convert X to "
            "float to have its range cut into steps."
            if summary.minimum >= 0
            else f"X holds negative integers (down to {summary.minimum:.0f}); levels are counted 0..levels-1. Convert "
            "X to float to have its range cut into steps."
        )
    if summary.on_unit_grid:
        return UnitLevels(levels or DEFAULT_LEVELS)
    low, high = summary.minimum, summary.maximum
    if not np.isfinite(high - low):
        raise ValueError(f"X ranges from {low:g} to {high:g}, too far for float64; scale it.")
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # Constant data: a grid needs some width. It is centred on the constant.
        half = 0.5 * max(abs(low), 1.0)
        low, high = low - half, high + half
    return RealLevels(levels or DEFAULT_LEVELS, low, high)


def _on_unit_grid(values: NDArray[Any], levels: int) -> bool:
    """Whether floats in [0, 1] equal k/(K-1) up to the rounding of their own type."""
    scaled = np.asarray(values, dtype=np.float64) * (levels - 1)
    precision = float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 0.0
    nearest = np.rint(scaled)
    return bool(np.all(np.abs(scaled - nearest) <= np.minimum(4 * precision * nearest, 0.1)))
