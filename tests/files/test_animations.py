"""Animated GIFs."""

import numpy as np
import pytest
from PIL import Image

from pofx.files.animations import END_TIME, FRAME_TIME, save_gif
from pofx.files.pictures import sheet


def pages(n, colour=()):
    rng = np.random.default_rng(0)
    return [sheet(rng.integers(0, 256, (2, 4, 4, *colour), dtype=np.uint8)) for _ in range(n)]


def frames(path):
    with Image.open(path) as picture:
        found = []
        for index in range(picture.n_frames):
            picture.seek(index)
            found.append((np.asarray(picture.convert("RGB")), picture.info["duration"]))
        return found, picture.info.get("loop")


@pytest.mark.parametrize("colour", [(), (3,)])
def test_pages_come_back_there_and_back(colour, tmp_path):
    given = pages(3, colour)
    assert save_gif(given, tmp_path / "a.gif") == tmp_path / "a.gif"
    found, loop = frames(tmp_path / "a.gif")
    assert loop == 0 and [time for _, time in found] == [END_TIME, FRAME_TIME, END_TIME, FRAME_TIME]
    for (pixels, _), page in zip(found, [*given, given[1]], strict=True):
        error = np.abs(pixels.astype(int) - np.asarray(page).astype(int))
        assert error.mean() < 3  # 256 colours of a page


def test_once_through_and_a_single_page(tmp_path):
    save_gif(pages(3), tmp_path / "a.gif", back=False)
    assert len(frames(tmp_path / "a.gif")[0]) == 3
    save_gif(pages(1), tmp_path / "a.gif")
    assert len(frames(tmp_path / "a.gif")[0]) == 1


def test_equal_pages_keep_their_places(tmp_path):
    """A step that changes nothing must not shorten the whole."""
    one, two = pages(2)
    save_gif([one, one, two], tmp_path / "a.gif")
    found, _ = frames(tmp_path / "a.gif")
    assert sum(time for _, time in found) == 2 * END_TIME + 2 * FRAME_TIME


def test_what_is_no_animation(tmp_path):
    with pytest.raises(ValueError, match="one size"):
        save_gif([], tmp_path / "a.gif")
    with pytest.raises(ValueError, match="one size"):
        save_gif([Image.new("RGB", (2, 2)), Image.new("RGB", (3, 2))], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
