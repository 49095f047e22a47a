"""Checkpoints: a training on disk, whole or not at all.

``checkpoint.pt`` is what ``torch.save`` writes, followed by a SHA-256 over it: ``torch.load`` reads it too, but alone
would not notice a flipped bit in the weights.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from pofx.atomic import atomic_write, remove_leftovers
from pofx.engine.history import History

FORMAT = 1
CHECKPOINT_NAME = "checkpoint.pt"
HISTORY_NAME = "history.csv"
_DIGEST_BYTES = 32
_BLOCK_BYTES = 1 << 20


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or of another training."""


class CheckpointFolder:
    """The folder a training writes its checkpoints to.

    Args:
        folder: created when missing.
        fingerprint: of the data and the model, by the caller's own rule.
        settings: what else determines the result of the training: plain numbers, strings and None by name.

    Raises:
        OSError: if the folder cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str], fingerprint: str, settings: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._identity = {"fingerprint": fingerprint, **settings}
        # What a killed process was writing when it was killed.
        for name in (CHECKPOINT_NAME, HISTORY_NAME):
            remove_leftovers(self.folder / name)

    @property
    def path(self) -> Path:
        """The checkpoint file, which need not exist."""
        return self.folder / CHECKPOINT_NAME

    def write(self, training: Mapping[str, Any], history: History) -> None:
        """Replace the checkpoint, then the history beside it, each in one step."""
        content = {"format": FORMAT, "identity": self._identity, "training": dict(training)}
        atomic_write(self.path, lambda file: _write_with_digest(file, content))
        self.write_history(history)

    def write_history(self, history: History) -> None:
        """Replace the history beside the checkpoint."""
        history.to_csv(self.folder / HISTORY_NAME)

    def read(self) -> dict[str, Any] | None:
        """What ``write`` was given, on the CPU; None if there is no checkpoint.

        Raises:
            CheckpointError: if the file is damaged, of another format or of another training.
        """
        if not self.path.exists():
            return None
        if not self.path.is_file():
            raise CheckpointError(f"{self.path} is not a file. Use another folder.")
        content = _read_with_digest(self.path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            version = content.get("format") if isinstance(content, dict) else None
            raise CheckpointError(
                f"{self.path} has checkpoint format {version!r}, this version of pofx reads {FORMAT}. "
                "Use another folder or delete the file."
            )
        if not isinstance(content.get("identity"), dict) or not isinstance(content.get("training"), dict):
            raise CheckpointError(f"{self.path} holds no training. Use another folder or delete the file.")
        self._check_identity(content["identity"])
        return cast(dict[str, Any], content["training"])

    def _check_identity(self, found: Mapping[str, Any]) -> None:
        names = dict.fromkeys([*self._identity, *found])
        named = {"fingerprint": "fingerprint of data, labels, seed and model parameters"}
        different = [
            f"{named.get(name, name)} ({found.get(name)!r} there, {self._identity.get(name)!r} here)"
            for name in names
            if found.get(name) != self._identity.get(name)
        ]
        if different:
            raise CheckpointError(
                f"{self.path} belongs to another training: {', '.join(different)} differ. "
                "Use another folder or delete the file."
            )


class _HashingWriter:
    """A file to write to that keeps the SHA-256 of what went through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        self._file.flush()


def _write_with_digest(file: BinaryIO, content: Any) -> None:
    writer = _HashingWriter(file)
    try:
        torch.save(content, cast(BinaryIO, writer))
    except Exception:
        if writer.failure is not None:  # a full disk; torch says something about positions instead
            raise writer.failure from None
        raise
    file.write(writer.hash.digest())


def _read_with_digest(path: Path) -> Any:
    advice = "It cannot be read; delete it to start again, or use another folder."
    with path.open("rb") as file:
        size = path.stat().st_size - _DIGEST_BYTES
        if size <= 0 or _digest(file, size) != file.read():
            raise CheckpointError(f"{path} is damaged: its check sum is wrong. {advice}")
        file.seek(0)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch names no common error for what it cannot read
            raise CheckpointError(f"{path} is not a checkpoint of pofx ({type(error).__name__}). {advice}") from error


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first ``size`` bytes; the file then stands behind them."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (block := file.read(min(size, _BLOCK_BYTES))):
        digest.update(block)
        size -= len(block)
    return digest.digest()
