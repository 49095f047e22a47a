"""Where a training stands in its data, and the means over the running epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Position:
    """Counters of a training.

    Args:
        epoch: whole epochs done.
        step: steps done.
        step_in_epoch: steps done in the running epoch.
        images: images seen in the running epoch.
        seconds: time of the running epoch's steps.
        sums: for every column of the history, the sum of a loss term over the images of the running epoch.
        counts: the images in each of these sums (a phase may not run at every step).
    """

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    images: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def step_done(self, n_images: int) -> None:
        """Count one step."""
        self.step += 1
        self.step_in_epoch += 1
        self.images += n_images

    def add(self, column: str, value: float, n_images: int) -> None:
        """Add a batch mean over ``n_images`` images to a column."""
        self.sums[column] = self.sums.get(column, 0.0) + value * n_images
        self.counts[column] = self.counts.get(column, 0) + n_images

    def means(self) -> dict[str, float]:
        """Mean of every column over the images seen in the running epoch."""
        return {column: total / self.counts[column] for column, total in self.sums.items()}

    def images_per_second(self) -> float:
        """Pace of the running epoch's steps; 0 before the first."""
        return self.images / self.seconds if self.seconds > 0 else 0.0

    def next_epoch(self) -> Position:
        """The position at the start of the next epoch."""
        return Position(epoch=self.epoch + 1, step=self.step)
