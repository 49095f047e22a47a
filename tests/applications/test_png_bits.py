"""The length of an image as PNG."""

import io

import numpy as np
import pytest
from PIL import Image

from pofx.applications.png_bits import png_bits


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_length_of_the_file(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(3, 9, 7, channels), dtype=np.uint8)
    for image, bits in zip(images, png_bits(images), strict=True):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, format="PNG", compress_level=9)
        assert bits == 8 * len(file.getvalue())


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("levels", [2, 256, 65536])
def test_noise_takes_more_than_a_constant_image_whatever_the_channels_and_levels(channels, levels):
    rng = np.random.default_rng(0)
    dtype = np.uint8 if levels <= 256 else np.int32
    noise = rng.integers(0, levels, size=(1, 16, 16, channels)).astype(dtype)
    constant = np.full_like(noise, levels - 1)
    least = 16 * 16 * channels * np.log2(levels)  # no compressor does better on noise
    assert png_bits(noise)[0] > 0.9 * least and png_bits(noise)[0] > png_bits(constant)[0]


def test_the_low_byte_of_many_levels_counts():
    base = np.zeros((1, 16, 16, 1), dtype=np.int32)
    low = base + np.random.default_rng(0).integers(0, 256, size=base.shape)
    high = 256 * low
    assert png_bits(low)[0] > png_bits(base)[0] + 1000 and png_bits(high)[0] > png_bits(base)[0] + 1000
