"""A folder of image files as one collection: looked through first, then decoded one file at a time.

The scan reads the headers of all files and settles what the images have in common; nothing that it settles depends on
pixels. So a folder larger than memory can be read image by image, and a wrong size is reported before work is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pofx.data.collection import (
    Collection,
    Conversion,
    ConversionTally,
    Errors,
    Progress,
    Skipped,
    SourceError,
    printable,
)
from pofx.data.decoding import Colours, Header, read_header, read_pixels
from pofx.data.listing import IMAGE_SUFFIXES, Entry, list_folder, listed
from pofx.data.opening import BadImage
from pofx.data.resampling import Size, check_size

#: How many sizes, and how many bad files, an error message lists.
_MOST_SIZES, _MOST_REASONS = 7, 5


@dataclass(frozen=True, slots=True)
class FolderImage:
    """One image of a folder.

    Attributes:
        name: its file relative to the folder, with "/" between folders.
        class_name: the sub-folder that it lies in, of those directly in the folder; None if it lies beside them.
        pixels: (height, width) or (height, width, 3); uint8, or bool.
    """

    name: str
    class_name: str | None
    pixels: np.ndarray


class FolderScan:
    """What the headers of a folder's files say, and the way to their pixels; made by `scan_folder`.

    Attributes:
        folder: the folder.
        shape: of every image, (height, width) or (height, width, 3).
        dtype: bool if all images are 1-bit, else uint8.
        n_files: how many files will be decoded; as many images at most.
        skipped: the files left out so far, in the order of the folder: complete when `read` is exhausted.
        conversions: what was done to the images so far: complete when `read` is exhausted.
    """

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Entry],
        faults: dict[int, str],
        colours: Colours,
        size: Size,
        resampled: bool,
        errors: Errors,
    ) -> None:
        self.folder = folder
        self.shape: tuple[int, ...] = (*size, 3) if colours == Colours.RGB else size
        self.dtype = np.dtype(bool if colours == Colours.BITS else np.uint8)
        self.n_files = len(entries) - len(faults)
        self._entries = entries
        self._faults_of_headers = faults
        self._faults = faults
        self._colours = colours
        self._size = size if resampled else None
        self._errors: Errors = errors
        self._tally = ConversionTally()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        return tuple(Skipped(self._entries[index].name, self._faults[index]) for index in sorted(self._faults))

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        return self._tally.conversions

    def read(self, progress: Progress | None = None) -> Iterator[FolderImage]:
        """Decode one file after the other, in the order of the folder; only one image is in memory at a time.

        Raises:
            SourceError: at a file that cannot be decoded, if ``errors="raise"``; at the end, if there was no image.
        """
        self._faults = dict(self._faults_of_headers)
        self._tally = ConversionTally()
        n_done = n_images = 0
        for index, entry in enumerate(self._entries):
            if index in self._faults_of_headers:
                continue
            try:
                image = self._decode(entry)
            except BadImage as error:
                if self._errors == "raise":
                    raise _bad_file(self.folder, entry, str(error)) from error
                self._faults[index] = str(error)
            else:
                n_images += 1
                yield image
                del image  # its memory is free before the next is decoded
            n_done += 1
            if progress is not None:
                progress(n_done, self.n_files)
        if n_images == 0:
            raise _no_image(self.folder, self.skipped)

    def _decode(self, entry: Entry) -> FolderImage:
        pixels, converted = read_pixels(entry.path, self._colours, self._size)
        if pixels.shape != self.shape:
            raise BadImage(f"is now {_sized(pixels.shape[:2])}: it was changed while the folder was read")
        self._tally.add(entry.name, converted)
        return FolderImage(entry.name, entry.class_name, pixels)


def scan_folder(
    folder: Path,
    *,
    size: Size | None = None,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
    errors: Errors = "raise",
) -> FolderScan:
    """Look through ``folder`` and all folders below it, reading nothing but the headers of images.

    Args:
        folder: which files count, and in which order, is said in `pofx.data.listing`.
        size: height and width that each image is to be cut and resampled to.
        shape: height, width and channels that the images must have. Gray images become R=G=B where channels is 3.
        levels: number of levels that the images must have: with more than 2, 1-bit images become gray 0 and 255.
        errors: "raise" to raise at the first file that cannot be used, "skip" to leave such files out.

    Raises:
        SourceError: at a bad file, if ``errors="raise"``; if no image is left; if the images are of different sizes and
            neither ``size`` nor ``shape`` is given.
    """
    if errors not in ("raise", "skip"):
        raise SourceError(f"errors must be 'raise' or 'skip', not {errors!r}")
    if size is not None:
        size = check_size(size)
    if shape is not None:
        _check_shape(shape, size)
    entries = list(list_folder(folder))
    if not entries:
        raise SourceError(f"{folder} holds no images; it should hold files that end in {listed(IMAGE_SUFFIXES)}")
    headers: dict[int, Header] = {}
    faults: dict[int, str] = {}
    for index, entry in enumerate(entries):
        try:
            if entry.fault is not None:
                raise BadImage(entry.fault)
            header = read_header(entry.path)
            if shape is not None:
                _check_header(header, shape, resampled=size is not None)
            headers[index] = header
        except BadImage as error:
            if errors == "raise":
                raise _bad_file(folder, entry, str(error)) from error
            faults[index] = str(error)
    if not headers:
        raise _no_image(folder, [Skipped(entries[index].name, fault) for index, fault in faults.items()])
    grayed = size is not None or (levels or 2) > 2
    colours = _common_colours(headers.values(), shape, grayed=grayed)
    if size is not None:
        return FolderScan(folder, entries, faults, colours, size, True, errors)
    sizes = Counter(header.size for header in headers.values())
    if len(sizes) > 1:
        raise _several_sizes(folder, sizes, {header.size: entries[i].name for i, header in reversed(headers.items())})
    return FolderScan(folder, entries, faults, colours, next(iter(sizes)), False, errors)


def read_folder(
    folder: Path,
    *,
    size: Size | None = None,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
    errors: Errors = "raise",
    progress: Progress | None = None,
) -> Collection:
    """All images in ``folder`` and below it, in memory; arguments and errors as of `scan_folder`.

    The first level of sub-folders are the classes, unless some image lies beside them.
    """
    scan = scan_folder(folder, size=size, shape=shape, levels=levels, errors=errors)
    try:
        images = np.empty((scan.n_files, *scan.shape), scan.dtype)
    except MemoryError as error:
        raise SourceError(
            f"{folder}: memory cannot hold {scan.n_files} images of {_sized(scan.shape[:2])}; pack them into one file "
            "first (pofx prepare)"
        ) from error
    names: list[str] = []
    class_names: list[str | None] = []
    for image in scan.read(progress):
        images[len(names)] = image.pixels
        names.append(image.name)
        class_names.append(image.class_name)
        del image
    labels, label_names = labels_of(class_names)
    return Collection(
        images[: len(names)],
        labels,
        tuple(names),
        label_names,
        str(folder),
        skipped=scan.skipped,
        conversions=scan.conversions,
    )


def labels_of(class_names: Sequence[str | None]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The number of each image's class, and the classes sorted by name; None and None if some image has no class."""
    if None in class_names:
        return None, None
    label_names, labels = np.unique(np.asarray(class_names, dtype=str), return_inverse=True)
    return labels, tuple(label_names.tolist())


