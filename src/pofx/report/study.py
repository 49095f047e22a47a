"""What a page is about: images, which of them models were fitted to, and the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.pages.display import displayed

if TYPE_CHECKING:
    from pofx.base import GenerativeModel
    from pofx.data.collection import Collection

#: Columns of the pictures of a page.
COLUMNS = 10


@dataclass(frozen=True)
class Images:
    """Images, what each is called in its source and, where there are some, their labels."""

    images: NDArray[Any]
    labels: NDArray[Any] | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def some(self, n: int, seed: int) -> Images:
        """At most n of them, at random, in order."""
        return self.part(np.sort(np.random.default_rng([seed, 21]).permutation(len(self))[:n]))

    def part(self, indices: NDArray[np.int64]) -> Images:
        """Those of these indices."""
        return Images(
            self.images[indices],
            None if self.labels is None else self.labels[indices],
            tuple(self.names[i] for i in indices),
        )

    def joined(self, others: Images) -> Images:
        """These, and the others behind them."""
        with_labels = self.labels is not None and others.labels is not None
        return Images(
            np.concatenate([self.images, others.images]),
            np.concatenate([self.labels, others.labels]) if with_labels else None,
            (*self.names, *others.names),
        )

    def name(self, index: int) -> str:
        """What an image is called."""
        return self.names[index]


@dataclass
class Study:
    """All that the sections of a page tell of.

    Attributes:
        collection: what the source holds. source: as the user called it.
        training, held_out: images that the models were fitted to, and others that they never saw.
        models: by the name that the page calls them, in the order of the page.
        failures: why there is no model of these names.
        seed: of everything random. device: of networks that measure.
        folder: beside the page.
        verbose: whether long work tells how far it is.
        fitted_before: whether the models were fitted before, to images that nobody here knows.
    """

    collection: Collection
    source: str
    training: Images
    held_out: Images
    models: Mapping[str, GenerativeModel]
    seed: int
    device: str
    folder: Path
    failures: Mapping[str, str] = field(default_factory=dict)
    verbose: bool = True
    fitted_before: bool = False

    @property
    def format(self) -> Any:
        """How the arrays hold images; of the first model, as all are of the same images."""
        return next(iter(self.models.values())).image_format_

    @property
    def all_images(self) -> Images:
        """The training images, then those held out."""
        return self.training.joined(self.held_out)

    def displayed(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Images as pictures."""
        return displayed(next(iter(self.models.values())), images)

    def scaled(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Images as rows (n, d) from 0 to 1."""
        levels = self.format.nearest_levels_NCHW(images).reshape(len(images), -1)
        return levels.astype(np.float64) / (self.format.spec.levels - 1)

    def inverted(self, images: NDArray[Any]) -> NDArray[Any]:
        """The negatives of images, in their layout and type."""
        levels = self.format.spec.levels - 1 - self.format.nearest_levels_NCHW(images)
        restored: NDArray[Any] = self.format.images(levels, np.random.default_rng(self.seed))
        return restored.reshape(images.shape).astype(images.dtype)

    @property
    def labelled(self) -> bool:
        """Whether there are labels of at least two classes."""
        labels = self.training.labels
        return labels is not None and len(np.unique(labels)) > 1
