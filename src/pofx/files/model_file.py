"""A fitted model in one file, ``NAME.pofx``: safetensors with a JSON header and a checksum over every byte.

::

    8 bytes   length of the header, little-endian
    header    {"__metadata__": {"sha256": "<64 hex digits>", "pofx": "<JSON text>"}, "<tensor>": {...}, ...}
    data      the tensors, one after the other

The digest is taken over the WHOLE file with its own 64 characters replaced by zeros, so a single flipped bit anywhere
is seen. It guards against damage, not against malice: whoever writes a file can write its digest too. Malice is met by
reading nothing that could be executed, by checking each claim of the header before memory is spent on it (reading takes
at most about twice the file's size, and what JSON of at most 16 MiB unfolds to), and by building networks on the meta
device under a guard.

This file knows no estimator: what the header's entries mean is for the caller to say.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import safetensors
import safetensors.torch
import torch
from torch import nn

from pofx.atomic import atomic_write
from pofx.files.building import Shapes, build_module
from pofx.files.errors import RENEW, ModelFileError

__all__ = [
    "FORMAT_VERSION", "JSON", "ModelFile", "ModelFileError", "ModelHeader",
    "build_module", "load_module", "read", "read_header", "write",
]  # fmt: skip

FORMAT_VERSION = 1

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_HEADER_TYPES = {"class_name": str, "parameters": dict, "state": dict, "provenance": dict, "format_version": int}
_BEFORE_DIGEST = b'{"__metadata__":{"sha256":"'
_AFTER_DIGEST = b'","pofx":"'
_DIGEST_AT = 8 + len(_BEFORE_DIGEST)
_DIGEST_END = _DIGEST_AT + 64
_NO_DIGEST = b"0" * 64
_MAX_HEADER = 16 * 2**20
_BLOCK = 2**20


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says besides its tensors.

    Attributes:
        class_name: the registered name of the estimator's class; a name to look up, never a path to import.
        parameters: the constructor's arguments.
        state: what was learned, besides tensors.
        provenance: where the model comes from (versions, seed, data).
        format_version: the version of the file's format.

    The values are JSON in Python's dialect, where NaN and the infinities are numbers; tuples come back as lists.
    """

    class_name: str
    parameters: dict[str, JSON]
    state: dict[str, JSON]
    provenance: dict[str, JSON]
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class ModelFile:
    """A model file whose checksum was right: its header, and the shape and dtype of each of its tensors."""

    path: Path
    header: ModelHeader
    shapes: Shapes
    sha256: str

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by name, on the CPU, in memory of their own.

        Raises:
            ModelFileError: if the file is no longer the one whose header was read.
            OSError: if the file can no longer be read.
        """
        data = self.path.read_bytes()
        # Checked again on the very bytes that are parsed: the file may have been replaced since its header was read.
        if _digest(io.BytesIO(data)) != self.sha256:
            raise ModelFileError(f"{self.path} changed while it was being read: load it again.")
        try:
            return safetensors.torch.load(data)
        except Exception as error:
            raise ModelFileError(f"{self.path}: its tensors cannot be read ({error}). {RENEW}") from error


def write(path: str | os.PathLike[str], header: ModelHeader, tensors: Mapping[str, torch.Tensor]) -> Path:
    """Write a model file, replacing ``path`` in one step; the same contents always give the same bytes.

    Raises:
        TypeError: if the header holds something that is not JSON.
        ValueError: if a tensor has a dtype that the format lacks, or the header is longer than 16 MiB.
        OSError: if the folder does not exist or cannot be written.
    """
    if {name: type(value) for name, value in vars(header).items()} != _HEADER_TYPES:
        raise TypeError(f"the parts of a header must be of the types {_HEADER_TYPES}")
    _check_keys(vars(header))
    text = json.dumps(vars(header), separators=(",", ":"))
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES.values() or name == "__metadata__":
            raise ValueError(f"a model file cannot hold the tensor {name!r} of dtype {tensor.dtype}")
    # Every tensor is copied: safetensors refuses tensors that share memory (tied weights) or are not contiguous.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    content = memoryview(safetensors.torch.save(copies))
    data_at = 8 + int.from_bytes(content[:8], "little")
    # The library writes metadata in random order. Ours has a fixed one, so the digest has a fixed place.
    entries = {"__metadata__": {"sha256": _NO_DIGEST.decode(), "pofx": text}, **json.loads(bytes(content[8:data_at]))}
    head = json.dumps(entries, separators=(",", ":")).encode("ascii")
    head += b" " * (-len(head) % 8)
    if len(head) > _MAX_HEADER:
        raise ValueError(
            f"the header of a model file may be 16 MiB long, not {len(head)} bytes: keep arrays as tensors"
        )
    start = len(head).to_bytes(8, "little") + head
    sha256 = hashlib.sha256(start)
    sha256.update(content[data_at:])

    def write_parts(file: BinaryIO) -> None:
        file.write(start[:_DIGEST_AT] + sha256.hexdigest().encode("ascii") + start[_DIGEST_END:])
        file.write(content[data_at:])

    return atomic_write(path, write_parts)


def read_header(path: str | os.PathLike[str]) -> ModelHeader:
    """The header of a model file, after its checksum was found right.

    Raises:
        ModelFileError: if the file is not a model, is damaged or truncated, or comes from a newer pofx.
        OSError: if there is no such file (FileNotFoundError) or it cannot be read.
    """
    return read(path).header


def read(path: str | os.PathLike[str]) -> ModelFile:
    """The header and the tensors' shapes of a model file, after its checksum was found right; no tensor is loaded yet.

    Raises:
        ModelFileError: if the file is not a model, is damaged or truncated, or comes from a newer pofx.
        OSError: if there is no such file (FileNotFoundError) or it cannot be read.
    """
    path = Path(path)
    sha256 = _verify(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:  # maps the file: nothing is allocated
            metadata = file.metadata()
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            claims = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
        header = json.loads(metadata["pofx"])
    # RecursionError: nested too deep. ValueError: not JSON. SafetensorError: offsets that overlap or lead outside.
    except (safetensors.SafetensorError, RecursionError, ValueError, TypeError, KeyError) as error:
        raise ModelFileError(f"{path} has a header that cannot be understood ({error}). {RENEW}") from error
    unknown = sorted({dtype for _, dtype in claims.values()} - _DTYPES.keys())
    if unknown:
        raise ModelFileError(f"{path} holds tensors of an unknown dtype, {unknown[0]}. {RENEW}")
    shapes = {name: (shape, _DTYPES[dtype]) for name, (shape, dtype) in claims.items()}
    return ModelFile(path, _check_header(path, header), shapes, sha256)


def load_module(make: Callable[[], nn.Module], model_file: ModelFile, prefix: str = "module.") -> nn.Module:
    """The network of ``make`` with the file's tensors under ``prefix``; on the CPU, in the mode ``make`` leaves it in.

    Parameters that ``make`` ties are tied in the result.

    Raises:
        ModelFileError: if the network cannot be built, does not fit the file, or the file has changed.
        OSError: if the file can no longer be read.
    """
    shapes = {name.removeprefix(prefix): s for name, s in model_file.shapes.items() if name.startswith(prefix)}
    module = build_module(make, shapes, model_file.path)
    first: dict[int, str] = {}
    ties = []
    for name, value in chain(
        module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
    ):
        if first.setdefault(id(value), name) != name:
            ties.append((name, first[id(value)]))
    tensors = {n.removeprefix(prefix): t for n, t in model_file.tensors().items() if n.startswith(prefix)}
    try:
        module.load_state_dict(tensors, assign=True)
    except Exception as error:
        raise ModelFileError(f"{model_file.path}: its tensors do not fit the network ({error}). {RENEW}") from error
    for name, source in ties:  # assign=True gives each name a tensor of its own
        setattr(*_attribute(module, name), getattr(*_attribute(module, source)))
    return module


def _verify(path: Path) -> str:
    """The digest of a file that begins like a model file and whose digest is right."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe or a device could be read for ever
        raise ModelFileError(f"{path} is not a file but a folder or a device: name the model file itself.")
    with path.open("rb") as file:
        start = file.read(_DIGEST_END + len(_AFTER_DIGEST))
        if start[8:_DIGEST_AT] != _BEFORE_DIGEST or start[_DIGEST_END:] != _AFTER_DIGEST:
            raise ModelFileError(f"{path} is not a pofx model file: name one that was written by a model's save.")
        length = int.from_bytes(start[:8], "little")
        if length > min(_MAX_HEADER, status.st_size - 8):
            raise ModelFileError(f"{path} is truncated or damaged: its header does not fit into it. {RENEW}")
        file.seek(0)
        sha256 = _digest(file)
    if start[_DIGEST_AT:_DIGEST_END] != sha256.encode("ascii"):
        raise ModelFileError(f"{path} is damaged or truncated: its checksum does not match. {RENEW}")
    return sha256


def _digest(file: BinaryIO) -> str:
    sha256 = hashlib.sha256(file.read(_DIGEST_AT) + _NO_DIGEST)
    file.seek(_DIGEST_END)
    while block := file.read(_BLOCK):
        sha256.update(block)
    return sha256.hexdigest()


def _check_header(path: Path, header: Any) -> ModelHeader:
    version = header.get("format_version") if isinstance(header, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        raise ModelFileError(f"{path} was written by a newer pofx (file format {version}): update pofx to read it.")
    if version != FORMAT_VERSION or {name: type(value) for name, value in header.items()} != _HEADER_TYPES:
        raise ModelFileError(f"{path} has unknown contents: its header is not that of a pofx model. {RENEW}")
    return ModelHeader(**header)


def _check_keys(value: object) -> None:
    """Refuse what ``json.dumps`` would quietly turn into text: the keys 1 and "1" are not the same."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the keys of a header must be text, not {key!r}")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_keys(part)


def _attribute(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    parent, _, attribute = name.rpartition(".")
    return module.get_submodule(parent), attribute
