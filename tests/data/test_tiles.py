"""Tiles cover their images, and maps of tiles come together again without a seam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pofx.data.checking import mapped_file
from pofx.data.tiles import cut_tiles, stitch, stitch_each


@st.composite
def tilings(draw):
    """An array of images, a tile and an overlap that fit together."""
    n, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 20)), draw(st.integers(1, 20))
    channels = draw(st.sampled_from([(), (1,), (3,)]))
    tile = draw(st.integers(1, height)), draw(st.integers(1, width))
    overlap = draw(st.integers(0, tile[0] - 1)), draw(st.integers(0, tile[1] - 1))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.standard_normal((n, height, width, *channels)), tile, overlap


@given(tilings())
def test_what_is_cut_is_stitched_bit_for_bit(tiling):
    images, tile, overlap = tiling
    tiles = cut_tiles(images, tile, overlap)
    assert np.array_equal(stitch(tiles.stack(), tiles), images)


@given(tilings())
def test_tiles_lie_where_they_say(tiling):
    images, tile, overlap = tiling
    tiles = cut_tiles(images, tile, overlap)
    stack = tiles.stack()
    assert len(stack) == len(tiles) == len(tiles.image_of_tile) == len(tiles.corner_of_tile)
    covered = np.zeros(images.shape[:3], dtype=int)
    for cut, image, (top, left) in zip(stack, tiles.image_of_tile, tiles.corner_of_tile, strict=True):
        window = np.s_[image, top : top + tile[0], left : left + tile[1]]
        assert np.array_equal(cut, images[window])
        covered[window] += 1
    assert covered.min() >= 1
    # In order, without a tile too many: each begins before the last one's overlap is over.
    order = np.column_stack([tiles.image_of_tile, tiles.corner_of_tile])
    assert np.array_equal(order, np.unique(order, axis=0))
    for starts, size, length, shared in zip((tiles.tops, tiles.lefts), images.shape[1:3], tile, overlap, strict=True):
        assert starts[0] == 0
        assert starts[-1] == size - length
        steps = np.diff(starts)
        assert np.all(steps[:-1] == length - shared)
        assert np.all((steps > 0) & (steps <= length - shared))


@given(tilings(), st.floats(-1e6, 1e6), st.integers(1, 7))
def test_a_constant_stays_that_constant(tiling, constant, batch_size):
    images, tile, overlap = tiling
    tiles = cut_tiles(images, tile, overlap)
    maps = (np.full(batch.shape, constant) for batch in tiles.batches(batch_size))
    assert np.all(stitch(maps, tiles) == constant)


@given(tilings(), st.integers(1, 7))
def test_batches_are_the_stack_in_parts(tiling, batch_size):
    images, tile, overlap = tiling
    tiles = cut_tiles(images, tile, overlap)
    batches = list(tiles.batches(batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert np.array_equal(np.concatenate(batches), tiles.stack())


@given(tilings(), st.sampled_from([(), (2,)]))
def test_overlaps_are_means_weighted_by_a_tent(tiling, beyond):
    images, tile, overlap = tiling
    tiles = cut_tiles(images, tile, overlap)
    maps = np.random.default_rng(1).standard_normal((len(tiles), *tile, *beyond))
    total, weights = np.zeros((*images.shape[:3], *beyond)), np.zeros((*images.shape[:3], *(1 for _ in beyond)))
    for value, image, (top, left) in zip(maps, tiles.image_of_tile, tiles.corner_of_tile, strict=True):
        for i in range(tile[0]):
            for j in range(tile[1]):
                weight = min(i + 1, tile[0] - i) * min(j + 1, tile[1] - j)
                total[image, top + i, left + j] += weight * value[i, j]
                weights[image, top + i, left + j] += weight
    np.testing.assert_allclose(stitch(maps, tiles), total / weights, rtol=1e-12, atol=1e-12)


def test_one_tile_fades_into_the_next():
    tiles = cut_tiles(np.zeros((1, 1, 12)), (1, 8), (0, 4))
    maps = np.stack([np.zeros((1, 8)), np.ones((1, 8))])
    assert stitch(maps, tiles)[0, 0].tolist() == [0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1]


def test_numbers_of_tiles_become_numbers_of_images():
    images = np.zeros((2, 5, 5))
    images[1, 4, 4] = 9
    tiles = cut_tiles(images, 3, 1)
    greatest = tiles.stack().max(axis=(1, 2))
    assert greatest.reshape(len(images), -1).max(axis=1).tolist() == [0, 9]
    assert set(tiles.image_of_tile[greatest > 0]) == {1}


def test_a_mapped_collection_is_cut_part_by_part(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    released = []
    monkeypatch.setattr("pofx.data.checking.release_pages", lambda array: released.append(mapped_file(array)))
    tiles = cut_tiles(mapped, (4, 3), 1)
    batches = list(tiles.batches(5))
    assert len(released) == len(batches) > 1
    assert None not in released
    assert not any(isinstance(batch, np.memmap) for batch in batches)
    assert np.array_equal(np.concatenate(batches), cut_tiles(images, (4, 3), 1).stack())
    # An image comes out as soon as its tiles went in.
    maps = tiles.batches(tiles.n_tiles_an_image)
    for image, stitched in zip(images, stitch_each(maps, tiles), strict=True):
        assert np.array_equal(image, stitched)


@pytest.mark.parametrize(
    ("shape", "tile", "overlap", "message"),
    [
        ((2, 5, 5), 6, 0, "smaller than the tile of 6 x 6"),
        ((2, 5, 5), (2, 6), 0, "smaller than the tile of 2 x 6"),
        ((2, 5, 5), 3, 3, "less than the tile of 3 x 3"),
        ((2, 5, 5), (3, 4), (0, -1), "overlap must be 0 or more"),
        ((2, 5, 5), 0, 0, "at least one pixel"),
        ((2, 5, 5), 2.5, 0, "tile must be a whole number of pixels"),
        ((2, 5, 5), (2, 2, 2), 0, "tile must be a whole number of pixels"),
        ((2, 5, 5), 2, True, "overlap must be a whole number of pixels"),
        ((2, 25), 2, 0, "images must be"),
    ],
)
def test_what_cannot_be_cut(shape, tile, overlap, message):
    with pytest.raises(ValueError, match=message):
        cut_tiles(np.zeros(shape), tile, overlap)


def test_maps_that_do_not_fit():
    tiles = cut_tiles(np.zeros((2, 5, 5)), 3, 1)
    for maps, message in (
        (np.zeros((7, 3, 3)), "fewer maps than the 8 tiles"),
        (np.zeros((9, 3, 3)), "more maps than the 8 tiles"),
        (np.zeros((8, 3, 2)), "must have the shape"),
        (np.zeros(8), "must have the shape"),
        ([np.zeros((4, 3, 3)), np.zeros((4, 3, 3, 2))], "the same in every batch"),
    ):
        with pytest.raises(ValueError, match=message):
            stitch(maps, tiles)
    with pytest.raises(ValueError, match="no images"):
        stitch(np.zeros((0, 3, 3)), cut_tiles(np.zeros((0, 5, 5)), 3))
    with pytest.raises(ValueError, match="batch_size"):
        tiles.batches(0)
