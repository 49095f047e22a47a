"""The pictures in docs/ and the computed sentences are what the code of today gives, and show what is meant."""

import itertools
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import draw_autoregressive as drawn  # noqa: E402
import draw_digits  # noqa: E402
import draw_editing  # noqa: E402
import measured_autoregressive as measured  # noqa: E402
from svg import Drawing  # noqa: E402

AGAIN = "run: python docs/draw_autoregressive.py"


@pytest.mark.parametrize("name", drawn.DRAWINGS)
def test_a_picture_is_what_the_code_draws_today(name):
    assert (DOCS / "pictures" / f"{name}.svg").read_text() == str(drawn.DRAWINGS[name]()), AGAIN


@pytest.mark.parametrize("name", draw_editing.DRAWINGS)
def test_a_picture_of_latents_is_what_the_code_draws_today(name):
    assert (DOCS / "pictures" / f"{name}.svg").read_text() == str(draw_editing.DRAWINGS[name]()), (
        "run: python docs/draw_editing.py"
    )


def test_the_pages_show_the_pictures_of_digits():
    pages = "".join((DOCS / name).read_text() for name in ("editing.md", "outliers.md"))
    for name in draw_digits.NAMES:
        assert f"pictures/digits_{name}.png" in pages


def test_the_reach_in_the_page_is_that_of_the_default_network():
    page = (DOCS / "pixelcnn.md").read_text()
    assert drawn.with_sentence(page, "reach", drawn.reach_sentence()) == page, AGAIN


def test_a_sentence_without_a_place_is_an_error():
    with pytest.raises(ValueError, match="no place for reach"):
        drawn.with_sentence("# A page\n", "reach", "Far.")


def test_contexts_are_causal_and_have_the_known_shapes():
    height, width, row, column = 9, 14, 7, 5
    d = row - np.arange(height)[:, None]
    e = np.arange(width) - column
    before = (d > 0) | ((d == 0) & (e < 0))
    slope = before & (e <= d + 2)
    missed = (d == 1) & (np.arange(width) == width - 1)
    expected = {"plain": slope, "gated": before, "row_lstm": slope, "diagonal_bilstm": before & ~missed}
    for name, context in expected.items():
        assert np.array_equal(measured.seen_by(name, height, width, row, column), context), name


def test_the_reach_of_a_context_that_grows_is_refused():
    with pytest.raises(ValueError, match="grows with the image"):
        measured.reach_of("row_lstm", sides=(8,))


def test_the_jacobi_rows_end_where_they_stay():
    for row in measured.jacobi_rows(4, 10, seed=0):
        assert row.n_final[0] == 0 and row.n_final[-1] == 10
        growing = row.n_final[:-1]  # the last evaluation changes nothing, and may find everything final
        assert all(a < b for a, b in itertools.pairwise(growing))
        for levels, n_final in zip(row.rows, row.n_final, strict=True):
            assert np.array_equal(levels[:n_final], row.rows[-1][:n_final])


def test_svg_is_well_formed_and_escaped():
    drawing = Drawing(20, 10, "a < b")
    drawing.rectangle(0, 0, 5, 5, "#ffffff", edge="#000000")
    drawing.text(1, 9, 'x & "y"', bold=True)
    root = ElementTree.fromstring(str(drawing))
    assert [part.text for part in root.iter() if part.text and part.text.strip()] == ["a < b", 'x & "y"']
