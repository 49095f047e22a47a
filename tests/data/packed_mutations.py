"""Packed files damaged at random, with and without their digests made anew."""

import copy
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pofx.data.collection import Conversion, Skipped
from pofx.data.packed import Contents, write_packed

#: The kinds of damage.
SEVERAL = ("flipped", "cut", "grown", "sizes", "rewritten", "foreign")
#: Numbers that a file may claim.
CLAIMS: tuple[Any, ...] = (
    0, 1, 2, 3, 5, 16, 17, 255, 256, 257, 10**9, 2**31, 2**32, 2**62, 2**63, 2**64, 10**30, -1, -(2**63), True, None,
    0.5, 1e300, "5", [], [5], {}, [10**9, 10**9], [5, 4, 3], [1] * 99,
)  # fmt: skip


@cache
def packed_bytes() -> bytes:
    """A small packed file with something of everything in it."""
    images = np.random.default_rng(0).integers(0, 17, (5, 4, 3), dtype=np.uint8)
    contents = Contents(
        levels=17,
        labels=np.array([0, 2, 1, 0, 2]),
        label_names=("cat", "dog", "bird"),
        names=("a.png", "b.png", "c.png", "d.png", "e.png"),
        origin="a folder",
        skipped=(Skipped("x.png", "is empty"),),
        conversions=(Conversion("made gray", 3, "a.png"),),
    )
    with tempfile.TemporaryDirectory() as folder:
        return write_packed(Path(folder) / "a.packed", [images], lambda: contents).path.read_bytes()


def rewritten(change: Callable[[dict[str, Any]], dict[str, Any] | bytes], content: bytes | None = None) -> bytes:
    """The file with its description changed, and with the digests that then belong to it."""
    content = packed_bytes() if content is None else content
    length = int.from_bytes(content[-48:-40], "little")
    says = change(json.loads(content[-48 - length : -48]))
    described = says if isinstance(says, bytes) else json.dumps(says).encode()
    images, tables = content[64:124], content[124 : -48 - length]
    tail = tables + described + len(described).to_bytes(8, "little")
    return content[:64] + images + tail + hashlib.sha256(content[:64] + tail).digest() + content[-8:]


def damaged(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """The content with one kind of damage."""
    data = bytearray(content)
    if kind == "flipped":
        for position in rng.integers(0, len(data), rng.integers(1, 9)):
            data[position] ^= 1 << int(rng.integers(8))
        return bytes(data)
    if kind == "cut":
        begin, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        return content[:begin] if rng.random() < 0.5 else content[:begin] + content[end:]
    if kind == "grown":
        position = int(rng.integers(0, len(data) + 1))
        return content[:position] + rng.bytes(int(rng.integers(1, 200))) + content[position:]
    if kind == "sizes":  # the length in the footer, the version, and whole words anywhere
        position = int(rng.choice([len(data) - 48, 8, rng.integers(0, len(data) - 8)]))
        data[position : position + 8] = int(rng.choice([0, 1, 2**16, 2**32, 2**63])).to_bytes(8, "little")
        return bytes(data)
    if kind == "rewritten":
        return _rewritten(data, rng)
    return content[: int(rng.integers(8, 70))] * bool(rng.integers(2)) + _foreign(rng)


def _rewritten(data: bytearray, rng: np.random.Generator) -> bytes:
    def change(says: dict[str, Any]) -> dict[str, Any]:
        for _ in range(int(rng.integers(0, 3))):
            claim = copy.deepcopy(CLAIMS[rng.integers(len(CLAIMS))])
            key = list(says)[rng.integers(len(says))]
            if isinstance(says[key], list) and says[key] and rng.random() < 0.7:
                says[key][rng.integers(len(says[key]))] = claim
            elif rng.random() < 0.1:
                del says[key]
            else:
                says[key] = claim
        return says

    content = rewritten(change, bytes(data))
    if rng.random() < 0.5:  # a change among labels and text
        position = int(rng.integers(124, 124 + 120))
        data = bytearray(content)
        data[position] = int(rng.integers(256))
        content = rewritten(lambda says: says, bytes(data))
    return content


def _foreign(rng: np.random.Generator) -> bytes:
    array = io.BytesIO()
    np.save(array, rng.integers(0, 256, (3, 4)))
    return [rng.bytes(int(rng.integers(0, 3000))), array.getvalue(), b"\0" * 500, b"{" * 500][rng.integers(4)]
