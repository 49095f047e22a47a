"""Which device a word such as "auto" means."""

from __future__ import annotations

import torch


def resolve_device(device: str) -> torch.device:
    """ "auto" -> the first accelerator there is (CUDA, then Apple's), else the CPU; other words as torch reads them.

    Raises:
        ValueError: no such device, or none here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is no device: auto, cpu, cuda, cuda:1, mps") from error
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(found.type, False):
        raise ValueError(f"device={device!r} cannot be used: there is none here (or torch was built without it)")
    return found
