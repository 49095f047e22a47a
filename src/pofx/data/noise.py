"""Noise that belongs to an image: the same wherever, whenever and beside whatever else the image is scored."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


def noise_of_images(x_NCHW: Tensor, seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of ``shape`` for each image, drawn from a stream that its content and ``seed`` select.

    Returns:
        (n, *shape), float64, on the CPU.
    """
    key = seed.to_bytes(8, "little")
    rows = x_NCHW.detach().cpu().contiguous().numpy()
    noise = np.empty((len(rows), *shape))
    for row, out in zip(rows, noise, strict=True):
        digest = hashlib.blake2b(row.tobytes(), digest_size=16, key=key).digest()
        stream = np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
        stream.standard_normal(out=out)
    return torch.from_numpy(noise)
