"""What stands behind the images in a packed file (`pofx.data.packed`): labels, names and tables, to bytes and back.

::

    labels    n times 8 bytes, integers (little-endian), if the images have labels
    text      UTF-8, each entry ended by a zero byte: the origin, the names of the classes, the names of the images, the
              files that were left out with their reasons, and what was converted with an example
    JSON      the shape, levels and digest of the images, and the counts that say which of the bytes before are which

Names are text of their own, and not in the JSON, so that a million of them are read quickly and the JSON stays small.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pofx.data.collection import Conversion, Skipped, SourceError

#: Longest JSON that is read or written.
MAX_JSON = 64 * 2**10
#: Levels that a byte can hold.
MAX_LEVELS = 256


class UnreadableError(Exception):
    """What is wrong inside a file, in words that go on from "is damaged or truncated: "."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a packed file says of its images; the words are those of `pofx.data.collection.Collection`.

    Attributes:
        levels: number of levels, 2..256: a model of the collection is over 0..levels-1.
        labels: int64, shape (n,), or None.
        label_names: the class that each label 0, 1, ... stands for, or None.
        names: the file of each image, or None.
        origin: where the images come from, for people to read.
        skipped: files that were left out.
        conversions: what was done to some images so that they belong together.
    """

    levels: int
    labels: NDArray[np.int64] | None = None
    label_names: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    origin: str = "an unknown origin"
    skipped: tuple[Skipped, ...] = ()
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True)
class Description:
    """The JSON of a packed file.

    Attributes:
        shape: (n, H, W), (n, H, W, C) or (n, d).
        levels: number of levels, 2..256.
        fingerprint: SHA-256 of the image bytes.
        has_labels: whether there is a label for each image.
        n_classes: how many names of classes there are; None if labels are no classes with names.
        has_names: whether there is a name for each image.
        n_skipped: how many files were left out.
        converted: how many images each conversion was done to.
        text_bytes: length of the text.
    """

    shape: tuple[int, ...]
    levels: int
    fingerprint: str
    has_labels: bool
    n_classes: int | None
    has_names: bool
    n_skipped: int
    converted: tuple[int, ...]
    text_bytes: int

    @property
    def image_bytes(self) -> int:
        return math.prod(self.shape)

    @property
    def label_bytes(self) -> int:
        return 8 * self.shape[0] if self.has_labels else 0

    @property
    def n_entries(self) -> int:
        """How many entries the text has."""
        n_names = self.shape[0] if self.has_names else 0
        return 1 + (self.n_classes or 0) + n_names + 2 * self.n_skipped + 2 * len(self.converted)

    def to_json(self) -> bytes:
        text = json.dumps(asdict(self), separators=(",", ":")).encode("ascii")
        if len(text) > MAX_JSON:
            raise SourceError(f"{len(self.converted)} kinds of conversions are too many to be packed")
        return text

    @classmethod
    def from_json(cls, text: bytes) -> Description:
        """What `to_json` wrote; UnreadableError for anything else. No number is larger than Python's integers."""
        try:
            says = json.loads(text)
        except (ValueError, RecursionError) as error:  # no JSON; nested too deep
            raise UnreadableError("its description is no JSON") from error
        require(isinstance(says, dict) and says.keys() == {field.name for field in fields(cls)}, "unknown entries")
        shape, converted, n_classes = says["shape"], says["converted"], says["n_classes"]
        require(type(shape) is list and 2 <= len(shape) <= 4, "its images have an impossible shape")
        require(all(type(size) is int and size > 0 for size in shape), "it has no images")
        require(type(says["levels"]) is int and 2 <= says["levels"] <= MAX_LEVELS, "its images have impossible levels")
        require(type(says["fingerprint"]) is str, "its images have no digest")
        require(
            type(says["has_labels"]) is bool and type(says["has_names"]) is bool, "its description is contradictory"
        )
        require(type(converted) is list, "its table of conversions is none")
        counts = [says["n_skipped"], says["text_bytes"], *converted, 0 if n_classes is None else n_classes]
        require(all(type(count) is int and count >= 0 for count in counts), "it counts what cannot be counted")
        require(n_classes is None or says["has_labels"], "it names classes, but has no labels")
        return cls(**says | {"shape": tuple(shape), "converted": tuple(converted)})


