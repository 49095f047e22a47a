"""What a page is made of: sections of texts, tables, pictures and commands.

Sections know nothing of HTML; `pofx.report.page` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Text:
    """A paragraph; a ``warning`` stands out."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Code:
    """Commands, or lines of Python, as they are."""

    text: str


@dataclass(frozen=True)
class Table:
    """Cells for people, and the same as numbers for a file.

    Attributes:
        name: of the file that holds ``records``, without its ending.
        cells: a heading, and a line a row.
        records: a row of the file each, by the names of its columns; none if it would say no more than ``cells``.
        note: how to read it.
    """

    name: str
    cells: Sequence[Sequence[str]]
    records: Sequence[Mapping[str, Any]] = ()
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        name: of its file, without its ending.
        alt: what can be seen, for those who cannot see it.
        note: how to read it.
    """

    name: str
    image: Image
    alt: str
    note: str = ""


Part = Text | Code | Table | Picture


@dataclass
class Section:
    """A part of a page with a heading of its own.

    Attributes:
        key: names it in the address of the page (#key).
        title: heads it.
        shows, hides: two plain sentences: what it shows, and what it does not.
        finding: what it found, in a sentence, for the head of the page; nothing if there is nothing to be said.
        parts: what it holds, from above.
    """

    key: str
    title: str
    shows: str
    hides: str
    finding: str = ""
    parts: list[Part] = field(default_factory=list)

    def add(self, *parts: Part) -> None:
        """Put parts at its end."""
        self.parts.extend(parts)
