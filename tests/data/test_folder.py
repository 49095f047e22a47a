"""Folders of images: which files count, what they become together, and what is said of files that cannot be used."""

import gc
import inspect
import os
import re
import socket
import sys
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import chunk, draw, encoded, noise, orientation, png
from PIL import Image, ImageFile

from pofx.data.collection import Conversion, Skipped, SourceError
from pofx.data.decoding import read_pixels
from pofx.data.folder import labels_of, read_folder, scan_folder
from pofx.data.listing import IMAGE_SUFFIXES
from pofx.data.opening import MAX_FILE_BYTES

# Which files count


def test_a_flat_folder_sorted_by_name(tmp_path: Path) -> None:
    images = {name: draw(tmp_path / name) for name in ("c.bmp", "a.PNG", "b.tif")}
    for name in ("notes.txt", "list.CSV", "about.json", "README.md", "Thumbs.db", ".hidden.xyz"):
        (tmp_path / name).write_bytes(b"passed over")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(b"passed over")
    collection = read_folder(tmp_path)
    assert collection.names == ("a.PNG", "b.tif", "c.bmp")
    assert np.array_equal(collection.images, [images[name] for name in collection.names])
    assert collection.images.shape == (3, 4, 6)
    assert collection.labels is None
    assert collection.label_names is None
    assert collection.skipped == collection.conversions == ()
    assert collection.levels is None


def test_the_documentation_names_the_suffixes_that_count() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    (suffixes,) = re.findall(r"its name ends in\n`(.*)`", page)
    assert set(suffixes.split()) == IMAGE_SUFFIXES


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/2.png", "cat/deeper/1.png", "bird/1.png"):
        draw(tmp_path / name, mode="RGB")
    collection = read_folder(tmp_path)
    assert collection.names == ("bird/1.png", "cat/2.png", "cat/deeper/1.png", "dog/1.png")
    assert collection.labels.tolist() == [0, 1, 1, 2]
    assert collection.label_names == ("bird", "cat", "dog")
    assert collection.named_labels.tolist() == ["bird", "cat", "cat", "dog"]
    assert collection.images.shape == (4, 4, 6, 3)
    draw(tmp_path / "beside.png", mode="RGB")
    assert read_folder(tmp_path).labels is None


def test_a_class_whose_images_were_all_skipped_does_not_exist(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "c/1.png"):
        draw(tmp_path / name)
    whole = (tmp_path / "b" / "1.png").read_bytes()
    (tmp_path / "b" / "1.png").write_bytes(whole[:-30])
    (tmp_path / "beside.png").write_bytes(whole[:-30])  # nor is an image beside the classes that could not be read
    collection = read_folder(tmp_path, errors="skip")
    assert collection.label_names == ("a", "c")
    assert collection.labels.tolist() == [0, 1]
    assert [bad.name for bad in collection.skipped] == ["b/1.png", "beside.png"]


def test_labels_of_names() -> None:
    assert labels_of(["b", None]) == (None, None)
    labels, names = labels_of(["b", "ä", "a", "b"])
    assert labels.tolist() == [1, 2, 0, 1]
    assert names == ("a", "b", "ä")


def test_folders_may_be_nested_deeper_than_the_stack(tmp_path: Path) -> None:
    deep = "d/" * 300 + "a.png"
    draw(tmp_path / deep)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        collection = read_folder(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert collection.names == (deep,)
    assert collection.label_names == ("d",)


def test_linked_folders_are_followed_but_read_once(tmp_path: Path) -> None:
    draw(tmp_path / "elsewhere" / "a.png")
    here = tmp_path / "here"
    here.mkdir()
    (here / "cat").symlink_to(tmp_path / "elsewhere")
    assert read_folder(here).label_names == ("cat",)
    (here / "circle").symlink_to(here)
    with pytest.raises(SourceError, match=r"circle leads to a folder that is read already: the folder itself"):
        read_folder(here)
    (here / "dog").symlink_to(tmp_path / "elsewhere")
    collection = read_folder(here, errors="skip")
    assert collection.names == ("cat/a.png",)
    assert collection.skipped == (
        Skipped("circle", "leads to a folder that is read already: the folder itself"),
        Skipped("dog", "leads to a folder that is read already: cat"),
    )


def test_linked_files_are_read(tmp_path: Path) -> None:
    pixels = draw(tmp_path / "store" / "3f9a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.png").symlink_to(tmp_path / "store" / "3f9a.png")
    assert np.array_equal(read_folder(tmp_path / "here").images[0], pixels)


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("only this")
    for errors in ("raise", "skip"):
        with pytest.raises(SourceError, match="holds no images; it should hold files that end in"):
            read_folder(tmp_path, errors=errors)


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "locked" / "b.png")
    real = os.scandir

    def scandir(folder: Path) -> object:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceError, match="locked cannot be listed: Permission denied"):
        read_folder(tmp_path)
    assert read_folder(tmp_path, errors="skip").skipped == (Skipped("locked", "cannot be listed: Permission denied"),)
    for errors in ("raise", "skip"):
        with pytest.raises(SourceError, match="locked cannot be listed"):
            read_folder(tmp_path / "locked", errors=errors)


