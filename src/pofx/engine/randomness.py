"""Randomness without state: every draw of a training is a function of the seed and of where it happens.

So a resumed training needs no generator states, and nothing depends on what other code drew.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch


def mixed_seeds(seed: int, purpose: str, *where: int) -> tuple[int, int]:
    """Two independent 64-bit seeds from the run's seed, a purpose and the place of use (step, rank, phase ...).

    A cryptographic hash: neighbouring steps get unrelated seeds, and it costs a tenth of numpy's SeedSequence.
    """
    key = struct.pack(f"<{len(where) + 1}Q", seed, *where) + purpose.encode()
    first, second = struct.unpack("<2Q", hashlib.blake2b(key, digest_size=16).digest())
    return first, second


def epoch_order(seed: int, epoch: int, n_images: int) -> np.ndarray:
    """The order of the images in an epoch: a permutation of 0 .. n_images-1, (n_images,) int64."""
    return np.random.default_rng(mixed_seeds(seed, "order", epoch)).permutation(n_images)


@contextmanager
def own_generators(device: torch.device) -> Iterator[None]:
    """Within the context torch's global generators (dropout draws from them) may be seeded; afterwards they are as
    they were."""
    with torch.random.fork_rng(devices=[]):
        if device.type == "cpu":
            yield
            return
        backend = torch.get_device_module(device)
        state = backend.get_rng_state()
        try:
            yield
        finally:
            backend.set_rng_state(state)


def seed_generators(device: torch.device, seed: int) -> None:
    """Seed torch's global generators of the CPU and of ``device``.

    ``torch.manual_seed`` would also seed every other accelerator of the machine.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def draw_seed(random_state: int | np.random.RandomState | np.random.Generator | None) -> int:
    """An integer seed; None draws it from the system, never from NumPy's global generator.

    Raises:
        ValueError: neither an integer in 0..2^32-1 nor a generator.
    """
    if random_state is None:
        return secrets.randbits(31)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    if isinstance(random_state, Integral):
        if not 0 <= int(random_state) < 2**32:
            raise ValueError(f"random_state must lie in 0..2^32-1, not {random_state}")
        return int(random_state)
    if not isinstance(random_state, np.random.RandomState):
        raise ValueError(f"random_state must be an integer, a generator or None, not {random_state!r}")
    return int(random_state.randint(2**31 - 1))
