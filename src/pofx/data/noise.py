"""Noise that belongs to an image: the same wherever, whenever and beside whatever else the image is scored."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


def streams_of_images(x_NCHW: Tensor, seed: int) -> list[np.random.Generator]:
    """A generator for each image, which its content and ``seed`` select."""
    key = seed.to_bytes(8, "little")
    rows = x_NCHW.detach().cpu().contiguous().numpy()
    digests = (hashlib.blake2b(row.tobytes(), digest_size=16, key=key).digest() for row in rows)
    return [np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little"))) for digest in digests]


def noise_of_images(x_NCHW: Tensor, seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of ``shape`` for each image, drawn from `streams_of_images`.

    Returns:
        (n, *shape), float64, on the CPU.
    """
    noise = np.empty((len(x_NCHW), *shape))
    for stream, out in zip(streams_of_images(x_NCHW, seed), noise, strict=True):
        stream.standard_normal(out=out)
    return torch.from_numpy(noise)
