"""Images of several sizes: said so, or cut at the centre and resampled."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import draw, noise, orientation
from PIL import Image

from pofx.data.collection import Conversion, SourceError
from pofx.data.folder import read_folder
from pofx.data.resampling import centre_box, check_size, resample, steps_to

SIDES = st.integers(1, 300)


@pytest.mark.parametrize("errors", ["raise", "skip"])
def test_several_sizes_are_listed_the_most_frequent_first(tmp_path: Path, errors: str) -> None:
    for number in range(3):
        draw(tmp_path / f"a{number}.png", size=(5, 5))
    draw(tmp_path / "b.png", size=(2, 9), exif=orientation(6))  # it is to be seen as 9x2
    for number in range(2):
        draw(tmp_path / f"c{number}.png", size=(4, 6))
    with pytest.raises(SourceError) as raised:
        read_folder(tmp_path, errors=errors)
    assert str(raised.value).splitlines() == [
        f"{tmp_path} holds images of 3 different sizes (height x width):",
        "  5x5: 3 images, such as a0.png",
        "  4x6: 2 images, such as c0.png",
        "  9x2: 1 image, such as b.png",
        "Choose one size that all are cut and resampled to, for example: --size 5x5, in Python size=(5, 5)",
    ]
    for side in range(10, 20):
        draw(tmp_path / f"d{side}.png", size=(side, side))
    with pytest.raises(SourceError) as raised:
        read_folder(tmp_path, errors=errors)
    lines = str(raised.value).splitlines()
    assert len(lines) == 10
    assert lines[0].endswith("13 different sizes (height x width):")
    assert lines[8] == "  and 6 more sizes of 6 images"


def test_images_are_cut_and_resampled(tmp_path: Path) -> None:
    wide, tall, right, square = (
        draw(tmp_path / f"{number}.png", size=size) for number, size in enumerate([(8, 20), (21, 8), (4, 4), (16, 16)])
    )
    collection = read_folder(tmp_path, size=(4, 4))
    expected = [wide[:, 6:14], tall[6:14], right, square]
    for image, pixels in zip(collection.images, expected, strict=True):
        assert np.array_equal(image, np.asarray(Image.fromarray(pixels).resize((4, 4), Image.Resampling.LANCZOS)))
    assert np.array_equal(collection.images[2], right)
    assert collection.conversions == (
        Conversion("cut to the shape 1:1 first", 2, "0.png"),
        Conversion("resampled to 4x4 (Lanczos)", 3, "0.png"),
    )


def test_resampling_does_not_alias(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    small = read_folder(tmp_path, size=(8, 8)).images[0]
    assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 5


def test_colours_are_resampled_each_by_itself(tmp_path: Path) -> None:
    pixels = draw(tmp_path / "a.png", size=(16, 16), mode="RGB")
    images = read_folder(tmp_path, size=(5, 5)).images
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(pixels[:, :, channel]))
        assert np.array_equal(images[0, :, :, channel], np.asarray(plane.resize((5, 5), Image.Resampling.LANCZOS)))


def test_bits_become_gray_when_they_are_resampled(tmp_path: Path) -> None:
    bits = noise(8, 8) < 128
    Image.fromarray(bits).save(tmp_path / "a.png")
    for size in ((4, 4), (8, 8)):
        collection = read_folder(tmp_path, size=size)
        assert collection.images.dtype == np.uint8
        assert collection.conversions[0] == Conversion("1-bit to gray 0 and 255", 1, "a.png")
    assert np.array_equal(collection.images[0], bits * 255)


def test_a_turned_photograph_is_cut_as_it_is_seen(tmp_path: Path) -> None:
    pixels = draw(tmp_path / "a.png", size=(4, 8), exif=orientation(6))
    assert np.array_equal(read_folder(tmp_path, size=(8, 4)).images[0], np.rot90(pixels, -1))


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_box_is_the_largest_centred_one_of_the_right_shape(h: int, w: int, th: int, tw: int) -> None:
    left, top, right, bottom = centre_box((h, w), (th, tw))
    height, width = bottom - top, right - left
    assert 0 <= left < right <= w
    assert 0 <= top < bottom <= h
    assert (height, width) == (h, w) or height == h or width == w
    assert abs((w - right) - left) <= 1
    assert abs((h - bottom) - top) <= 1
    exact_height, exact_width = min(h, w * th / tw), min(w, h * tw / th)
    assert abs(height - exact_height) <= max(0.5, 1 - exact_height)
    assert abs(width - exact_width) <= max(0.5, 1 - exact_width)


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_words_say_what_is_done(h: int, w: int, th: int, tw: int) -> None:
    pixels = np.arange(h * w, dtype=np.uint32).astype(np.uint8).reshape(h, w)
    result = np.asarray(resample(Image.fromarray(pixels), (th, tw)))
    assert result.shape == (th, tw)
    words = steps_to((h, w), (th, tw))
    divisor = math.gcd(th, tw)
    left, top, right, bottom = centre_box((h, w), (th, tw))
    is_cut, is_resampled = pixels[top:bottom, left:right].size < h * w, (bottom - top, right - left) != (th, tw)
    assert (f"cut to the shape {th // divisor}:{tw // divisor} first" in words) == is_cut
    assert (f"resampled to {th}x{tw} (Lanczos)" in words) == is_resampled
    assert len(words) == is_cut + is_resampled
    if not is_resampled:
        assert np.array_equal(result, pixels[top:bottom, left:right])


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), (4, 4, 3), 4, "32", (4.5, 4), (None, 4), ("4", "4")])
def test_odd_sizes_are_refused(tmp_path: Path, size: object) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(SourceError, match=re.escape(f"size must be (height, width) in pixels, not {size!r}")):
        read_folder(tmp_path, size=size)  # type: ignore[arg-type]


def test_sizes_of_numpy_are_sizes() -> None:
    assert check_size(np.array([4, 6])) == (4, 6)  # type: ignore[arg-type]
