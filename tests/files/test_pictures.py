"""Pictures: sizes, exact pixels, and no text that is cut off or lies over anything else."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pofx.files import pictures
from pofx.files.pictures import lay_out, save_png, sheet, to_display

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["IMG_20240101_123456_a_very_long_file_name_indeed.png", "log p = -123.4 nats", "M" * 40, "jgq|_ÅÇ", "a\nb\n\nc"]
)


def overlap(a: pictures.Box, b: pictures.Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def ink(page: Image.Image, box: pictures.Box) -> tuple[int, int]:
    """How many pixels that are not white lie in the box, and on the whole page."""
    dark = np.asarray(page).min(axis=2) < 255
    left, top, right, bottom = box
    return int(dark[top:bottom, left:right].sum()), int(dark.sum())


@pytest.mark.parametrize("colour", [(), (3,)])
def test_each_image_is_enlarged_exactly_into_its_box(colour: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 6, *colour), dtype=np.uint8)
    page = np.asarray(sheet(images, n_columns=2, captions=list("abcde")))
    layout = lay_out(images.shape[:3], n_columns=2, captions=list("abcde"))
    assert page.shape == (layout.height, layout.width, 3)
    assert len(layout.images) == 5
    for image, (left, top, right, bottom) in zip(images, layout.images, strict=True):
        enlarged = np.repeat(np.repeat(image, 10, axis=0), 10, axis=1)
        expected = enlarged if colour else np.repeat(enlarged[..., None], 3, axis=2)
        assert np.array_equal(page[top:bottom, left:right], expected)
    rows = [box[1] for box in layout.images]
    assert rows[0] == rows[1] < rows[2] == rows[3] < rows[4]
    assert layout.images[0][0] == layout.images[2][0] < layout.images[1][0]


@pytest.mark.parametrize(("side", "expected"), [(1, 80), (8, 80), (28, 84), (32, 64), (48, 96), (64, 64), (256, 256)])
def test_small_images_are_enlarged_to_a_visible_size(side: int, expected: int) -> None:
    left, top, right, bottom = lay_out((1, side, side)).images[0]
    assert (right - left, bottom - top) == (expected, expected)


def test_a_given_scale_and_number_of_columns_are_kept() -> None:
    layout = lay_out((6, 4, 4), scale=3, n_columns=6)
    assert len({box[1] for box in layout.images}) == 1
    assert all(right - left == 12 for left, _, right, _ in layout.images)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), n=st.integers(0, 7), height=st.integers(1, 40), width=st.integers(1, 40))
def test_nothing_overlaps_and_nothing_is_cut_off(data: st.DataObject, n: int, height: int, width: int) -> None:
    n_columns = data.draw(st.integers(1, 4))
    n_rows = -(-n // min(n_columns, max(n, 1)))
    options = {
        "captions": data.draw(st.none() | st.lists(TEXTS, min_size=n, max_size=n)),
        "row_labels": data.draw(st.none() | st.lists(TEXTS, min_size=n_rows, max_size=n_rows)),
        "title": data.draw(st.none() | TEXTS),
        "note": data.draw(st.none() | TEXTS),
    }
    layout = lay_out((n, height, width), n_columns=n_columns, **options)
    boxes = [*layout.images, *(line.box for line in layout.lines)]
    for left, top, right, bottom in boxes:
        assert 0 < left <= right < layout.width
        assert 0 < top < bottom < layout.height
    for a, b in combinations(boxes, 2):
        assert not overlap(a, b), (a, b)


def test_the_ink_of_every_line_stays_in_its_box() -> None:
    """The boxes are what was measured; this looks at what was drawn."""
    text = "(fjgqy|ÅÇ_,;) WAVE ÄÖÜ @#$%& IMG_2024_very_long_name.jpeg"
    options = {"captions": [text] * 2, "title": text, "note": text, "row_labels": [text]}
    white = np.full((2, 8, 8), 255, np.uint8)
    page, layout = sheet(white, n_columns=2, **options), lay_out(white.shape, n_columns=2, **options)
    inside = 0
    for line in layout.lines:
        here, everywhere = ink(page, line.box)
        assert here > 0, line
        inside += here
    frames = sum(2 * (right - left + bottom - top) + 4 for left, top, right, bottom in layout.images)
    assert inside + frames == everywhere


def test_no_text_is_lost_in_wrapping() -> None:
    caption = "IMG_20240101_123456_a_very_long_file_name.png lies outside of every class"
    layout = lay_out((1, 8, 8), captions=[caption], title=caption, note=caption)
    said = "".join(line.text for line in layout.lines).replace(" ", "")
    assert said == 3 * caption.replace(" ", "")


def test_a_word_widens_its_cell_rather_than_being_broken() -> None:
    layout = lay_out((2, 8, 8), captions=["reconstruction", ""])
    assert [line.text for line in layout.lines] == ["reconstruction"]
    assert layout.lines[0].box[2] - layout.lines[0].box[0] > 80


def test_characters_that_the_font_lacks_are_spelt_out() -> None:
    (line,) = lay_out((1, 8, 8), scale=40, captions=["μ ≤ 2, Ångström, 犬"]).lines
    assert line.text == "mu <= 2, Angstrom, ?"


def test_no_images_and_one_image() -> None:
    page = sheet(np.zeros((0, 8, 8), np.uint8), captions=[], row_labels=[], title="Nothing")
    assert ink(page, (0, 0, page.width, page.height))[1] > 0
    page = sheet(np.zeros((1, 8, 8), np.uint8))
    assert page.size == (16 + 80 + 16, 16 + 80 + 16)


@pytest.mark.parametrize(
    ("images", "options"),
    [
        (np.zeros((2, 8, 8)), {}),
        (np.zeros((8, 8), np.uint8), {}),
        (np.zeros((2, 8, 8, 4), np.uint8), {}),
        (np.zeros((2, 8, 8), np.uint8), {"captions": ["one"]}),
        (np.zeros((2, 8, 8), np.uint8), {"row_labels": ["one", "two"], "n_columns": 2}),
        (np.zeros((2, 8, 8), np.uint8), {"n_columns": 0}),
        (np.zeros((2, 8, 8), np.uint8), {"scale": 0}),
        (np.zeros((2, 0, 8), np.uint8), {}),
    ],
)
def test_what_cannot_be_shown_is_refused(images: np.ndarray, options: dict) -> None:
    with pytest.raises(ValueError):
        sheet(images, **options)


def test_to_display_stretches_levels() -> None:
    levels = np.arange(17).reshape(1, 1, 1, 17)
    shown = to_display(levels, 17)
    assert shown.dtype == np.uint8
    assert shown.shape == (1, 1, 17)
    assert shown[0, 0].tolist() == [round(255 * k / 16) for k in range(17)]
    assert to_display(torch.tensor([[[[0, 1]]]]), 2).tolist() == [[[0, 255]]]
    assert to_display(np.array([[[[False, True]]]]), 2).tolist() == [[[0, 255]]]
    assert to_display(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), 256).ravel().tolist() == list(range(256))
    assert to_display(np.zeros((1, 1, 1, 1), int), 1).tolist() == [[[0]]]


@pytest.mark.parametrize(("channels", "expected"), [(1, None), (2, None), (3, 3), (4, 3), (6, 3)])
def test_to_display_channels(channels: int, expected: int | None) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (2, channels, 4, 5))
    shown = to_display(levels, 256)
    if expected is None:
        assert np.array_equal(shown, levels[:, 0])
    else:
        assert np.array_equal(shown, levels[:, :3].transpose(0, 2, 3, 1))
    sheet(shown)


@pytest.mark.parametrize(
    "levels", [np.full((1, 1, 2, 2), 4), np.full((1, 1, 2, 2), -1), np.zeros((1, 1, 2, 2)), np.zeros((2, 2), int)]
)
def test_to_display_refuses_what_are_no_levels(levels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="levels must"):
        to_display(levels, 4)


def test_save_png(tmp_path: Path) -> None:
    page = sheet(np.arange(64, dtype=np.uint8).reshape(1, 8, 8), title="Saved")
    assert save_png(page, tmp_path / "picture") == tmp_path / "picture"
    with Image.open(tmp_path / "picture") as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), np.asarray(page))
    assert len(list(tmp_path.iterdir())) == 1
