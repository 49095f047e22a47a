"""Small spaces of images, counted out: every image, its probability, and how well samples agree with it."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import chisquare
from torch import Tensor

from pofx.families.autoregressive.chain_rule import log_p_x
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.training import image_terms


def all_images(levels: int, channels: int, height: int, width: int) -> Tensor:
    """Every image, NCHW int64, in the order of `image_numbers`."""
    values = list(itertools.product(range(levels), repeat=channels * height * width))
    return torch.tensor(values).reshape(-1, channels, height, width)


def image_numbers(x_NCHW: Tensor, levels: int) -> NDArray[np.int64]:
    """The place of each image in `all_images`, (n,)."""
    digits_ND = x_NCHW.flatten(1).numpy()
    return digits_ND @ levels ** np.arange(digits_ND.shape[1] - 1, -1, -1)


@torch.no_grad()
def probabilities(module: AutoregressiveModule, x_NCHW: Tensor, code: int | None = None) -> NDArray[np.float64]:
    """p(x) of each image, or p(x|y) for a class code, (n,)."""
    codes = None if code is None else torch.full((len(x_NCHW),), code)
    return log_p_x(image_terms(module, x_NCHW, codes)).exp().numpy()


def chi_square_p_value(numbers: NDArray[np.int64], p: NDArray[np.float64], *, at_least: int = 4) -> float:
    """The p-value of places drawn from a law p (its sum is made 1); places too rare for the test are taken as one.

    With fewer than ``at_least`` common places the test would say nothing, and fails.
    """
    p = p / p.sum()
    counts, expected = np.bincount(numbers, minlength=len(p)), p * len(numbers)
    common = expected >= 10
    assert common.sum() >= at_least, "the law is too narrow to test"
    counts = np.append(counts[common], counts[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    if expected[-1] < 10:
        if expected[-1] == 0 and counts[-1] > 0:
            return 0.0
        counts[-2], expected[-2] = counts[-2] + counts[-1], expected[-2] + expected[-1]
        counts, expected = counts[:-1], expected[:-1]
    return float(chisquare(counts, expected).pvalue)


def total_variation(numbers: NDArray[np.int64], p: NDArray[np.float64]) -> float:
    """Half the sum of |frequency - p|."""
    return float(np.abs(np.bincount(numbers, minlength=len(p)) / len(numbers) - p / p.sum()).sum() / 2)
