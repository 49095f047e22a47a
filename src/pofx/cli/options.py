"""Options that mean the same in every command."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

#: How None is written as the value of an option that is text.
NONE = ("none", "null")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``32x48`` -> (32, 48), height and width; ``32`` -> (32, 32); None, also in words; ValueError for the rest."""
    if text is None or text.lower() in NONE:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", text)
    if match is None:
        raise ValueError("It is written 32x48 (height x width) or 32 (a square).")
    height, width = match.groups()
    return int(height), int(width or height)


def _validate_size(_: Any, text: str | None) -> None:
    parse_size(text)


#: What NumPy takes for a seed.
A_SEED = validators.Number(gte=0, lt=2**32)

ModelPath = Annotated[Path, Parameter(help="A model file that `pofx fit` wrote.")]
# Only text ever arrives. `Path` is there for the completion of file names in shells.
Source = Annotated[
    str | Path,
    Parameter(help="digits, a folder of images, a .npy or .npz file, a .packed file, or openml:NAME."),
]
Split = Annotated[
    Literal["train", "test"] | None,
    Parameter(help="Which part of a .npz file with x_train and x_test; its training images if not given."),
]
# Text until `parse_size` makes a pair of it.
Size = Annotated[
    str | None,
    Parameter(
        validator=_validate_size, help="Cut and resample every image to height x width: 32x48, or 32 for a square."
    ),
]
Levels = Annotated[
    int | None,
    Parameter(help="Number of levels of a sub-pixel, 256 for bytes; read from the images if not given."),
]
Errors = Annotated[
    Literal["raise", "skip"],
    Parameter(help="At an image file that cannot be used: stop and name it, or leave it out and report it at the end."),
]
Seed = Annotated[
    int | None,
    Parameter(
        validator=A_SEED,
        help="Seed of everything random; fresh randomness, or the model's, if not given. "
        "Which images of a source are shown is then always the same.",
    ),
]
GivenSeed = Annotated[int, Parameter(validator=A_SEED, help="Seed of everything random.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1 or mps.")]
Method = Annotated[
    Literal["auto", "naive", "cached", "jacobi"] | None,
    Parameter(
        help="How an autoregressive model draws: auto picks by the number of images. All draw the same images from the "
        "same seed, at different speed."
    ),
]
Label = Annotated[str | None, Parameter(help="The class of the images, of a model fitted with --conditional.")]
ImageCount = Annotated[
    int, Parameter(name=["--n-images", "-n"], help="How many images of the source, drawn at random.")
]
PicturePath = Annotated[Path, Parameter(name=["--output", "-o"], help="The picture to write (PNG).")]
Verbose = Annotated[bool, Parameter(help="Show the progress of what takes longer than two seconds, on stderr.")]


def check_count(option: str, count: int) -> None:
    """ValueError unless at least one is asked for."""
    if count < 1:
        raise ValueError(f"{option} must be at least 1, not {count}")


def writable(path: Path, suffix: str) -> Path:
    """The path with its suffix, its folder made; refused early, before minutes of work are lost.

    Raises:
        ValueError: the path is a folder, or has another suffix.
        OSError: nothing can be written there.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it, such as {path / ('result' + suffix)}")
    if path.suffix == "":
        path = path.with_suffix(suffix)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path} should end in {suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def page_apart(page: Path, *read: str | Path) -> Path:
    """The path of a page, if neither it nor the folder beside it meets what is read.

    Raises:
        ValueError: the page would lie in a folder of images, and its pictures be read as images the next time; or what
            is read lies in the folder beside the page, and would be written over.
    """
    folder = page.with_name(f"{page.stem}_files").resolve()
    for path in map(Path, read):
        if path.is_dir() and path.resolve() in page.resolve().parents:
            raise ValueError(f"{page} would lie among the images of {path}: name another place with --output")
        if path.exists() and folder in (path.resolve(), *path.resolve().parents):
            raise ValueError(f"{path} would be written over by the files beside {page}: name another --output")
    return page
