"""Shapes and layouts of images."""

import numpy as np
import pytest

from pofx.data.checking import infer_format
from pofx.data.images import ImageFormat, ImageSpec, shape_HWC


@pytest.mark.parametrize(
    ("array_shape", "image_shape", "expected"),
    [
        ((5, 8, 6), None, (8, 6, 1)),
        ((5, 8, 6, 3), None, (8, 6, 3)),
        ((5, 64), None, (8, 8, 1)),
        ((5, 12), None, (1, 12, 1)),
        ((5, 12), (3, 4), (3, 4, 1)),
        ((5, 12), (2, 2, 3), (2, 2, 3)),
        ((5, 3, 4), (3, 4), (3, 4, 1)),
        ((5, 3, 4, 1), (3, 4), (3, 4, 1)),
        ((5, 3, 4), (3, 4, 1), (3, 4, 1)),
        ((5, 1), None, (1, 1, 1)),
    ],
)
def test_the_shape_of_an_image(array_shape, image_shape, expected):
    assert shape_HWC(array_shape, image_shape) == expected


@pytest.mark.parametrize(
    ("array_shape", "image_shape", "message"),
    [
        ((5, 12), (3, 5), "12 features"),
        ((5, 3, 4), (4, 3), "images in X"),
        ((5,), None, r"\(n, d\)"),
        ((5, 2, 2, 2, 2), None, r"\(n, d\)"),
        ((5, 3, 32, 32), None, "moveaxis"),
        ((5, 12), (12,), "image_shape must be"),
        ((5, 12), (-3, -4), "image_shape must be"),
    ],
)
def test_shapes_that_are_none(array_shape, image_shape, message):
    with pytest.raises(ValueError, match=message):
        shape_HWC(array_shape, image_shape)


@pytest.mark.parametrize("shape", [(4, 6), (4, 2, 3), (4, 2, 3, 3), (4, 2, 3, 1)])
def test_levels_and_images_are_the_same_in_every_layout(shape):
    X = np.random.default_rng(0).integers(0, 5, size=shape)
    X.flat[0] = 4
    rows = X.reshape(len(X), -1)
    image_format = infer_format(rows, X.shape)
    levels_NCHW = image_format.levels_NCHW(rows)
    spec = image_format.spec
    assert levels_NCHW.shape == (4, *spec.shape_CHW)
    back = image_format.images(levels_NCHW, np.random.default_rng(0))
    assert back.shape == X.shape
    assert back.dtype == X.dtype
    assert np.array_equal(back, X)
    if len(shape) == 4:
        assert levels_NCHW[1, -1, 1, 2] == X[1, 1, 2, -1]


def test_a_format_survives_json():
    rows = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    image_format = infer_format(rows, (5, 2, 2, 3))
    assert ImageFormat.from_json(image_format.to_json()) == image_format


@pytest.mark.parametrize(
    ("key", "value"), [("height", 0), ("width", 2.5), ("n_axes", 7), ("dtype", "O"), ("grid", {"kind": "Evil"})]
)
def test_impossible_formats_are_refused(key, value):
    data = infer_format(np.eye(4), (4, 4)).to_json() | {key: value}
    with pytest.raises((ValueError, TypeError)):
        ImageFormat.from_json(data)


def test_a_spec_counts_its_sub_pixels():
    assert ImageSpec(4, 5, 3, 256).n_dims == 60
