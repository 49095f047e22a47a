"""Images in the user's layout as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.files.pictures import to_display

if TYPE_CHECKING:
    from pofx.base import GenerativeModel


def displayed(model: GenerativeModel, images: NDArray[Any]) -> NDArray[np.uint8]:
    """Images or means in the user's layout -> uint8 pictures."""
    return to_display(model.image_format_.nearest_levels_NCHW(np.asarray(images)), model.spec_.levels)


def in_colour(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, H, W) or (n, H, W, 3) -> (n, H, W, 3)."""
    return np.repeat(pictures[..., None], 3, axis=-1) if pictures.ndim == 3 else pictures
