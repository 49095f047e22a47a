"""Whether images are those of a collection, by a few hashes of it."""

import numpy as np
import pytest

from pofx.data import checking
from pofx.data.image_hashes import KEPT, check_sample, holds_most_of, sampled_hashes

ROWS = np.random.default_rng(0).integers(0, 256, (3000, 12), dtype=np.uint8)
OLD, NEW = ROWS[:2000], ROWS[2000:]


def test_the_record_is_bounded_and_the_same_in_every_order_and_type(tmp_path, monkeypatch):
    found = sampled_hashes(OLD)
    assert len(found) == KEPT and found == sorted(set(found)) and all(type(number) is int for number in found)
    np.save(tmp_path / "rows.npy", OLD)
    monkeypatch.setattr(checking.iterate_parts, "__defaults__", (12 * 70,))  # a mapped array is read in parts
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for same in (
        OLD[::-1],
        OLD.astype(np.float64),
        OLD.astype(">i4"),
        np.asfortranarray(OLD),
        np.where(OLD == 0, -0.0, OLD),
        mapped,
    ):
        assert sampled_hashes(same) == found
    check_sample(found)


@pytest.mark.parametrize("n", [100, 2000])
def test_images_are_found_in_any_order_and_number_and_new_ones_are_not(n):
    old = OLD[:n]
    sample = sampled_hashes(old)
    for known in (old, old[::-1], old[1:], old[: n // 2], np.concatenate([old[: n // 2], NEW[: n // 4]])):
        assert holds_most_of(sample, known)
    for others in (NEW, NEW[:50], np.concatenate([old[: n // 10], NEW[: n // 2]])):
        assert not holds_most_of(sample, others)


@pytest.mark.parametrize("n", [100, 2**9, 5000])
def test_new_draws_of_the_few_images_that_there_can_be_are_new(n):
    rng = np.random.default_rng(0)
    for _ in range(10):
        old, new = rng.integers(0, 2, (2, n, 9))
        assert not holds_most_of(sampled_hashes(old), new)


def test_images_that_are_there_again_and_again_do_not_count():
    blank = np.zeros((300, 12), dtype=np.uint8)
    assert sampled_hashes(blank) == []
    assert not holds_most_of(sampled_hashes(np.concatenate([blank, OLD[:9]])), np.concatenate([blank, NEW[:9]]))


@pytest.mark.parametrize(
    "sample", [None, "12", [1.0], [True], [-1], [2**64], [2, 1], [1, 1], list(range(KEPT + 1)), {"a": 1}]
)
def test_what_is_no_record_is_refused(sample):
    with pytest.raises(ValueError, match="hashes of the images"):
        check_sample(sample)
