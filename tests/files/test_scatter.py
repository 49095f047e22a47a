"""Points as a picture."""

import numpy as np
import pytest

from pofx.files.pictures import sheet
from pofx.files.scatter import ALONE, COLOURS, scatter


def share_of(panel, colour, where):
    """How much of a part of the panel has this colour."""
    return (np.abs(panel[where].astype(int) - colour).sum(axis=-1) < 30).mean()


LEFT, RIGHT = np.s_[:440, :150], np.s_[:440, -150:]
UPPER, LOWER = np.s_[:150], np.s_[290:440]


def test_a_class_has_its_colour_and_its_place():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(80, 2)) - 20, rng.normal(size=(80, 2)) + 20])
    panel = scatter(points, ["cat"] * 80 + ["dog"] * 80)
    assert panel.dtype == np.uint8 and panel.shape[1:] == (440, 3) and panel.shape[0] > 440  # the legend
    assert share_of(panel, COLOURS[0], LEFT) > 0.005 > share_of(panel, COLOURS[0], RIGHT) == 0
    assert share_of(panel, COLOURS[1], RIGHT) > 0.005 > share_of(panel, COLOURS[1], LEFT) == 0
    # Up is up.
    assert share_of(panel, COLOURS[1], UPPER) > 0 == share_of(panel, COLOURS[1], LOWER)
    sheet(panel[None], n_columns=1, scale=1)


def test_without_classes_all_dots_are_alike():
    panel = scatter(np.random.default_rng(0).normal(size=(50, 2)), None)
    assert panel.shape == (440, 440, 3)
    assert share_of(panel, ALONE, np.s_[:]) > 0.002


@pytest.mark.parametrize("n", [0, 1, 5])
def test_points_in_one_place_are_in_the_middle(n):
    panel = scatter(np.full((n, 2), 3.0), None)  # a name would lie over them
    assert (share_of(panel, ALONE, np.s_[200:240, 200:240]) > 0) == (n > 0)


def test_many_long_names_are_cut_and_wrapped():
    names = [f"a very long name of a class indeed, number {i}" for i in range(60)]
    panel = scatter(np.random.default_rng(0).normal(size=(60, 2)), names)
    assert panel.shape[0] > 440 + 10 * 20


@pytest.mark.parametrize(
    ("points", "labels", "said"),
    [
        (np.zeros((3, 3)), None, r"shape \(n, 2\)"),
        (np.array([[0, np.nan]]), None, "finite"),
        (np.zeros((3, 2)), [1, 2], "as many labels"),
    ],
)
def test_what_cannot_be_drawn_is_refused(points, labels, said):
    with pytest.raises(ValueError, match=said):
        scatter(points, labels)
