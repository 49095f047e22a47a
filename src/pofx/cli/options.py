"""Options that mean the same in every command."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

ModelPath = Annotated[Path, Parameter(help="A model file that `pofx fit` wrote.")]
Source = Annotated[str, Parameter(help="digits, a folder of images, or a .npy or .npz file.")]
Split = Annotated[
    Literal["train", "test"] | None,
    Parameter(help="Which part of a .npz file with x_train and x_test; its training images if not given."),
]
Seed = Annotated[
    int | None, Parameter(help="Seed of everything random; fresh randomness, or the model's, if not given.")
]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1 or mps.")]
PicturePath = Annotated[Path, Parameter(name=["--output", "-o"], help="The picture to write (PNG).")]


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
