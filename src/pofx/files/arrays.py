"""Files of arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.atomic import atomic_write


def save_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays to a .npz file, in one step."""
    atomic_write(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
