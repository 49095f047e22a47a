"""The parts of a collection: disjoint, together all, and of the sizes asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pofx.applications.image_parts import PART_BYTES, spans, taken
from pofx.applications.outlier_split import Sizes, divided, in_folds


@given(st.integers(12, 200), st.booleans(), st.booleans(), st.integers(0, 9))
def test_the_parts_are_disjoint_and_together_all_images(n, trains, refers, seed):
    parts = divided(n, Sizes(0.2, 0.25, trains=trains, refers=refers), np.random.default_rng(seed))
    together = np.concatenate([parts.training, parts.reference, parts.calibration])
    np.testing.assert_array_equal(np.sort(together), np.arange(n))
    assert bool(len(parts.training)) == trains and bool(len(parts.reference)) == refers
    share = 0.25 if trains else 0.25 / 0.45 if refers else 1.0
    assert abs(len(parts.calibration) - share * n) <= 0.5


@given(st.integers(20, 100), st.integers(2, 5), st.booleans(), st.booleans())
def test_every_image_is_in_one_fold_and_never_with_what_judges_it(n, k, trains, refers):
    folds = list(in_folds(n, k, Sizes(0.2, 0.2, trains=trains, refers=refers), np.random.default_rng(0)))
    np.testing.assert_array_equal(np.sort(np.concatenate([p.calibration for p in folds])), np.arange(n))
    for p in folds:
        together = np.concatenate([p.training, p.reference, p.calibration])
        assert len(np.unique(together)) == len(together)
        assert len(together) == n or not (trains or refers)
        assert bool(len(p.training)) == trains and bool(len(p.reference)) == refers


def test_the_parts_of_a_conditional_division_have_the_classes_in_proportion():
    codes = np.repeat([0, 1, 2], [200, 80, 20])
    parts = divided(300, Sizes(0.2, 0.2, trains=True, refers=True), np.random.default_rng(0), codes)
    for part in (parts.training, parts.reference, parts.calibration):
        np.testing.assert_allclose(np.bincount(codes[part]) / len(part), [2 / 3, 80 / 300, 20 / 300], atol=0.02)


def test_the_division_is_random_and_its_seed_repeats_it():
    def calibration(seed):
        return divided(100, Sizes(0.2, 0.2, trains=True, refers=True), np.random.default_rng(seed)).calibration

    assert np.array_equal(calibration(0), calibration(0)) and not np.array_equal(calibration(0), calibration(1))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_images_are_told_with_the_numbers_of_the_parts(n):
    with pytest.raises(ValueError, match=rf"{n} sample\(s\).*would train"):
        divided(n, Sizes(0.2, 0.2, trains=True, refers=True), np.random.default_rng(0))
    with pytest.raises(ValueError, match=rf"{n} sample\(s\)"):
        list(in_folds(n, 5, Sizes(0.2, 0.2, trains=True, refers=True), np.random.default_rng(0)))


def test_images_taken_from_a_mapped_file_are_mapped_again_and_not_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(50, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "x.npy", images)
    monkeypatch.setattr("pofx.applications.image_parts.PART_BYTES", 100)
    some = taken(np.load(tmp_path / "x.npy", mmap_mode="r"), np.array([3, 1, 49]))
    assert isinstance(some, np.memmap) and np.array_equal(some, images[[3, 1, 49]])
    assert not isinstance(taken(images, np.array([0])), np.memmap)


def test_spans_cover_all_images_in_parts_of_bounded_size():
    images = np.zeros((10, 2, 2))
    assert list(spans(images, PART_BYTES // 4)) == [(0, 4), (4, 8), (8, 10)]
    assert list(spans(images, 10 * PART_BYTES)) == [(i, i + 1) for i in range(10)]
    assert list(spans(images[:0])) == []
