"""Classes, their frequencies, and images without a label."""

import numpy as np
import pytest

from pofx.data.checking import check_labels
from pofx.data.labels import LABELLED_SHARE, learn_classes, with_labelled_repeated


def test_frequencies_are_those_among_images_that_have_a_label():
    learned = learn_classes(np.array([3, -1, 5, 3, -1, 3]))
    assert learned.classes.tolist() == [3, 5] and learned.prior.tolist() == [0.75, 0.25]
    assert learned.codes.tolist() == [0, -1, 1, 0, -1, 0] and learned.n_unlabelled == 2


def test_minus_one_is_a_label_where_it_leaves_fewer_than_two_others_and_in_text():
    for labels in (np.array([-1, 1, 1]), np.array([-1.0, 1.0]), np.array(["-1", "a", "b"]), np.array([0, 2, 2])):
        learned = learn_classes(labels)
        assert learned.n_unlabelled == 0
        np.testing.assert_array_equal(learned.classes[learned.codes], labels)


def test_labelled_images_come_so_often_that_they_are_heard():
    codes = np.full(1000, -1)
    codes[[3, 500]] = 0, 1
    positions = with_labelled_repeated(codes)
    counts = np.bincount(positions, minlength=1000)
    assert counts[3] == counts[500] and (np.delete(counts, [3, 500]) == 1).all()
    assert LABELLED_SHARE <= (codes[positions] >= 0).mean() < LABELLED_SHARE + 0.01
    many = np.array([0, 1, 0, 1, -1])
    np.testing.assert_array_equal(np.sort(with_labelled_repeated(many)), np.arange(5))
    for whole in (np.zeros(4, dtype=np.int64), np.full(4, -1)):
        np.testing.assert_array_equal(with_labelled_repeated(whole), np.arange(4))


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy has had text of any length since 2.0")
def test_text_of_any_length_is_text():
    labels = check_labels(np.array(["one", "a longer one"], dtype=np.dtypes.StringDType()), 2)
    assert labels.dtype.kind == "U" and labels.tolist() == ["one", "a longer one"]
