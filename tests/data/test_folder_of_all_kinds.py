"""A folder as a stranger may leave it: a thousand good images, and one file of each odd and each bad kind."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, noise, orientation, png
from PIL import Image

from pofx.data.collection import Collection, Conversion, SourceError
from pofx.data.sources import load_source

N_GOOD = 1000
SIDE = 8


def _gray() -> Image.Image:
    return Image.fromarray(noise(SIDE, SIDE))


def _animated(image_format: str) -> bytes:
    return encoded(_gray(), image_format, save_all=True, append_images=[_gray(), _gray()])


WHOLE = encoded(_gray(), "PNG")
PALETTE = Image.fromarray(noise(SIDE, SIDE, 3)).quantize(8)

#: Good files that are not plain gray or RGB, and what is done to each besides "gray to R=G=B".
ODD = {
    "odd/bit.png": (encoded(Image.fromarray(noise(SIDE, SIDE) < 128), "PNG"), ["1-bit to gray 0 and 255"]),
    "odd/cmyk.jpg": (
        encoded(Image.fromarray(noise(SIDE, SIDE, 3)).convert("CMYK"), "JPEG"),
        ["CMYK to RGB, without a colour profile"],
    ),
    "odd/colour.png": (encoded(Image.fromarray(noise(SIDE, SIDE, 3)), "PNG"), []),
    "odd/deep.png": (
        encoded(Image.fromarray(noise(SIDE, SIDE).astype(np.uint16) * 257 + 4096 % 257), "PNG"),
        ["16-bit gray to 8 bits"],
    ),
    "odd/name with spaces, ü and ☃.png": (WHOLE, []),
    "odd/opaque.png": (encoded(_gray().convert("RGBA"), "PNG"), []),
    "odd/palette.gif": (encoded(PALETTE, "GIF"), []),
    "odd/transparent.png": (encoded(Image.fromarray(noise(SIDE, SIDE, 4)), "PNG"), ["transparency laid over white"]),
    "odd/turned.jpg": (encoded(_gray(), "JPEG", exif=orientation(6)), []),
    "odd/views.mpo": (encoded(_gray(), "MPO", save_all=True, append_images=[_gray()]), []),
    "odd/wrong_suffix.jpg": (WHOLE, []),  # a PNG: the content decides
}

#: Bad files, in the order of the folder, and how the reason begins.
BAD = {
    "bad/animated.gif": (_animated("GIF"), "holds 3 frames, not one image"),
    "bad/animated.png": (_animated("PNG"), "holds 3 frames, not one image"),
    "bad/animated.webp": (_animated("WEBP"), "holds 3 frames, not one image"),
    "bad/bomb.png": (png(60000, 60000, 8, 0, b""), "is too large: Image size (3600000000 pixels)"),
    "bad/cut.jpg": (encoded(Image.fromarray(noise(SIDE, SIDE, 3)), "JPEG")[:-30], "cannot be read: "),
    "bad/cut.png": (WHOLE[:-30], "cannot be read: image file is truncated"),
    "bad/dark.png": (encoded(Image.fromarray(noise(SIDE, SIDE).astype(np.uint16)), "PNG"), "would be almost black"),
    "bad/empty.png": (b"", "is empty"),
    "bad/film.mp4": (b"film", "is not an image by its name"),
    "bad/float.tif": (
        encoded(Image.fromarray(noise(SIDE, SIDE).astype(np.float32)), "TIFF"),
        "holds floating-point numbers",
    ),
    "bad/gone.png": (None, "is a link that leads nowhere"),
    "bad/pages.tif": (_animated("TIFF"), "holds 3 frames, not one image"),
    "bad/pipe.png": (None, "is not a regular file"),
    "bad/postscript.png": (encoded(_gray(), "EPS"), "is not an image of a kind that is read here"),
    "bad/round": (None, "leads to a folder that is read already: bad"),
    "bad/text.png": (b"a letter", "is not an image of a kind that is read here"),
    "bad/zeros.png": (bytes(1000), "is not an image of a kind that is read here"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    for part in ("bad", "good", "odd"):
        (folder / part).mkdir()
    for number in range(N_GOOD):
        shade = number % 250
        Image.new("L", (SIDE, SIDE), shade).save(folder / "good" / f"{number:04}.png")
    for name, (content, _) in (ODD | BAD).items():
        if content is not None:
            (folder / name).write_bytes(content)
    (folder / "bad" / "gone.png").symlink_to("nowhere.png")
    (folder / "bad" / "round").symlink_to(folder / "bad")
    os.mkfifo(folder / "bad" / "pipe.png")
    (folder / "notes.txt").write_text("passed over")
    (folder / ".hidden").write_text("passed over")
    return folder


@pytest.fixture(scope="module")
def collection(folder: Path) -> Collection:
    return load_source(folder, errors="skip")


def test_by_default_the_first_bad_file_is_named_with_what_is_wrong(folder: Path) -> None:
    with pytest.raises(SourceError, match=re.escape(f"{folder}/bad/animated.gif holds 3 frames, not one image")):
        load_source(folder)


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_is_named_where_it_is_the_only_one(name: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "good.png").symlink_to(folder / "good" / "0007.png")
    (tmp_path / "bad").mkdir()
    alone = tmp_path / name
    if name == "bad/round":
        alone.symlink_to(tmp_path / "bad")
    else:
        alone.symlink_to(folder / name)
    with pytest.raises(SourceError) as raised:
        load_source(tmp_path)
    assert str(raised.value).startswith(f"{alone} {BAD[name][1]}")
    assert load_source(tmp_path, errors="skip").names == ("good.png",)


def test_exactly_the_bad_files_are_skipped_in_order_with_reasons(collection: Collection) -> None:
    assert [bad.name for bad in collection.skipped] == list(BAD)
    for bad, (_, reason) in zip(collection.skipped, BAD.values(), strict=True):
        assert bad.reason.startswith(reason)
        assert "\n" not in bad.reason


def test_all_others_are_there(collection: Collection) -> None:
    assert collection.names == tuple(f"good/{number:04}.png" for number in range(N_GOOD)) + tuple(ODD)
    assert collection.images.shape == (N_GOOD + len(ODD), SIDE, SIDE, 3)
    assert collection.images.dtype == np.uint8
    assert (collection.images[:N_GOOD] == (np.arange(N_GOOD) % 250)[:, None, None, None]).all()
    assert collection.label_names == ("good", "odd")
    assert collection.labels.tolist() == [0] * N_GOOD + [1] * len(ODD)


def test_what_was_converted_is_told(collection: Collection) -> None:
    expected: dict[str, list[str]] = {}
    for name, (_, conversions) in ODD.items():
        for what in conversions:
            expected.setdefault(what, []).append(name)
    told = {conversion.what: conversion for conversion in collection.conversions}
    assert told.pop("gray to R=G=B") == Conversion("gray to R=G=B", N_GOOD + 6, "good/0000.png")
    assert told == {what: Conversion(what, len(names), names[0]) for what, names in expected.items()}


def test_progress_goes_to_the_end(folder: Path) -> None:
    heard: list[tuple[int, int]] = []
    load_source(folder, errors="skip", progress=lambda done, total: heard.append((done, total)))
    total = heard[-1][1]
    assert heard == [(done, total) for done in range(1, total + 1)]
    assert total >= N_GOOD + len(ODD)
