"""What the networks of a GAN must know of the images before the game: where they lie and how far they spread.

Images are read in parts, so that the memory this takes does not grow with their size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double

#: Images that are looked at, at most.
MOST_IMAGES = 10_000
#: Sub-pixels that are in memory at a time, at most (float64: 32 MiB), but for one image.
PART = 2**22
#: Black (or white) is a level of its own, and not only the end of a range, if this share of the sub-pixels has it.
END_IS_REACHED = 0.05


def reached_ends(training: ImageReader, levels: int, seed: int) -> Tensor:
    """Whether many sub-pixels have the lowest level, and whether the highest, (2,), bool."""
    counts, total = torch.zeros(2, dtype=torch.float64), 0
    for x_NCHW in _parts(training, seed):
        counts += torch.tensor([float((x_NCHW == end).sum()) for end in (0, levels - 1)], dtype=torch.float64)
        total += x_NCHW.numel()
    return counts / total >= END_IS_REACHED


def mean_and_deviation(training: ImageReader, seed: int) -> tuple[Tensor, Tensor]:
    """Of each sub-pixel over the images, (C, H, W), float64; the deviation of one that is constant is called 1."""
    total, n = torch.zeros((), dtype=torch.float64), 0
    # As seen from the first image: the sum of what is constant is then zero, and its mean has no rounding that would
    # pass for a deviation.
    first_CHW = None
    for x_NCHW in _parts(training, seed):
        first_CHW = in_double(x_NCHW[0]) if first_CHW is None else first_CHW
        total, n = total + (in_double(x_NCHW) - first_CHW).sum(dim=0), n + len(x_NCHW)
    assert first_CHW is not None
    mean_CHW = first_CHW + total / n
    # In a second reading: the difference of two large sums would leave no digits of a small variance.
    squares = torch.zeros_like(mean_CHW)
    for x_NCHW in _parts(training, seed):
        squares += ((in_double(x_NCHW) - mean_CHW) ** 2).sum(dim=0)
    deviation_CHW = (squares / n).sqrt()
    return mean_CHW, torch.where(deviation_CHW > 0, deviation_CHW, 1.0)


def _parts(training: ImageReader, seed: int) -> Iterator[Tensor]:
    """The images that are looked at, the same each time, in the order of the file."""
    positions = np.sort(np.random.default_rng([seed, 3]).permutation(len(training))[:MOST_IMAGES])
    size = max(1, PART // training.image_format.spec.n_dims)
    for start in range(0, len(positions), size):
        yield training.batch(positions[start : start + size])[0]