# What images become together


def test_one_colour_image_makes_all_rgb(tmp_path: Path) -> None:
    gray, bits = draw(tmp_path / "1.png"), noise(4, 6) < 128
    draw(tmp_path / "2.png")
    Image.fromarray(bits).save(tmp_path / "3.png")
    rgb = draw(tmp_path / "4.png", mode="RGB")
    collection = read_folder(tmp_path)
    assert collection.images.shape == (4, 4, 6, 3)
    assert np.array_equal(collection.images[0], np.dstack([gray] * 3))
    assert np.array_equal(collection.images[2], np.dstack([bits * 255] * 3))
    assert np.array_equal(collection.images[3], rgb)
    assert collection.conversions == (
        Conversion("gray to R=G=B", 3, "1.png"),
        Conversion("1-bit to gray 0 and 255", 1, "3.png"),
    )


def test_bits_among_gray_images_are_black_and_white(tmp_path: Path) -> None:
    bits = noise(4, 6) < 128
    Image.fromarray(bits).save(tmp_path / "1.png")
    draw(tmp_path / "2.png")
    collection = read_folder(tmp_path)
    assert collection.images.dtype == np.uint8
    assert np.array_equal(collection.images[0], bits * 255)
    assert collection.conversions == (Conversion("1-bit to gray 0 and 255", 1, "1.png"),)


def test_bits_for_a_model_of_many_levels_are_black_and_white(tmp_path: Path) -> None:
    """As bool they would be the two darkest of its levels."""
    bits = noise(4, 6) < 128
    Image.fromarray(bits).save(tmp_path / "1.png")
    assert np.array_equal(read_folder(tmp_path, shape=(4, 6, 1), levels=256).images[0], bits * 255)
    assert read_folder(tmp_path, shape=(4, 6, 1), levels=2).images.dtype == bool


