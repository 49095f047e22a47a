"""Opening one image file through Pillow, safely: what cannot be opened is refused with the reason why."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile

from pofx.data.collection import SourceError, printable
from pofx.data.regular_file import open_regular

#: A file with more bytes is refused unread: no image within Pillow's limit of pixels needs as many.
MAX_FILE_BYTES = 2**30

# Only these decoders run, whatever a file's name pretends: Pillow would hand an EPS file to Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
# In a file of more bytes frames are not counted: it takes long, and one too many is enough.
_COUNT_FRAMES_BYTES = 2**20

# Without a handler of its own what Pillow logs about damaged files would go to standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class BadImage(SourceError):
    """A file that is no usable image; the message goes on from the file's name ("holds 3 frames, not one image")."""


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """The image in a PNG, JPEG, BMP, TIFF, WEBP, GIF or PPM file; its pixels are decoded when they are asked for.

    Raises:
        BadImage: if there is no such image, it is beyond Pillow's limit of pixels or has several frames. Whatever goes
            wrong while the file is open, decoding included, becomes a BadImage.
    """
    try:
        with open_regular(path) as file, _strict_pillow() as said:
            n_bytes = os.fstat(file.fileno()).st_size
            _check_file_size(n_bytes)
            # From a file and not from a path: then Pillow reads and never maps a file that may yet become shorter.
            with Image.open(file, formats=_FORMATS) as image:
                _check_frames(image, n_bytes)
                yield image
                _check_warnings(image, said)
    except BadImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise BadImage("is not an image of a kind that is read here, or its beginning is damaged") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadImage(f"is too large: {printable(error)}") from error
    except OSError as error:
        # With a number it comes from the system, without one from Pillow.
        if error.strerror:
            raise BadImage(f"cannot be opened: {error.strerror}") from error
        raise BadImage(f"cannot be read: {printable(error)}") from error
    # Of damaged files Pillow's decoders raise nearly anything: SyntaxError, ValueError, struct.error, MemoryError, ...
    except Exception as error:
        raise BadImage(f"cannot be read: {printable(error) or type(error).__name__}") from error


@contextmanager
def _strict_pillow() -> Iterator[list[warnings.WarningMessage]]:
    """Pillow without mercy: a truncated image and one beyond the size limit are errors, whatever the program chose.

    Gives the list in which Pillow's other warnings gather.
    """
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield said
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _check_file_size(n_bytes: int) -> None:
    if n_bytes == 0:
        raise BadImage("is empty")
    if n_bytes > MAX_FILE_BYTES:
        raise BadImage(f"has {n_bytes} bytes; an image has at most {MAX_FILE_BYTES}")


def _check_frames(image: Image.Image, n_bytes: int) -> None:
    # An MPO is a JPEG photograph followed by other views of the same scene; the first is the photograph.
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return
    if n_bytes > _COUNT_FRAMES_BYTES:
        raise BadImage("holds several frames, not one image")
    raise BadImage(f"holds {image.n_frames} frames, not one image")  # type: ignore[attr-defined]


def _check_warnings(image: Image.Image, said: list[warnings.WarningMessage]) -> None:
    """A warning tells of pixels that may be wrong; of a JPEG file it is about what stands beside the pixels."""
    messages = [str(warning.message) for warning in said if issubclass(warning.category, UserWarning)]
    messages = [message for message in messages if not message.startswith("Metadata Warning")]
    if messages and image.format not in ("JPEG", "MPO"):
        raise BadImage(f"is damaged: {printable(messages[0])}")
