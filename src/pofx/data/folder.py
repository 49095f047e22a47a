"""A folder of image files, read whole or refused: every image is of one size and mode, and none is skipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pbm", ".pgm", ".ppm"])
# Only these decoders run, whatever a file's name pretends: Pillow would hand an EPS file to Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
_IGNORED_SUFFIXES = frozenset([".txt", ".csv", ".json", ".md"])
_MODES = {"1": "1-bit", "L": "8-bit gray", "RGB": "8-bit RGB"}
_PREPARE = "Bring all images to one size and to 8-bit gray or RGB first, or take the file out of the folder."


class SourceError(ValueError):
    """A source that does not exist, cannot be read, or does not hold images that belong together."""


@dataclass(frozen=True)
class Folder:
    """The images of a folder.

    Attributes:
        images: (n, height, width) or (n, height, width, 3); uint8, or bool for 1-bit images.
        names: each image's file relative to the folder, with "/" between folders.
        labels: the number of each image's class, if every image lies in a sub-folder; else None.
        label_names: the sub-folders by name; the label k stands for the k-th.
    """

    images: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray | None
    label_names: tuple[str, ...] | None


def read_folder(folder: Path) -> Folder:
    """All images in ``folder`` and below it, sorted by path.

    The first level of sub-folders are the classes, unless some image lies beside them. Hidden files, ``Thumbs.db`` and
    ``.txt``, ``.csv``, ``.json`` and ``.md`` files are passed over. A photograph is turned as its EXIF orientation
    says.

    Raises:
        SourceError: if there is no image, a file that is no image, an image that cannot be read completely, has several
            frames or more pixels than Pillow's limit, or one whose size or mode is not that of the first.
    """
    paths = list(_image_files(folder, ()))
    if not paths:
        raise SourceError(f"{folder} holds no images; it should hold files that end in {_listed(IMAGE_SUFFIXES)}")
    first, mode = _read(paths[0])
    try:
        images = np.empty((len(paths), *first.shape), first.dtype)
    except MemoryError as error:
        raise SourceError(f"{folder}: memory cannot hold {len(paths)} images of {_size(first)}") from error
    for image, path in zip(images, paths, strict=True):
        pixels, mode_here = _read(path)
        if (pixels.shape, mode_here) != (first.shape, mode):
            raise SourceError(
                f"{path} is {_MODES[mode_here]} of {_size(pixels)}, but the first image, {paths[0]}, is "
                f"{_MODES[mode]} of {_size(first)}. {_PREPARE}"
            )
        image[...] = pixels
    parts = [path.relative_to(folder).parts for path in paths]
    names = tuple("/".join(part) for part in parts)
    if any(len(part) == 1 for part in parts):
        return Folder(images, names, None, None)
    label_names, labels = np.unique([part[0] for part in parts], return_inverse=True)
    return Folder(images, names, labels, tuple(label_names.tolist()))


def _image_files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        raise SourceError(f"{folder} is a link to a folder that it lies in: remove the link")
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error}") from error
    for entry in entries:
        suffix = entry.suffix.lower()
        if entry.name.startswith(".") or entry.name.lower() == "thumbs.db":
            continue
        if entry.is_dir():
            yield from _image_files(entry, (*above, real))
        elif suffix in _IGNORED_SUFFIXES:
            continue
        elif suffix not in IMAGE_SUFFIXES:
            raise SourceError(f"{entry} is not an image: take it out; images end in {_listed(IMAGE_SUFFIXES)}")
        elif not entry.is_file():
            raise SourceError(f"{entry} is not a file that can be read (a broken link or a device)")
        else:
            yield entry


def _read(path: Path) -> tuple[np.ndarray, str]:
    """The pixels of one image file and its Pillow mode."""
    try:
        with _strict_pillow(), Image.open(path, formats=_FORMATS) as image:
            # An MPO is a JPEG photograph followed by other views of the same scene; the first is the photograph.
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise SourceError(f"{path} holds {image.n_frames} frames, not one image. {_PREPARE}")  # type: ignore[attr-defined]
            mode = image.mode
            if mode not in _MODES:
                raise SourceError(f"{path} has Pillow's mode {mode!r}, not 8-bit gray or RGB. {_PREPARE}")
            return np.asarray(ImageOps.exif_transpose(image)), mode
    except SourceError:
        raise
    # Damaged files make Pillow's decoders raise nearly anything: OSError, SyntaxError, ValueError, struct.error, ...
    except Exception as error:
        raise SourceError(f"{path} cannot be read: {error or type(error).__name__}") from error


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Pillow without mercy: a truncated image and one beyond the size limit are errors, whatever the program chose."""
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]} pixels"


def _listed(suffixes: frozenset[str]) -> str:
    return " ".join(sorted(suffixes))
