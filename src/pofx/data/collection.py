"""What every source becomes: a `Collection`, with an account of what was left out and what was converted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

#: What to do about a file that cannot be used: raise a `SourceError` that names it, or leave it out and record it.
Errors = Literal["raise", "skip"]
#: Called with (images done, images in all) now and then.
Progress = Callable[[int, int], None]


class SourceError(ValueError):
    """A source that does not exist, cannot be read, or does not hold images that belong together."""


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Attributes:
        name: its path relative to the source, with "/" between folders.
        reason: what was wrong, in one line that goes on from the name ("is empty").
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Conversion:
    """What was done to some of the images so that all of them belong together.

    Attributes:
        what: in one line ("transparency laid over white").
        n_images: how many images it was done to.
        example: the first of them.
    """

    what: str
    n_images: int
    example: str


@dataclass(frozen=True)
class Collection:
    """A collection of images and what its source says about them.

    Attributes:
        images: one image per entry of the first axis.
        labels: shape (n,), integers or strings; None if the source has none.
        names: the file of each image relative to the folder; None if they do not come from files of their own.
        label_names: the class that each integer label 0, 1, ... stands for; None if the labels are not such numbers.
        origin: where the images come from, for people to read.
        levels: the number of levels of a sub-pixel where the source knows it; None: to be read from the values.
        skipped: the files that were left out, in the order of the source.
        conversions: what was done to images, in the order of the first image that it was done to.
    """

    images: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...] | None
    label_names: tuple[str, ...] | None
    origin: str
    levels: int | None = None
    skipped: tuple[Skipped, ...] = ()
    conversions: tuple[Conversion, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def named_labels(self) -> np.ndarray | None:
        """The labels by the names of their classes, where they have names."""
        if self.labels is None or self.label_names is None:
            return self.labels
        return np.asarray(self.label_names)[self.labels]


class ConversionTally:
    """Counts conversions while images are read."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int | str]] = {}

    def add(self, name: str, what: tuple[str, ...]) -> None:
        """Note that all of ``what`` was done to the image ``name``."""
        for conversion in what:
            count, first = self._counts.get(conversion, (0, name))
            self._counts[conversion] = [int(count) + 1, first]

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        return tuple(Conversion(what, int(count), str(first)) for what, (count, first) in self._counts.items())


def printable(text: object) -> str:
    """``str(text)`` in one line, with "?" for what a terminal could take for a command or cannot show, and the bytes of
    a file name that are no text as ``\\xff``."""
    return "".join(_printable(character) for character in " ".join(str(text).split()))


def _printable(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else "?"
