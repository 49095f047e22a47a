"""Pictures of a course; the courses are made by hand, so that nothing is trained."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from pofx.data.toy import NormalMixture, bimodal
from pofx.theory.axes import BLUE, DASHED, GREEN, WHITE, Axes, Page, ticks
from pofx.theory.course import Course, Record
from pofx.theory.gan_optimality import discriminator_error, generator_criterion, value
from pofx.theory.grids import Grid
from pofx.theory.pictures import frame, frames, picture


def course_of(grid, p, generators, logits, fixed_steps):
    """Ten steps between records; p_G and the logits of D are given for each."""
    v = grid.cell_volume
    records = [
        Record(
            10 * index,
            expit(d),
            q,
            float(value(d, p, q, logits=True, cell_volume=v)),
            float(generator_criterion(p, q, cell_volume=v)),
            float(discriminator_error(d, p, q, logits=True, cell_volume=v)),
        )
        for index, (q, d) in enumerate(zip(generators, logits, strict=True))
    ]
    return Course(grid, p, tuple(records), fixed_steps, 10 * (len(records) - 1), False)


@pytest.fixture(scope="module")
def on_a_line():
    grid = Grid(-5.0, 5.0, 200)
    p, start = grid.density(bimodal()), grid.density(NormalMixture([[0.0]], 1.2))
    logits = [np.full(200, level) for level in (0.0, 0.4, -0.4, 0.2)]
    return course_of(grid, p, [start, start, 0.5 * (p + start), p], logits, fixed_steps=10)


def colours(image):
    return {colour for _, colour in image.getcolors(2**24)}


def test_a_picture_shows_both_parts(on_a_line):
    page = picture(on_a_line)
    one_part = picture(Course(on_a_line.grid, on_a_line.p_data, on_a_line.records[:2], 10, 10, False))
    assert page.size == (1000, 1095) and one_part.size == (1000, 730)
    assert BLUE in colours(page) and GREEN in colours(page)
    # The course begins alike, and so does the page.
    upper = (0, 80, 550, 360)
    assert np.array_equal(page.crop(upper), one_part.crop(upper))


def test_frames_differ_in_what_has_happened_and_not_in_their_scales(on_a_line):
    pages = frames(on_a_line)
    assert len(pages) == 4 and {page.size for page in pages} == {(1000, 700)}
    pixels = [np.asarray(page).astype(int) for page in pages]
    for left, right in ((0, 1), (1, 2), (2, 3)):
        assert (pixels[left] != pixels[right]).any()
    scales = (slice(100, 360), slice(0, 58))  # the numbers beside the densities
    assert all((page[scales] == pixels[0][scales]).all() for page in pixels)


def test_a_curve_is_where_its_numbers_are(on_a_line):
    """D = 1 / (1 + e^-0.4) = 0.5987 everywhere, in a frame from 320 (-0.02) to 110 (1.02)."""
    pixels = np.asarray(frame(on_a_line, 1)).astype(int)
    green = np.flatnonzero((np.abs(pixels[:, 970] - GREEN).max(-1) < 12) & (np.arange(700) < 320))
    expected = 320 - (expit(0.4) + 0.02) / 1.04 * 210
    assert green.mean() == pytest.approx(expected, abs=1.5)


def test_one_record_is_enough(on_a_line):
    course = Course(on_a_line.grid, on_a_line.p_data, on_a_line.records[:1], 10, 30, True)
    assert isinstance(picture(course), Image.Image) and len(frames(course)) == 1


def test_a_map_has_its_first_coordinate_to_the_right_and_its_second_upwards():
    grid = Grid(-4.0, 4.0, 40, d=2)
    p = grid.density(NormalMixture([[2.0, 1.0]], 0.5))
    start = grid.density(NormalMixture([[0.0, 0.0]], 0.8))
    page = picture(course_of(grid, p, [start, start], [np.zeros(1600), np.ones(1600)], fixed_steps=10))
    assert page.size == (1000, 800)
    shown = np.asarray(page.convert("L"))[112:378, 62:328]
    row, column = np.unravel_index(shown.argmin(), shown.shape)
    assert (column / 266, row / 266) == pytest.approx((6 / 8, 1 - 5 / 8), abs=0.04)


def test_a_curve_has_gaps_where_it_has_no_numbers():
    page = Page(200, 200)
    axes = Axes(page, (60, 60, 190, 160), (0.0, 1.0), (0.0, 1.0), title="", x_label="")
    axes.curve(np.linspace(0, 1, 11), [0.5] * 4 + [np.nan] * 4 + [0.5, np.nan, 0.5], BLUE)
    pixels = np.asarray(page.finished()).astype(int)
    across = np.unique(np.argwhere(np.abs(pixels - BLUE).max(-1) < 40)[:, 1])
    assert across.min() <= 62 and across.max() <= 60 + 0.33 * 130


def test_the_best_discriminator_is_not_drawn_where_nothing_comes_from(monkeypatch):
    grid = Grid(-5.0, 5.0, 200)
    p = np.where(np.abs(grid.line) < 2, 0.25, 0.0)
    drawn = {}
    curve = Axes.curve
    monkeypatch.setattr(
        Axes,
        "curve",
        lambda self, x, y, *args, **words: drawn.update({words["label"]: y}) or curve(self, x, y, *args, **words),
    )
    frame(course_of(grid, p, [p, p], [np.zeros(200)] * 2, fixed_steps=10), 1)
    best = drawn["D* = p_data / (p_data + p_G)"]
    assert np.array_equal(np.isnan(best), p == 0) and np.all(best[p > 0] == 0.5)


def test_curves_stay_in_their_frame():
    page = Page(200, 200)
    axes = Axes(page, (60, 60, 190, 160), (0.0, 1.0), (0.0, 1.0), title="", x_label="")
    axes.curve([0, 0.25, 0.5, 0.75, 1.0], [5.0, 5.0, 5.0, 0.5, -3.0], BLUE, dashes=DASHED)
    pixels = np.asarray(page.finished()).astype(int)
    blue = np.argwhere(np.abs(pixels - BLUE).max(-1) < 40)
    assert len(blue) > 10
    assert blue[:, 0].min() >= 58 and blue[:, 0].max() <= 161
    # No line runs along the edge where the numbers are far above it.
    assert blue[:, 1].min() > 60 + 0.4 * 130
    assert tuple(pixels[10, 10]) == WHITE


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((-5.0, 5.0), ["-4", "-2", "0", "2", "4"]),
        ((0.0, 2000.0), ["0", "500", "1,000", "1,500", "2,000"]),
        ((-1.42, -1.37), ["-1.42", "-1.41", "-1.40", "-1.39", "-1.38", "-1.37"]),
    ],
)
def test_ticks_are_round_numbers(ends, labels):
    found = ticks(*ends)
    assert [label for _, label in found] == labels
    assert all(math.isclose(place, float(label.replace(",", ""))) or place == 0 for place, label in found)


def test_there_is_no_scale_of_a_point():
    with pytest.raises(ValueError, match=r"no scale from 1\.0"):
        ticks(1.0, 1.0)
