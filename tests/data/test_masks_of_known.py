"""Masks of known sub-pixels, in every form that fits, in the shape of X."""

import numpy as np
import pytest

from pofx.data.known import known_like

N, HEIGHT, WIDTH, COLOURS = 2, 2, 3, 3
PIXELS = np.array([[True, False, True], [False, False, True]])


@pytest.mark.parametrize("shape", [(N, HEIGHT, WIDTH, COLOURS), (N, HEIGHT * WIDTH * COLOURS)], ids=str)
@pytest.mark.parametrize("front", [(), (N,)], ids=["for all", "for each"])
@pytest.mark.parametrize("channels", [None, 1, COLOURS])
def test_forms_of_one_mask(shape, front, channels):
    mask = PIXELS if channels is None else np.repeat(PIXELS[..., None], channels, axis=2)
    known = known_like(np.broadcast_to(mask, (*front, *mask.shape)), shape, (HEIGHT, WIDTH, COLOURS))
    assert known.shape == shape
    assert np.array_equal(known.reshape(N, HEIGHT, WIDTH, COLOURS), np.repeat([PIXELS[..., None]], N, 0).repeat(3, 3))


def test_images_without_channels():
    assert known_like(PIXELS, (5, HEIGHT, WIDTH), (HEIGHT, WIDTH, 1)).shape == (5, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("mask", "message"),
    [(PIXELS.astype(int), "truth values"), (PIXELS.T, "shape"), (np.stack([PIXELS] * 3), "shape")],
    ids=["numbers", "turned", "too many"],
)
def test_what_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        known_like(mask, (N, HEIGHT, WIDTH, COLOURS), (HEIGHT, WIDTH, COLOURS))