def encode(contents: Contents, shape: tuple[int, ...], fingerprint: str) -> tuple[bytes, bytes]:
    """Labels and text, and the JSON, of images of this shape; SourceError if the contents do not fit them."""
    n, labels, label_names, names = shape[0], contents.labels, contents.label_names, contents.names
    if not 2 <= contents.levels <= MAX_LEVELS:
        raise SourceError(f"a packed file holds images of 2 to {MAX_LEVELS} levels, not of {contents.levels}")
    if labels is not None and (labels.shape != (n,) or labels.dtype != np.int64):
        raise SourceError(f"{n} images cannot have labels of type {labels.dtype} and shape {labels.shape}")
    if label_names is not None and not (labels is not None and _within(labels, len(label_names))):
        raise SourceError(f"the labels are not those of {len(label_names)} classes")
    if names is not None and len(names) != n:
        raise SourceError(f"{n} images cannot have {len(names)} names")
    entries = [contents.origin, *(label_names or ()), *(names or ())]
    entries += [text for skipped in contents.skipped for text in (skipped.name, skipped.reason)]
    entries += [text for conversion in contents.conversions for text in (conversion.what, conversion.example)]
    for entry in entries:
        if "\0" in entry:
            raise SourceError(f"a text with a zero byte in it cannot be packed: {entry!r}")
    # Surrogates are how Python spells the bytes of a file name that is no UTF-8.
    text = "".join(f"{entry}\0" for entry in entries).encode("utf-8", "surrogatepass")
    description = Description(
        shape=shape,
        levels=contents.levels,
        fingerprint=fingerprint,
        has_labels=labels is not None,
        n_classes=None if label_names is None else len(label_names),
        has_names=names is not None,
        n_skipped=len(contents.skipped),
        converted=tuple(conversion.n_images for conversion in contents.conversions),
        text_bytes=len(text),
    )
    return (b"" if labels is None else labels.astype("<i8").tobytes()) + text, description.to_json()


def decode(description: Description, labels: bytes, text: bytes) -> Contents:
    """What `encode` was given; UnreadableError if the parts contradict each other."""
    require(text.count(b"\0") == description.n_entries and text.endswith(b"\0"), "its tables are incomplete")
    try:
        entries = iter(text.decode("utf-8", "surrogatepass").split("\0"))
    except UnicodeDecodeError as error:
        raise UnreadableError("its text is no UTF-8") from error

    def take(count: int) -> tuple[str, ...]:
        return tuple(next(entries) for _ in range(count))

    codes = np.frombuffer(labels, "<i8").astype(np.int64) if description.has_labels else None
    n_classes = description.n_classes
    if codes is not None and n_classes is not None:
        require(_within(codes, n_classes), "its labels are not those of its classes")
    (origin,) = take(1)
    return Contents(
        levels=description.levels,
        labels=codes,
        label_names=None if n_classes is None else take(n_classes),
        names=take(description.shape[0]) if description.has_names else None,
        origin=origin,
        skipped=tuple(Skipped(*take(2)) for _ in range(description.n_skipped)),
        conversions=tuple(
            Conversion(what, n_images, example) for n_images in description.converted for what, example in [take(2)]
        ),
    )


def require(holds: object, what: str) -> None:
    """UnreadableError with these words unless ``holds``."""
    if not holds:
        raise UnreadableError(what)


def _within(labels: NDArray[np.int64], n_classes: int) -> bool:
    return bool(labels.min() >= 0 and labels.max() < n_classes)
