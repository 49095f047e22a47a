"""Means over the fields of a map."""

import numpy as np
import pytest
import torch

from pofx.nn.pooling import field_means, rectified_field_means


def test_the_means_are_those_of_the_parts():
    h = torch.arange(2 * 3 * 4 * 6, dtype=torch.float64).reshape(2, 3, 4, 6)
    found = field_means(h, 2).numpy().reshape(2, 3, 2, 2)
    for i, rows in enumerate((slice(0, 2), slice(2, 4))):
        for j, columns in enumerate((slice(0, 3), slice(3, 6))):
            assert found[:, :, i, j] == pytest.approx(h[:, :, rows, columns].mean(dim=(2, 3)).numpy())


@pytest.mark.parametrize(("size", "n"), [((28, 28), 16), ((3, 9), 12), ((1, 1), 1), ((5, 2), 8)])
def test_parts_are_no_more_than_pixels(size, n):
    assert field_means(torch.zeros(2, 3, *size), 4).shape == (2, 3 * n)


def test_what_is_positive_here_and_negative_there_is_told():
    h = torch.tensor([1.0, -1.0]).repeat(8).reshape(1, 1, 4, 4)
    assert field_means(h, 1).item() == 0
    assert np.array_equal(rectified_field_means(h, 1), [[0.5, 0.5]])
    assert np.array_equal(rectified_field_means(torch.where(h > 0, 6.0, h), 1), [[3.0, 0.5]])
