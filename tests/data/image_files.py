"""Image files of all kinds for the tests of folders: drawn at random, or put together by hand."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)
BANDS = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def draw(path: Path, *, size: tuple[int, int] = (4, 6), mode: str = "L", **options: object) -> np.ndarray:
    """Save an image of random pixels, ``size`` being height and width, and return the pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = noise(*size, *BANDS[mode])
    Image.fromarray(pixels).save(path, **options)
    return pixels


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, *, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG file by hand; ``rows`` each with its filter byte, chunks ``before`` and ``after`` the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff(width: int, height: int, bits: int, photometric: int, pixels: bytes, order: str = "<") -> bytes:
    """A TIFF file of one uncompressed strip of one channel, in the byte order of `struct`."""
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric)]
    tags += [(277, 3, 1), (278, 3, height), (279, 3, len(pixels))]
    strip = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags.append((273, 3, strip))
    entries = b"".join(struct.pack(f"{order}HHIHxx", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags))
    return start + entries + struct.pack(f"{order}I", 0) + pixels


def orientation(value: int) -> Image.Exif:
    """EXIF data that hold nothing but an orientation."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif
