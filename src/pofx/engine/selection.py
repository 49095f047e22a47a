"""Which weights of a training are kept, and when it has gone on long enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Selection:
    """The best weights so far, by held-out score (higher is better).

    Args:
        score: the best score; None while none was finite.
        epoch: the epoch of the best score.
        weights: the averaged weights that gave it.
        stale_epochs: epochs scored since then.
    """

    score: float | None = None
    epoch: int | None = None
    weights: dict[str, Tensor] | None = None
    stale_epochs: int = 0

    def after(self, score: float, epoch: int, weights: Callable[[], dict[str, Tensor]]) -> Selection:
        """The selection after one more score; ``weights`` is asked for a copy only if this one is the best.

        A score that is not finite is not better than any.
        """
        if math.isfinite(score) and (self.score is None or score > self.score):
            return Selection(score, epoch, weights())
        return Selection(self.score, self.epoch, self.weights, self.stale_epochs + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the weights are not copied."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
