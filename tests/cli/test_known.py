"""Parts and masks: what of an image is known."""

import numpy as np
import pytest
from PIL import Image

from pofx.cli.known import read_mask
from pofx.data.images import ImageSpec
from pofx.data.parts_of_images import known_part

SPEC = ImageSpec(height=4, width=6, channels=3, levels=256)


@pytest.mark.parametrize(
    ("part", "fraction", "rows", "columns"),
    [
        ("top", 0.5, slice(0, 2), slice(None)),
        ("bottom", 0.25, slice(3, 4), slice(None)),
        ("left", 0.5, slice(None), slice(0, 3)),
        ("right", 0.3, slice(None), slice(4, 6)),
        ("centre", 0.5, slice(1, 3), slice(1, 4)),
        # Something is known and something is not, whatever the fraction.
        ("top", 0.01, slice(0, 1), slice(None)),
        ("bottom", 0.99, slice(1, 4), slice(None)),
        ("centre", 0.99, slice(0, 3), slice(0, 5)),
    ],
)
def test_parts(part, fraction, rows, columns):
    expected = np.zeros((4, 6, 3), dtype=bool)
    expected[rows, columns] = True
    assert np.array_equal(known_part(part, fraction, SPEC), expected)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_fraction_is_a_part(fraction):
    with pytest.raises(ValueError, match="--fraction must lie between 0 and 1"):
        known_part("top", fraction, SPEC)


def test_an_image_of_one_line_has_no_part():
    with pytest.raises(ValueError, match="--known top needs images that are at least two pixels high"):
        known_part("top", 0.5, ImageSpec(1, 6, 1, 2))
    assert known_part("left", 0.5, ImageSpec(1, 6, 1, 2)).sum() == 3


MASK = np.random.default_rng(0).random((4, 6)) < 0.5
IN_COLOUR = np.repeat(MASK[..., None], 3, axis=2)


@pytest.mark.parametrize(
    "array", [MASK, MASK[..., None], IN_COLOUR, IN_COLOUR.ravel(), MASK.astype(np.uint8), MASK.astype(np.int64)]
)
def test_arrays(array, tmp_path):
    np.save(tmp_path / "m.npy", array)
    assert np.array_equal(read_mask(tmp_path / "m.npy", SPEC), IN_COLOUR)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_pictures(mode, tmp_path):
    """White is known, black is not; and what is nearly so."""
    Image.fromarray(np.where(MASK, 255, 0).astype(np.uint8)).convert(mode).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", SPEC), IN_COLOUR)
    Image.fromarray(np.where(MASK, 130, 120).astype(np.uint8)).save(tmp_path / "m.PNG")
    assert np.array_equal(read_mask(tmp_path / "m.PNG", SPEC), IN_COLOUR)


def test_a_picture_of_16_bits_is_white_from_the_middle_of_them(tmp_path):
    for bright, dark in ((65_535, 0), (32_768, 32_767)):
        Image.fromarray(np.where(MASK, bright, dark).astype(np.uint16)).save(tmp_path / "m.png")
        with Image.open(tmp_path / "m.png") as picture:
            assert picture.mode.startswith("I")
        assert np.array_equal(read_mask(tmp_path / "m.png", SPEC), IN_COLOUR)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_another_format_without_a_known_white_is_named(dtype, tmp_path):
    Image.fromarray(np.where(MASK, 1000, 0).astype(dtype)).save(tmp_path / "m.png", format="TIFF")
    with pytest.raises(ValueError, match=r"m\.png is a TIFF file of numbers without a known white"):
        read_mask(tmp_path / "m.png", SPEC)


def test_a_mask_of_one_colour_differs_from_that_of_all(tmp_path):
    mask = IN_COLOUR.copy()
    mask[..., 1] = False
    np.save(tmp_path / "m.npy", mask)
    assert np.array_equal(read_mask(tmp_path / "m.npy", SPEC), mask)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("m.npy", np.zeros((6, 4), dtype=bool), "is a mask of 6 x 4; the model knows images of 4 x 6 x 3 channels"),
        ("m.npy", np.zeros((4, 6, 2), dtype=bool), "is a mask of 4 x 6 x 2"),
        ("m.npy", np.zeros((), dtype=bool), "is a mask of no size"),
        ("m.npy", np.full((4, 6), 2), "must hold truth values"),
        ("m.npy", np.zeros((4, 6)), "must hold truth values"),
        ("m.npy", np.ones((4, 6), dtype=bool), "nothing is left to complete"),
        ("m.png", np.zeros((5, 6), dtype=np.uint8), "is a mask of 5 x 6"),
        ("m.png", np.zeros((4, 6, 4), dtype=np.uint8), "is transparent in places"),
        ("m.jpg", np.zeros((4, 6), dtype=np.uint8), "should end in .png .* or .npy"),
    ],
)
def test_what_is_no_mask(name, array, message, tmp_path):
    if name == "m.npy":
        np.save(tmp_path / name, array)
    else:
        Image.fromarray(array).save(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_mask(tmp_path / name, SPEC)


@pytest.mark.parametrize("name", ["m.png", "m.npy"])
@pytest.mark.parametrize("content", [b"", b"no such file", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00"])
def test_damaged_files_are_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is no .* that can be read"):
        read_mask(tmp_path / name, SPEC)


def test_half_a_picture_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, size=(4, 6), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "m.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(ValueError, match="is no picture that can be read"):
        read_mask(tmp_path / "m.png", SPEC)


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[None] * 6] * 4), allow_pickle=True)
    with pytest.raises(ValueError, match="that can be read"):
        read_mask(tmp_path / "m.npy", SPEC)


def test_a_file_that_is_not_there(tmp_path):
    for name in ("m.png", "m.npy"):
        with pytest.raises(FileNotFoundError):
            read_mask(tmp_path / name, SPEC)
