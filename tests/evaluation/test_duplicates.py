"""Copies and near copies are found, and what is only alike is not."""

import numpy as np

from pofx.evaluation.duplicates import NEAR, duplicates


def collection(n=200, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(n, 6, 6)).astype(np.uint8)


def test_copies_are_found_wherever_they_are():
    images = collection()
    images[[17, 180]] = images[3]
    images[99] = images[98]
    found = duplicates(images, n_compared=20)
    assert found.same == ((3, 17, 180), (98, 99)) and found.n_copies == 3


def test_near_copies_are_found_nearest_first_and_once():
    images = collection()
    images[50], images[60] = images[10], images[20]
    images[50, 0, 0] ^= 8  # 8 levels at one of 36 sub-pixels
    images[60, 0, 0] ^= 32
    found = duplicates(images)
    assert found.same == () and found.n_compared == 200
    assert found.near.tolist() == [[10, 50], [20, 60]]
    np.testing.assert_allclose(found.distances, [8 / 6, 32 / 6])
    assert NEAR * found.median_distance > 32 / 6


def test_images_that_are_only_alike_are_no_near_copies():
    found = duplicates(collection())
    assert len(found.near) == 0 and found.near.shape == (0, 2) and found.median_distance > 50


def test_copies_do_not_hide_near_copies():
    images = collection()
    images[[1, 2, 3]] = images[0]
    images[4] = images[0]
    images[4, 0, 0] ^= 8
    found = duplicates(images)
    assert found.same == ((0, 1, 2, 3),) and found.near.tolist() == [[0, 4]]


def test_of_two_images_nothing_is_said_but_whether_they_are_the_same():
    assert duplicates(collection(2)).near.shape == (0, 2)
    assert duplicates(np.zeros((2, 3, 3))).same == ((0, 1),)
