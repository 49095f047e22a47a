"""Random changes of images that gradients pass, the same law for real and generated ones.

For a collection so small that the discriminator would learn it by heart: it then never sees an image as it is, and as
the changes can be told apart from what the images are, the generator does not learn them. Zhao et al. 2020, arXiv
2006.10738.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

#: Largest change of brightness, in the unit in which images span [-1, 1]; contrast is multiplied by a number from this
#: range; largest shift and side of the hole as shares of the image's sides.
BRIGHTNESS, CONTRAST, SHIFT, HOLE = 0.5, (0.5, 1.5), 0.125, 0.5


def augmented(u_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, a shift (what comes in is the lowest value, -1) and a hole of the middle grey, 0, each
    drawn anew for every image. An image of one pixel gets no hole.

    Args:
        u_NCHW: images in [-1, 1].
        generator: of the draws, on the device of the images.
    """
    n, _, height, width = u_NCHW.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator, dtype=u_NCHW.dtype, device=u_NCHW.device)

    def whole(limit: int) -> Tensor:
        return torch.randint(-limit, limit + 1, (n,), generator=generator, device=u_NCHW.device)

    mean_N111 = u_NCHW.mean(dim=(1, 2, 3), keepdim=True)
    changed = (u_NCHW - mean_N111) * uniform(*CONTRAST)[:, None, None, None] + mean_N111
    changed = changed + uniform(-BRIGHTNESS, BRIGHTNESS)[:, None, None, None]
    changed = _shifted(changed, whole(round(height * SHIFT)), whole(round(width * SHIFT)))
    if height * width == 1:
        return changed  # a hole would be all there is
    top, left = uniform(0, height - 1), uniform(0, width - 1)
    return changed * _outside_hole(height, width, top, left)


def _shifted(u_NCHW: Tensor, down_N: Tensor, right_N: Tensor) -> Tensor:
    _, channels, height, width = u_NCHW.shape
    padded = F.pad(u_NCHW, (1, 1, 1, 1), value=-1.0)
    rows = (torch.arange(height, device=u_NCHW.device) - down_N[:, None] + 1).clamp(0, height + 1)
    columns = (torch.arange(width, device=u_NCHW.device) - right_N[:, None] + 1).clamp(0, width + 1)
    padded = padded.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width + 2))
    return padded.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def _outside_hole(height: int, width: int, middle_row_N: Tensor, middle_column_N: Tensor) -> Tensor:
    """1 outside a rectangle of `HOLE` of either side around these places, 0 within; (n, 1, H, W)."""
    rows = torch.arange(height, device=middle_row_N.device, dtype=middle_row_N.dtype)
    columns = torch.arange(width, device=middle_row_N.device, dtype=middle_row_N.dtype)
    in_rows = (rows - middle_row_N[:, None]).abs() <= HOLE * height / 2
    in_columns = (columns - middle_column_N[:, None]).abs() <= HOLE * width / 2
    return 1 - (in_rows[:, None, :, None] & in_columns[:, None, None, :]).to(middle_row_N.dtype)
