"""Where the commands print to: a terminal, a pipe or a file, in UTF-8 or less; and the arrays they write."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    pass

#: Columns of what is no terminal: nothing is wrapped there, so that every row and path stays in one line.
WIDE = 10_000

#: What the encoding of the output may lack -> how it is written there.
_SPELT_OUT = {"±": "+/-", "·": "-", "×": "x", "…": "...", "–": "-", "—": "-", "•": "*", "→": "->", "’": "'"}


class OutputConsole(Console):
    """rich's console for text that holds names of files: no markup, no guesses at what is a number or an emoji.

    Args:
        wrapped: whether lines are wrapped also where there is no terminal, for text that is read and not processed.
    """

    def __init__(self, *, wrapped: bool = False) -> None:
        super().__init__(markup=False, highlight=False, emoji=False)
        if not (self.is_terminal or wrapped):
            self.width = WIDE

    def on_broken_pipe(self) -> None:
        """Leave it to `pofx.cli.main`; rich would end the program."""
        raise BrokenPipeError


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """Error handler of `codecs`: the characters that the encoding lacks, in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ascii(character) for character in error.object[error.start : error.end]), error.end


def _ascii(character: str) -> str:
    if character in _SPELT_OUT:
        return _SPELT_OUT[character]
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"


@contextmanager
def printable_streams() -> Iterator[None]:
    """Within the context, what stdout and stderr cannot encode is spelt out instead of raising an error."""
    codecs.register_error("pofx.spell_out", _spell_out)
    changed = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            changed.append((stream, stream.errors))
            stream.reconfigure(errors="pofx.spell_out")
    try:
        yield
    finally:
        for stream, errors in changed:
            if not stream.closed:
                stream.reconfigure(errors=errors)


def settle_stdout() -> None:
    """Write out what stdout still holds; if that cannot be, send it to nowhere, so that the end of the program can."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        try:
            descriptor = sys.stdout.fileno()
        except (OSError, ValueError):  # not a real file
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
