"""Image files and NumPy files damaged at random, the same for the same seed."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from image_files import chunk, encoded, orientation, png, tiff
from PIL import Image

SIDE = 24
#: Sizes that a header may claim: odd, at the edges of integers, and both within and beyond Pillow's limit of pixels.
SIZES = [
    0,
    1,
    2,
    SIDE - 1,
    255,
    256,
    3000,
    9000,
    20000,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**24,
    0x7FFFFFFF,
    0x80000000,
    2**32 - 1,
]


@cache
def seeds() -> dict[str, list[bytes]]:
    """Whole files of each format, in its modes and compressions."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8) * 5
    gray, rgb = Image.fromarray(smooth), Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    rgba, palette, bits = rgb.convert("RGBA"), rgb.quantize(16), gray.convert("1")
    rgba.putalpha(gray)
    deep = Image.fromarray(smooth.astype(np.uint16) * 257)
    frames = {"save_all": True, "append_images": [gray, gray]}
    text = chunk(b"tEXt", b"Comment\0" + b"x" * 50) + chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(500)))
    rows = b"".join(b"\0" + row.tobytes() for row in smooth)
    return {
        "PNG": [encoded(image, "PNG") for image in (gray, rgb, rgba, palette, bits, deep)]
        + [encoded(gray, "PNG", **frames), encoded(rgb, "PNG", exif=orientation(6))]
        + [png(SIDE, SIDE, 8, 0, rows, before=text, after=chunk(b"eXIf", orientation(8).tobytes()[6:]))],
        "JPEG": [encoded(image, "JPEG") for image in (gray, rgb, rgb.convert("CMYK"))]
        + [encoded(rgb, "JPEG", progressive=True, exif=orientation(5)), encoded(gray, "MPO", **frames)],
        "BMP": [encoded(image, "BMP") for image in (gray, rgb, rgba, palette, bits)],
        "TIFF": [encoded(image, "TIFF") for image in (gray, rgb, rgba, palette, bits, deep, gray.convert("F"))]
        + [encoded(rgb, "TIFF", compression=way) for way in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")]
        + [encoded(bits, "TIFF", compression="group4"), encoded(gray, "TIFF", **frames)]
        + [tiff(SIDE, SIDE, 8, 1, smooth.tobytes(), ">"), encoded(rgb, "TIFF", exif=orientation(6))],
        "GIF": [encoded(gray, "GIF"), encoded(palette, "GIF", transparency=1), encoded(gray, "GIF", **frames)],
        "WEBP": [encoded(rgb, "WEBP"), encoded(rgba, "WEBP", lossless=True), encoded(gray, "WEBP", **frames)]
        + [encoded(rgb, "WEBP", exif=orientation(6))],
        "PPM": [encoded(image, "PPM") for image in (gray, rgb, bits)]
        + [b"P5 24 24 65535\n" + (smooth.astype(">u2") * 257).tobytes()]
        + [b"P2 3 2 100\n 1 2 3 # so\n 4 5 100", b"P3 1 1 9\n 1 2 3", b"P1 3 2 101 011", b"Pf 2 1 -1.0\n" + bytes(8)],
    }


def mutated_images(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``n`` damaged files with a name that suits their format, the formats in turn."""
    rng = np.random.default_rng(seed)
    formats = list(seeds())
    for index in range(n):
        image_format = formats[index % len(formats)]
        files = seeds()[image_format]
        content = files[rng.integers(len(files))]
        for _ in range(rng.integers(1, 4)):
            content = _mutated(content, image_format, rng)
        if image_format == "PNG" and rng.random() < 0.7:
            content = with_right_checksums(content)
        yield f"a.{image_format.lower()}", content


def mutated_arrays(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``n`` damaged .npy and .npz files in turn."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (5, 4, 4), dtype=np.uint8), np.arange(5)
    buffers = {"a.npy": io.BytesIO(), "b.npz": io.BytesIO(), "c.npz": io.BytesIO()}
    np.save(buffers["a.npy"], images)
    np.savez(buffers["b.npz"], x=images, y=labels)
    np.savez_compressed(buffers["c.npz"], x_train=images, y_train=labels)
    names = list(buffers)
    for index in range(n):
        name = names[index % len(names)]
        content = buffers[name].getvalue()
        for _ in range(rng.integers(1, 4)):
            content = _mutated(content, name, rng)
        yield name, content


def with_right_checksums(content: bytes) -> bytes:
    """A PNG file whose chunks are as they are, damaged or not, but with the checksums that belong to them."""
    fixed, position = bytearray(content), 8
    while position + 12 <= len(fixed):
        (length,) = struct.unpack_from(">I", fixed, position)
        end = position + 8 + length
        if end + 4 > len(fixed):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(fixed[position + 4 : end]))
        position = end + 4
    return bytes(fixed)


def _mutated(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    if not content:
        return content
    way = rng.integers(8)
    where = int(rng.integers(len(content)))
    changed = bytearray(content)
    if way == 0:
        for position in rng.integers(len(content), size=rng.integers(1, 9)):
            changed[position] ^= 1 << int(rng.integers(8))
    elif way == 1:
        del changed[where:]
    elif way == 2:
        changed[where:where] = rng.bytes(int(rng.integers(1, 40)))
    elif way == 3:
        del changed[where : where + int(rng.integers(1, 40))]
    elif way == 4:  # a part of it once more, elsewhere
        part = content[where : where + int(rng.integers(1, 200))]
        other = int(rng.integers(len(content)))
        changed[other:other] = part
    elif way == 5:  # the header
        for position in rng.integers(min(64, len(content)), size=rng.integers(1, 4)):
            changed[position] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
    elif way == 6:
        _claim_sizes(changed, kind, rng)
    else:  # a number anywhere
        width, order = int(rng.choice([2, 4])), str(rng.choice(["<", ">"]))
        struct_format = order + {2: "H", 4: "I"}[width]
        if where + width <= len(changed):
            struct.pack_into(struct_format, changed, where, int(rng.choice(SIZES)) % 256**width)
    return bytes(changed)


def _claim_sizes(content: bytearray, kind: str, rng: np.random.Generator) -> None:
    """Let the header claim another height, another width or both."""
    if kind == "PPM":
        words = content.split(maxsplit=3)
        if len(words) == 4:
            words[int(rng.integers(1, 3))] = str(rng.choice(SIZES)).encode()
            content[:] = b" ".join(words)
        return
    if kind.startswith(("a.npy", "b.npz", "c.npz")):
        content[:] = content.replace(b"(5, 4, 4)", b"(%d, 4, 4)" % int(rng.choice([*SIZES, 10**15, -1])), 1)
        return
    places = {
        "PNG": ([16, 20], ">I"),
        "BMP": ([18, 22], "<i"),
        "GIF": ([6, 8, 24, 26], "<H"),
        "WEBP": ([24, 26, 27, 29], "<H"),
        "TIFF": (_places_of_tiff_sizes(content), "<H"),
        "JPEG": (_places_of_jpeg_sizes(content), ">H"),
    }[kind]
    for place in places[0]:
        if place + 4 <= len(content) and rng.random() < 0.6:
            size = int(rng.choice(SIZES))
            size = size % 2**31 if places[1] == "<i" else size % 256 ** struct.calcsize(places[1])
            struct.pack_into(places[1], content, place, size)


def _places_of_jpeg_sizes(content: bytearray) -> list[int]:
    start = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    return [start + 5, start + 7] if start >= 0 else []


def _places_of_tiff_sizes(content: bytearray) -> list[int]:
    """Where the entries for width, height, rows per strip and the lengths of the strips have their values."""
    tags = (256, 257, 278, 279, 322, 323)
    found = [content.find(struct.pack("<HH", tag, kind)) for tag in tags for kind in (3, 4)]
    return [place + 8 for place in found if place >= 0]
