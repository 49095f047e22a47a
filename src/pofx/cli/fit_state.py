"""The state of a training, kept beside the model file as long as the training lasts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def state_folder(output: Path, given: Path | None) -> Path:
    """Where the state of the fit that writes ``output`` is kept: ``given``, or ``OUTPUT.checkpoint``."""
    return given if given is not None else output.with_name(f"{output.name}.checkpoint")


def check_state(folder: Path, *, resume: bool) -> None:
    """Refuse to begin over an unfinished fit, and to go on without being told to.

    Raises:
        ValueError: there is an unfinished fit and ``resume`` is False, or something else lies there.
    """
    from pofx.engine.checkpoint import CHECKPOINT_NAME

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is in the way of the folder for the state of the training: name another with -o")
    unfinished = (folder / CHECKPOINT_NAME).exists()
    if unfinished and not resume:
        raise ValueError(
            f"an unfinished fit lies in {folder}: go on with it (--resume), or remove it to begin anew "
            f"(rm -r {shlex.quote(str(folder))})"
        )
    if resume and not unfinished:
        print(f"pofx: there is no unfinished fit in {folder}: beginning anew", file=sys.stderr)


def remove_state(folder: Path, parts: Iterable[str] = ()) -> None:
    """Remove the state of a fit whose model was saved, and the folder if nothing else is in it.

    Args:
        parts: folders within it that hold state, too.
    """
    from pofx.engine.checkpoint import CHECKPOINT_NAME, HISTORY_NAME

    # The folder itself last: as long as its checkpoint is there the parts belong to something.
    for place in (*(folder / part for part in parts), folder):
        for name in (CHECKPOINT_NAME, HISTORY_NAME):
            (place / name).unlink(missing_ok=True)
        with suppress(OSError):
            place.rmdir()