def test_images_are_held_to_the_shape_of_a_model(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    draw(tmp_path / "2.png", size=(6, 4))
    draw(tmp_path / "3.png", mode="RGB")
    gray = read_folder(tmp_path, shape=(4, 6, 1), errors="skip")
    assert gray.images.shape == (1, 4, 6)
    assert gray.skipped == (
        Skipped("2.png", "is 6x4 pixels, not 4x6 pixels (--size 4x6 resamples it)"),
        Skipped("3.png", "is in colour, but gray images are expected"),
    )
    colour = read_folder(tmp_path, shape=(4, 6, 3), errors="skip")
    assert colour.names == ("1.png", "3.png")
    assert colour.conversions == (Conversion("gray to R=G=B", 1, "1.png"),)
    with pytest.raises(SourceError, match=r"2\.png is 6x4 pixels, not 4x6 pixels"):
        read_folder(tmp_path, shape=(4, 6, 3))
    resampled = read_folder(tmp_path, shape=(3, 3, 3), size=(3, 3))
    assert resampled.images.shape == (3, 3, 3, 3)
    with pytest.raises(SourceError, match=r"3\.png is in colour"):
        read_folder(tmp_path, shape=(3, 3, 1), size=(3, 3))
    with pytest.raises(SourceError, match="images of 4x6 pixels are expected: they cannot be resampled to 3x3"):
        read_folder(tmp_path, shape=(4, 6, 1), size=(3, 3))
    with pytest.raises(SourceError, match="images of 2 channels are expected"):
        read_folder(tmp_path, shape=(4, 6, 2))


def test_gray_images_alone_become_rgb_for_a_model_of_colours(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    assert read_folder(tmp_path, shape=(4, 6, 3)).images.shape == (1, 4, 6, 3)


# Files that cannot be used


def test_what_is_wrong_with_a_file_is_said_of_it_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # whatever the program around it chose
    good = draw(tmp_path / "a.png", size=(64, 64))
    whole = (tmp_path / "a.png").read_bytes()
    jpeg = encoded(Image.fromarray(good), "JPEG")
    bomb = png(60000, 60000, 8, 0, b"")
    for name, content, reason in (
        ("cut.png", whole[:-500], "cannot be read: image file is truncated"),
        ("cut.jpg", jpeg[: len(jpeg) // 2], "cannot be read: image file is truncated"),
        ("empty.png", b"", "is empty"),
        ("text.png", b"no image", "is not an image of a kind that is read here, or its beginning is damaged"),
        ("flipped.png", whole[:200] + bytes([whole[200] ^ 1]) + whole[201:], "cannot be read: "),
        ("pcx.png", encoded(Image.fromarray(good), "PCX"), "is not an image of a kind that is read here"),
        ("bomb.png", bomb, "is too large: Image size (3600000000 pixels) exceeds limit"),
        ("long.png", whole[:-12] + chunk(b"tEXt", b"x" * 2**21) + whole[-12:], None),
        ("film.mp4", whole, "is not an image by its name: images end in"),
        ("broken.tif", b"II*\0" + b"\xff" * 100, ""),
    ):
        (tmp_path / name).write_bytes(content)
        if reason is None:
            assert len(read_folder(tmp_path)) == 2
        else:
            with pytest.raises(SourceError) as raised:
                read_folder(tmp_path)
            assert str(raised.value).startswith(f"{tmp_path / name} {reason}")
            assert "\n" not in str(raised.value)
            collection = read_folder(tmp_path, errors="skip")
            assert np.array_equal(collection.images, [good])
            assert collection.skipped == (Skipped(name, str(raised.value).removeprefix(f"{tmp_path / name} ")),)
        (tmp_path / name).unlink()
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_damage_that_pillow_only_warns_of_is_damage(tmp_path: Path) -> None:
    whole = png(2, 2, 8, 0, bytes(6), before=chunk(b"acTL", bytes(8)))
    (tmp_path / "a.png").write_bytes(whole)
    with pytest.raises(SourceError, match=r"a\.png is damaged: Invalid APNG"):
        read_folder(tmp_path)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_images_that_stop_in_the_middle_are_bad(tmp_path: Path, image_format: str) -> None:
    whole = encoded(Image.fromarray(noise(64, 64)), image_format)
    (tmp_path / f"a.{image_format.lower()}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=rf"a\.{image_format.lower()} (cannot be read|is not an image)"):
        read_folder(tmp_path)


@pytest.mark.parametrize("limit", [3000, 1500])  # Pillow warns beyond the limit and refuses beyond twice the limit
def test_too_many_pixels_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    draw(tmp_path / "big.png", size=(64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("pixels were decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever the program around it chose
        with pytest.raises(SourceError, match=r"big\.png is too large: Image size \(4096 pixels\)"):
            read_folder(tmp_path)


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with (tmp_path / "long.webp").open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBPVP8 ")
        file.truncate(MAX_FILE_BYTES + 1)
    assert read_folder(tmp_path, errors="skip").skipped == (
        Skipped("long.webp", f"has {2**30 + 1} bytes; an image has at most {2**30}"),
    )


def test_pipes_sockets_devices_and_links_to_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "through.png").symlink_to(tmp_path / "a.png" / "beyond")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)  # the path of a socket may not be long
    try:
        listener.bind("socket.png")
    finally:
        os.chdir(here)
    with listener:
        collection = read_folder(tmp_path, errors="skip")
    special, nowhere = "is not a regular file but a pipe or a device", "is a link that leads nowhere"
    assert collection.skipped == (
        Skipped("device.png", special),
        Skipped("gone.png", nowhere),
        Skipped("pipe.png", special),
        Skipped("self.png", nowhere),
        Skipped("socket.png", special),
        Skipped("through.png", nowhere),
    )
    with pytest.raises(SourceError, match=r"device\.png is not a regular file"):
        read_folder(tmp_path)


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    scan = scan_folder(tmp_path, errors="skip")
    (tmp_path / "b.png").unlink()
    os.mkfifo(tmp_path / "b.png")
    assert [image.name for image in scan.read()] == ["a.png"]
    assert scan.skipped == (Skipped("b.png", "cannot be opened: not a regular file but a folder, a pipe or a device"),)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")
    real = os.open

    def refuse(path: object, *arguments: object, **options: object) -> int:
        if str(path).endswith("a.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match=r"a\.png cannot be opened: Permission denied$"):
        read_folder(tmp_path)


def test_if_every_file_is_bad_the_first_reasons_are_told(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(b"")
    lines = [f"{tmp_path}: none of its 8 files is an image that can be used"]
    lines += [f"  {number}.png is empty" for number in range(5)] + ["  and 3 more"]
    with pytest.raises(SourceError) as raised:
        read_folder(tmp_path, errors="skip")
    assert str(raised.value) == "\n".join(lines)
    for number in range(8):  # good headers, bad pixels
        (tmp_path / f"{number}.png").write_bytes(png(2, 2, 8, 0, b""))
    with pytest.raises(SourceError, match=r"none of its 8 files is an image that can be used\n  0\.png cannot be read"):
        read_folder(tmp_path, errors="skip")


def test_names_that_a_terminal_would_obey_are_shown_harmlessly(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n\udcff.png").write_bytes(b"")
    with pytest.raises(SourceError, match=r"a\?\[2J \\xff\.png is empty"):
        read_folder(tmp_path)


def test_errors_is_raise_or_skip(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(SourceError, match="errors must be 'raise' or 'skip', not 'ignore'"):
        scan_folder(tmp_path, errors="ignore")  # type: ignore[arg-type]


# The scan


def test_a_scan_knows_what_is_to_come_and_can_be_read_again(tmp_path: Path) -> None:
    pixels = [draw(tmp_path / name) for name in ("x/1.png", "x/2.png", "y/3.png")]
    (tmp_path / "x" / "2.png").write_bytes((tmp_path / "x" / "2.png").read_bytes()[:-30])
    (tmp_path / "z.png").write_bytes(b"")
    Image.fromarray(np.dstack([pixels[0], noise(4, 6)])).save(tmp_path / "x" / "1.png")
    scan = scan_folder(tmp_path, errors="skip")
    assert (scan.shape, scan.dtype, scan.n_files) == ((4, 6), np.dtype(np.uint8), 3)
    assert [bad.name for bad in scan.skipped] == ["z.png"]
    heard: list[tuple[int, int]] = []
    for _ in range(2):
        images = list(scan.read(lambda done, total: heard.append((done, total))))
        assert [(image.name, image.class_name) for image in images] == [("x/1.png", "x"), ("y/3.png", "y")]
        assert np.array_equal(images[1].pixels, pixels[2])
        assert [bad.name for bad in scan.skipped] == ["x/2.png", "z.png"]
        assert scan.conversions == (Conversion("transparency laid over white", 1, "x/1.png"),)
    assert heard == [(1, 3), (2, 3), (3, 3)] * 2


def test_a_scan_decodes_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.jpg", exif=orientation(3))
    draw(tmp_path / "c.tif")
    draw(tmp_path / "d.png", exif=orientation(3))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("pixels were decoded"))
    assert scan_folder(tmp_path).shape == (4, 6)


def test_only_one_image_is_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png", "c.png"):
        draw(tmp_path / name)
    references: list[weakref.ref] = []

    def decode(*arguments: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        gc.collect()
        assert [reference() for reference in references] == [None] * len(references)
        pixels, converted = read_pixels(*arguments)
        references.append(weakref.ref(pixels))
        return pixels, converted

    monkeypatch.setattr("pofx.data.folder.read_pixels", decode)
    assert len(read_folder(tmp_path)) == len(references) == 3


@pytest.mark.parametrize("size", [(6, 4), (4, 7)])
def test_a_file_that_changes_between_scan_and_reading_is_bad(tmp_path: Path, size: tuple[int, int]) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    scan = scan_folder(tmp_path, errors="skip")
    draw(tmp_path / "b.png", size=size)
    assert len(list(scan.read())) == 1
    assert scan.skipped == (
        Skipped("b.png", f"is now {size[0]}x{size[1]} pixels: it was changed while the folder was read"),
    )
    draw(tmp_path / "b.png", mode="RGB")
    assert len(list(scan.read())) == 1
    assert scan.skipped == (Skipped("b.png", "is not in gray but in colour"),)


def test_too_many_images_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")

    def no_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pofx.data.folder.np.empty", no_memory)
    with pytest.raises(SourceError, match="memory cannot hold 1 images of 4x6 pixels; pack them"):
        read_folder(tmp_path)