def _common_colours(headers: Iterable[Header], shape: tuple[int, int, int] | None, *, grayed: bool) -> Colours:
    """The least that all images can be turned into without losing any of their colours; at least gray, if ``grayed``:
    what a filter mixes from black and white is gray, and so are the images that a model of more levels knows."""
    colours = max(header.colours for header in headers)
    if shape is not None and shape[2] == 3:
        return Colours.RGB
    return max(colours, Colours.GRAY) if grayed else colours


def _check_shape(shape: tuple[int, int, int], size: Size | None) -> None:
    height, width, channels = shape
    if channels not in (1, 3):
        raise SourceError(f"files hold gray or RGB images, but images of {channels} channels are expected")
    if size not in (None, (height, width)):
        raise SourceError(
            f"images of {_sized((height, width))} are expected: they cannot be resampled to {_sized(size)}"
        )


def _check_header(header: Header, shape: tuple[int, int, int], *, resampled: bool) -> None:
    """BadImage if the image cannot become one of ``shape``."""
    height, width, channels = shape
    if header.size != (height, width) and not resampled:
        raise BadImage(
            f"is {_sized(header.size)}, not {_sized((height, width))} (--size {height}x{width} resamples it)"
        )
    if header.colours == Colours.RGB and channels == 1:
        raise BadImage("is in colour, but gray images are expected")


def _bad_file(folder: Path, entry: Entry, fault: str) -> SourceError:
    return SourceError(f"{printable(folder / entry.name)} {fault}")


def _no_image(folder: Path, skipped: Sequence[Skipped]) -> SourceError:
    lines = [f"{folder}: none of its {len(skipped)} files is an image that can be used"]
    lines += [f"  {printable(bad.name)} {bad.reason}" for bad in skipped[:_MOST_REASONS]]
    if len(skipped) > _MOST_REASONS:
        lines.append(f"  and {len(skipped) - _MOST_REASONS} more")
    return SourceError("\n".join(lines))


def _several_sizes(folder: Path, sizes: Counter[Size], examples: dict[Size, str]) -> SourceError:
    """The error that lists the sizes, the most frequent first."""
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{folder} holds images of {len(sizes)} different sizes (height x width):"]
    for size, count in ranked[:_MOST_SIZES]:
        lines.append(
            f"  {size[0]}x{size[1]}: {count} {'image' if count == 1 else 'images'}, such as {printable(examples[size])}"
        )
    if len(ranked) > _MOST_SIZES:
        rest = sum(count for _, count in ranked[_MOST_SIZES:])
        lines.append(f"  and {len(ranked) - _MOST_SIZES} more sizes of {rest} images")
    height, width = ranked[0][0]
    lines.append(
        f"Choose one size that all are cut and resampled to, for example: --size {height}x{width}, in Python "
        f"size=({height}, {width})"
    )
    return SourceError("\n".join(lines))


def _sized(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]} pixels"
