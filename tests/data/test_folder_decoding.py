"""What becomes of the pixels of each kind of image file, alone in a folder."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from image_files import chunk, draw, encoded, noise, orientation, png, tiff
from PIL import Image, ImageCms

from pofx.data.collection import Collection, Conversion, SourceError
from pofx.data.folder import read_folder

OVER_WHITE = "transparency laid over white"


def read(folder: Path, name: str, content: bytes | None = None) -> Collection:
    if content is not None:
        (folder / name).write_bytes(content)
    return read_folder(folder)


def done(collection: Collection) -> list[str]:
    """What was done to the only image."""
    name = collection.names[0]
    assert all(conversion == Conversion(conversion.what, 1, name) for conversion in collection.conversions)
    return [conversion.what for conversion in collection.conversions]


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if colours.ndim == 3:
        alpha = alpha[..., None]
    return np.rint((colours * (alpha / 255.0)) + 255.0 * (1 - alpha / 255.0))


@pytest.mark.parametrize(
    "suffix", ["png", "apng", "jpg", "jpeg", "jpe", "jfif", "bmp", "tif", "tiff", "webp", "ppm", "pnm"]
)
def test_each_format_is_read(tmp_path: Path, suffix: str) -> None:
    image_format = {"apng": "PNG", "jpe": "JPEG", "jfif": "JPEG"}.get(suffix)
    options = {"lossless": True} if suffix == "webp" else {}
    exact = draw(tmp_path / f"a.{suffix}", mode="RGB", format=image_format, **options)
    collection = read_folder(tmp_path)
    assert collection.images.shape == (1, *exact.shape)
    assert collection.images.dtype == np.uint8
    assert collection.conversions == ()
    if not suffix.startswith("j"):
        assert np.array_equal(collection.images[0], exact)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_gray_and_rgb_stay_as_they_are(tmp_path: Path, mode: str) -> None:
    exact = draw(tmp_path / "a.png", mode=mode)
    assert np.array_equal(read_folder(tmp_path).images[0], exact)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "pbm"])
def test_one_bit_images_have_two_levels(tmp_path: Path, suffix: str) -> None:
    pixels = noise(4, 6) < 128
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    collection = read_folder(tmp_path)
    assert collection.images.dtype == bool
    assert np.array_equal(collection.images[0], pixels)
    assert collection.images.view(np.uint8).max() == 1


@pytest.mark.parametrize(("depth", "row", "shades"), [(2, 0b00011011, [0, 85, 170, 255]), (4, 0x3C, [51, 204])])
def test_shades_of_few_bits_are_spread(tmp_path: Path, depth: int, row: int, shades: list[int]) -> None:
    collection = read(tmp_path, "a.png", png(len(shades), 1, depth, 0, bytes([0, row])))
    assert collection.images[0, 0].tolist() == shades


# Palettes


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
def test_a_palette_stands_for_its_colours(tmp_path: Path, suffix: str) -> None:
    indices, palette = noise(4, 6) % 5, noise(5, 3)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / f"a.{suffix}")
    collection = read_folder(tmp_path)
    assert np.array_equal(collection.images[0], palette[indices])
    assert collection.conversions == ()


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
def test_a_gray_palette_stands_for_its_shades(tmp_path: Path, suffix: str) -> None:
    indices, shades = np.arange(256, dtype=np.uint8).reshape(16, 16), np.random.default_rng(1).permutation(256)
    image = Image.fromarray(indices)
    image.putpalette(np.repeat(shades.astype(np.uint8), 3).tobytes())
    image.save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_folder(tmp_path).images[0], shades[indices])


def test_a_palette_image_without_palette_is_bad(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.png has lost the palette"):
        read(tmp_path, "a.png", png(2, 1, 8, 3, b"\0\0\1"))


# Transparency


@pytest.mark.parametrize(
    ("suffix", "mode"), [("png", "LA"), ("png", "RGBA"), ("tif", "LA"), ("tif", "RGBA"), ("webp", "RGBA")]
)
def test_transparency_is_laid_over_white(tmp_path: Path, suffix: str, mode: str) -> None:
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    pixels = draw(tmp_path / f"a.{suffix}", mode=mode, size=(16, 16), **options)
    collection = read_folder(tmp_path)
    colours, alpha = (pixels[..., 0], pixels[..., 1]) if mode == "LA" else (pixels[..., :3], pixels[..., 3])
    expected = over_white(colours, alpha)
    assert collection.images[0].shape == expected.shape
    assert np.abs(collection.images[0] - expected).max() <= 1
    assert np.array_equal(collection.images[0][alpha == 255], colours[alpha == 255])
    assert (collection.images[0][alpha == 0] == 255).all()
    assert done(collection) == [OVER_WHITE]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_opaque_alpha_is_dropped(tmp_path: Path, mode: str) -> None:
    pixels = draw(tmp_path / "a.png", mode=mode)
    pixels[..., -1] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    collection = read_folder(tmp_path)
    assert np.array_equal(collection.images[0], pixels[..., :-1].squeeze())
    assert collection.conversions == ()


def test_transparency_in_a_palette(tmp_path: Path) -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60, 70, 80, 90]))
    collection = read(tmp_path, "a.png", png(3, 1, 8, 3, b"\0\0\1\2", before=palette + chunk(b"tRNS", bytes([255, 0]))))
    assert collection.images[0, 0].tolist() == [[10, 20, 30], [255, 255, 255], [70, 80, 90]]
    assert done(collection) == [OVER_WHITE]


def test_transparency_in_a_gif(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([9, 9, 9, 80, 80, 80, 200, 200, 200])
    image.save(tmp_path / "a.gif", transparency=1)
    collection = read_folder(tmp_path)
    assert collection.images[0].tolist() == [[9, 255, 200]]
    assert done(collection) == [OVER_WHITE]


@pytest.mark.parametrize(
    ("depth", "row", "shade", "expected"),
    [
        (8, [7, 8, 9, 7], 7, [255, 8, 9, 255]),
        (4, [0x37, 0x3F], 3, [255, 119, 255, 255]),
        (2, [0b00011011], 1, [0, 255, 170, 255]),
    ],
)
def test_one_transparent_shade(tmp_path: Path, depth: int, row: list[int], shade: int, expected: list[int]) -> None:
    collection = read(
        tmp_path, "a.png", png(4, 1, depth, 0, bytes([0, *row]), before=chunk(b"tRNS", struct.pack(">H", shade)))
    )
    assert collection.images[0, 0].tolist() == expected
    assert done(collection) == [OVER_WHITE]


def test_one_transparent_shade_of_one_bit_and_of_sixteen(tmp_path: Path) -> None:
    black = chunk(b"tRNS", struct.pack(">H", 0))
    bits = read(tmp_path, "a.png", png(8, 1, 1, 0, bytes([0, 0b10110010]), before=black))
    assert bits.images.dtype == bool
    assert bits.images.all()
    key = chunk(b"tRNS", struct.pack(">H", 0x1234))
    deep = read(tmp_path, "a.png", png(3, 1, 16, 0, struct.pack(">x3H", 0x1234, 0x1235, 0xFFFF), before=key))
    assert deep.images[0, 0].tolist() == [255, 18, 255]
    assert done(deep) == ["16-bit gray to 8 bits", OVER_WHITE]
    key = chunk(b"tRNS", struct.pack(">3H", 0x1234, 0, 0))
    with pytest.raises(SourceError, match="declares one colour of 16 bits transparent"):
        read(tmp_path, "a.png", png(1, 1, 16, 2, struct.pack(">x3H", 0x1234, 0, 0xFFFF), before=key))


# More than eight bits


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bit_gray_is_scaled_and_rounded(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 256 256 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    collection = read_folder(tmp_path)
    assert collection.images.dtype == np.uint8
    assert np.array_equal(collection.images[0], np.rint(values * (255 / 65535)))
    assert done(collection) == ["16-bit gray to 8 bits"]


def test_sixteen_bit_gray_in_other_byte_orders_and_widths(tmp_path: Path) -> None:
    values = np.array([[0, 257, 40000, 65535]])
    expected = [[0, 1, 156, 255]]
    little = tiff(4, 1, 16, 1, values.astype("<u2").tobytes())
    assert read(tmp_path, "a.tif", little).images[0].tolist() == expected
    inverted = tiff(4, 1, 16, 0, (65535 - values).astype("<u2").tobytes())
    assert read(tmp_path, "a.tif", inverted).images[0].tolist() == expected
    big = tiff(4, 1, 16, 1, values.astype(">u2").tobytes(), ">")
    assert read(tmp_path, "a.tif", big).images[0].tolist() == expected
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "a.tif")
    assert read_folder(tmp_path).images[0].tolist() == expected
    assert done(read_folder(tmp_path)) == ["16-bit gray to 8 bits"]


def test_sixteen_bit_colours_lose_their_lower_bits(tmp_path: Path) -> None:
    values = struct.pack(">x6H", 0x1234, 0xFF80, 0, 0x8000, 0x7FFF, 0xFFFF)
    collection = read(tmp_path, "a.png", png(2, 1, 16, 2, values))
    assert collection.images[0, 0].tolist() == [[0x12, 0xFF, 0], [0x80, 0x7F, 0xFF]]
    assert done(collection) == ["16-bit colours to 8 bits"]
    gray_and_alpha = struct.pack(">x4H", 0x1234, 0xFFFF, 0xFFFF, 0)
    collection = read(tmp_path, "a.png", png(2, 1, 16, 4, gray_and_alpha))
    assert collection.images[0].tolist() == [[0x12, 255]]
    assert done(collection) == ["16-bit gray to 8 bits", OVER_WHITE]
    (tmp_path / "a.png").unlink()
    collection = read(tmp_path, "a.ppm", b"P6 1 1 65535\n" + struct.pack(">3H", 65535, 32768, 0))
    assert collection.images[0, 0].tolist() == [[255, 128, 0]]
    assert done(collection) == ["16-bit colours to 8 bits"]


@pytest.mark.parametrize("maximum", [0, 4095])
def test_sixteen_bits_that_are_hardly_used_are_bad(tmp_path: Path, maximum: int) -> None:
    message = f"values reach only {maximum} of 65535; scale it to the full range first"
    values = np.full((2, 2), maximum, np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    with pytest.raises(SourceError, match=message):
        read_folder(tmp_path)
    Image.fromarray(values + 4096 - maximum).save(tmp_path / "a.png")
    assert read_folder(tmp_path).images.max() == 16
    with pytest.raises(SourceError, match="scale it to the full range first"):
        read(tmp_path, "a.png", png(1, 1, 16, 2, struct.pack(">x3H", maximum, 0, 0)))


def test_numbers_without_a_black_and_a_white_are_bad(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(SourceError, match=r"a\.tif holds floating-point numbers"):
        read_folder(tmp_path)
    for odd in (-1, 65536):
        Image.fromarray(np.full((2, 2), odd, np.int32)).save(tmp_path / "a.tif")
        with pytest.raises(SourceError, match=rf"a\.tif holds integers from {odd} to {odd}, beyond 16 bits"):
            read_folder(tmp_path)


# Other colours


def test_other_colour_spaces_become_rgb(tmp_path: Path) -> None:
    rgb = Image.fromarray(noise(4, 6, 3))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.applyTransform(rgb, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    for image, image_format, what in (
        (rgb.convert("CMYK"), "TIFF", "CMYK to RGB, without a colour profile"),
        (rgb.convert("YCbCr"), "TIFF", "YCbCr to RGB"),
        (lab, "TIFF", "LAB to RGB"),
    ):
        collection = read(tmp_path, "a.tif", encoded(image, image_format))
        assert np.array_equal(collection.images[0], np.asarray(image.convert("RGB")))
        assert done(collection) == [what]
    (tmp_path / "a.tif").unlink()
    gray = Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).convert("CMYK")
    collection = read(tmp_path, "a.jpg", encoded(gray, "JPEG"))
    assert np.abs(collection.images.astype(int) - 90).max() <= 2
    assert done(collection) == ["CMYK to RGB, without a colour profile"]


def test_a_mode_that_is_not_known_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "mode", property(lambda image: "HSV"))
    with pytest.raises(SourceError, match=r"a\.png has Pillow's mode 'HSV'"):
        read_folder(tmp_path)


# Orientation


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_a_photograph_is_turned_as_it_says(tmp_path: Path, value: int, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    pixels = draw(tmp_path / f"a.{suffix}", mode="RGB", exif=orientation(value), **options)
    seen = [
        pixels,
        pixels[:, ::-1],
        pixels[::-1, ::-1],
        pixels[::-1],
        pixels.transpose(1, 0, 2),
        np.rot90(pixels, -1),
        np.rot90(pixels, 2).transpose(1, 0, 2),
        np.rot90(pixels, 1),
    ][value - 1]
    collection = read_folder(tmp_path)
    assert np.array_equal(collection.images[0], seen)
    assert collection.conversions == ()


def test_a_jpeg_and_an_mpo_are_turned(tmp_path: Path) -> None:
    pixels = noise(16, 32, 3)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=orientation(6))
    with Image.open(tmp_path / "a.jpg") as lying:
        exact = np.asarray(lying)
    assert np.array_equal(read_folder(tmp_path).images[0], np.rot90(exact, -1))


@pytest.mark.parametrize(
    ("extra", "seen"),
    [
        (chunk(b"eXIf", orientation(6).tobytes()[6:]), [[5, 1], [6, 2], [7, 3], [8, 4]]),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='8'/>".replace(b"'", b'"')), None),
        (chunk(b"tEXt", b"date:create\0002020-01-01"), [[1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_an_orientation_may_stand_behind_the_pixels(
    tmp_path: Path, extra: bytes, seen: list[list[int]] | None, place: str
) -> None:
    content = png(4, 2, 8, 0, bytes([0, 1, 2, 3, 4, 0, 5, 6, 7, 8]), **{place: extra})
    assert read(tmp_path, "a.png", content).images[0].tolist() == (seen or [[4, 8], [3, 7], [2, 6], [1, 5]])


def test_the_headers_of_png_files_are_read_without_their_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pofx.data.decoding import Colours, Header, read_header

    (tmp_path / "a.png").write_bytes(png(4, 2, 8, 2, b"no pixels", after=chunk(b"tEXt", b"date:create\0002020")))
    assert read_header(tmp_path / "a.png") == Header((2, 4), Colours.RGB)
    draw(tmp_path / "b.jpg", exif=orientation(6))
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("pixels were decoded"))
    assert read_header(tmp_path / "b.jpg") == Header((6, 4), Colours.GRAY)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0"])
def test_damaged_exif_data_are_as_none(tmp_path: Path, image_format: str, exif: bytes) -> None:
    whole = encoded(Image.fromarray(noise(16, 16, 3)), image_format, exif=exif)
    assert exif.removeprefix(b"Exif\0\0") in whole
    assert read(tmp_path, f"a.{image_format.lower()}", whole).images.shape == (1, 16, 16, 3)


# Frames


def test_the_first_view_of_an_mpo_is_the_photograph(tmp_path: Path) -> None:
    views = [Image.fromarray(np.full((8, 8), shade, np.uint8)) for shade in (50, 200)]
    views[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=views[1:])
    collection = read_folder(tmp_path)
    assert np.abs(collection.images.astype(int) - 50).max() <= 1
    content = (tmp_path / "a.jpg").read_bytes()
    number_of_views = content.index(b"\x01\xb0", content.index(b"MPF\0"))
    damaged = content[:number_of_views] + b"\x09" + content[number_of_views + 1 :]
    with pytest.warns(UserWarning, match="malformed MPO"):
        Image.open(io.BytesIO(damaged))
    assert np.array_equal(read(tmp_path, "a.jpg", damaged).images, collection.images)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "TIFF", "PNG"])
def test_several_frames_are_refused(tmp_path: Path, image_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.fromarray(noise(4, 6)) for _ in range(3)]
    content = encoded(frames[0], image_format, save_all=True, append_images=frames[1:])
    name = f"a.{image_format.lower()}"
    with pytest.raises(SourceError, match=rf"{name} holds 3 frames, not one image"):
        read(tmp_path, name, content)
    monkeypatch.setattr("pofx.data.opening._COUNT_FRAMES_BYTES", 10)
    with pytest.raises(SourceError, match=rf"{name} holds several frames"):
        read_folder(tmp_path)
