"""Which weights of a training are kept, and when it has gone on long enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Selection:
    """The best weights so far, by held-out score (higher is better).

    Where scores are known up to some noise, the latest weights are kept whose score is not below the highest by more:
    the learning rate falls, and of states that cannot be told apart the later one is the steadier.

    Args:
        score: of the weights that are kept; None while no score was finite.
        epoch: whose weights they are.
        weights: the averaged weights that gave it.
        stale_epochs: epochs scored since the highest score.
        highest: the highest score, which is ``score`` unless there is noise.
    """

    score: float | None = None
    epoch: int | None = None
    weights: dict[str, Tensor] | None = None
    stale_epochs: int = 0
    highest: float | None = None

    def after(
        self, score: float, epoch: int, weights: Callable[[], dict[str, Tensor]], *, noise: float = 0.0
    ) -> Selection:
        """The selection after one more score; ``weights`` is asked for a copy only if they are to be kept.

        A score that is not finite is not better than any.
        """
        if math.isfinite(score):
            if self.highest is None or score > self.highest:
                return Selection(score, epoch, weights(), 0, score)
            if score > self.highest - noise:
                return Selection(score, epoch, weights(), self.stale_epochs + 1, self.highest)
        return replace(self, stale_epochs=self.stale_epochs + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the weights are not copied."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
