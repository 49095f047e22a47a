"""Which sub-pixels a feature may see: masks A and B of PixelRNN, with colour groups.

An image is read in raster order, row by row and from left to right, and inside a pixel first R, then G, then B. A
feature of colour group g at pixel (r, c) may depend on all pixels before (r, c) and, inside it, on the colours before g
(mask A, the first layer) or also on what itself belongs to group g (mask B, all later layers).

Under a law of the whole pixel (`DiscretisedLogisticMixture`) the colours of a pixel are one event: there is one group.

Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, section 3.4. Shapes: O features out, I in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rounded_up(n_features: int, n_groups: int) -> int:
    """The least number of features, at least ``n_features``, that splits into groups of one size."""
    return -(-n_features // n_groups) * n_groups


@dataclass(frozen=True)
class Groups:
    """The colour group of each feature, see `colour_groups`; as three numbers, since a model file may ask for more
    features than memory holds."""

    n_features: int
    n_groups: int
    parts: int = 1

    def __post_init__(self) -> None:
        if self.n_features % self.n_groups:
            message = f"{self.n_features} features cannot be split into {self.n_groups} colour groups of one size"
            raise ValueError(message)

    def __len__(self) -> int:
        return self.parts * self.n_features

    def of_each(self, values: Tensor) -> Tensor:
        """From a value for each group, (n_groups,), to that of each feature, (parts * n_features,)."""
        return values.repeat_interleave(self.n_features // self.n_groups).repeat(self.parts)

    def tensor(self) -> Tensor:
        """The groups themselves, (parts * n_features,) int64."""
        return self.of_each(torch.arange(self.n_groups))


def colour_groups(n_features: int, n_groups: int, parts: int = 1) -> Groups:
    """The colour group of each of parts * n_features features.

    Args:
        n_features: a multiple of n_groups; the first n_features / n_groups belong to group 0, and so on.
        parts: how often that pattern repeats: the gates of an LSTM (4) or of a gated unit (2) are split into groups
            each for itself, or a colour would gate the colours before it.
    """
    return Groups(n_features, n_groups, parts)


def n_groups_seen(group: int, mask: str) -> int:
    """How many groups of the same pixel a feature of this group may see: these are the first ones.

    Args:
        mask: "A": only the groups before its own. "B": these and its own.
    """
    if mask not in ("A", "B"):
        raise ValueError(f"mask must be 'A' or 'B', not {mask!r}")
    return group if mask == "A" else group + 1


def centre_mask(out_groups: Groups, in_groups: Groups, mask: str) -> Tensor:
    """Whether each feature out may see each feature in of the same pixel, (O, I) bool; see `n_groups_seen`."""
    seen = torch.tensor([n_groups_seen(group, mask) for group in range(out_groups.n_groups)])
    return in_groups.tensor() < out_groups.of_each(seen)[:, None]


class MaskedConv2d(nn.Module):
    """A convolution that sees the ``kernel // 2`` rows above, the columns to the left, and the centre through a mask.

    Of a kernel x kernel convolution only the rows up to its centre are kept: the rows below are masked for every
    feature. So the weight has the shape (O, I, kernel // 2 + 1, kernel). If it sees its ``one_row`` only, the columns
    to the right of the centre are masked for every feature as well, and its shape is (O, I, 1, kernel // 2 + 1). The
    same size comes out.

    Args:
        in_groups, out_groups: the colour group of each feature, see `colour_groups`.
        kernel: odd, the width.
        mask: "A" or "B", for the centre.
        one_row: sees its own row only.
        dilation: of a convolution of one row: how many columns lie from one that it sees to the next.
    """

    def __init__(
        self,
        in_groups: Groups,
        out_groups: Groups,
        kernel: int,
        mask: str,
        *,
        one_row: bool = False,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"the kernel of a masked convolution must be odd and positive, not {kernel}")
        if dilation != 1 and not one_row:
            raise ValueError(f"only a convolution of one row can be dilated, and not by {dilation} one of several rows")
        self.reach, self.dilation = kernel // 2, dilation
        self.rows_above = 0 if one_row else self.reach
        self._structure = (in_groups, out_groups, kernel, self.rows_above, mask)
        # The first group sees least, and of the centre all if there is no other.
        sees_all_of_centre = n_groups_seen(0, mask) >= in_groups.n_groups
        self.is_masked = self.rows_above > 0 or not sees_all_of_centre
        # Registered before anything else is computed: here ends the reading of a file that asks for too large a one.
        columns = kernel if self.rows_above else self.reach + 1
        shape = (len(out_groups), len(in_groups), self.rows_above + 1, columns)
        self.weight = nn.Parameter(2 * torch.rand(shape) - 1)
        bound = _bound(*self._structure)
        with torch.no_grad():
            self.weight.mul_(bound[:, None, None, None])
        self.bias = nn.Parameter((2 * torch.rand(len(out_groups)) - 1) * bound) if bias else None

    @property
    def allowed(self) -> Tensor:
        """Which weights count, bool, in the shape of the weight."""
        return _allowed(*self._structure, self.weight.device)

    def masked_weight(self) -> Tensor:
        """The weight, zero where a feature may not look."""
        return self.weight * self.allowed if self.is_masked else self.weight

    def forward(self, h_NIHW: Tensor) -> Tensor:
        weight = self.masked_weight()
        if self.reach == 0:
            return F.conv2d(h_NIHW, weight, self.bias)
        if self.rows_above:
            return F.conv2d(F.pad(h_NIHW, (self.reach, self.reach, self.rows_above, 0)), weight, self.bias)
        padded_NIHW = F.pad(h_NIHW, (self.reach * self.dilation, 0))
        return F.conv2d(padded_NIHW, weight, self.bias, dilation=(1, self.dilation))


def _bound(in_groups: Groups, out_groups: Groups, kernel: int, rows_above: int, mask: str) -> Tensor:
    """Of PyTorch's initialisation, 1 / sqrt(inputs), with the inputs that each feature really has; (O,)."""
    before = rows_above * kernel + kernel // 2  # pixels, each seen whole
    of_one_group = len(in_groups) // in_groups.n_groups
    n_inputs = [
        before * len(in_groups) + min(n_groups_seen(group, mask), in_groups.n_groups) * of_one_group
        for group in range(out_groups.n_groups)
    ]
    bound = torch.tensor(n_inputs).clamp(min=1).double().rsqrt().to(torch.get_default_dtype())
    return out_groups.of_each(bound)


@lru_cache(maxsize=128)
def _allowed(
    in_groups: Groups,
    out_groups: Groups,
    kernel: int,
    rows_above: int,
    mask: str,
    device: torch.device,
) -> Tensor:
    """The mask of a `MaskedConv2d`: no buffer, as it follows from the arguments and a model file has no say in it."""
    # A mask made under inference_mode could not be used for training afterwards.
    with torch.inference_mode(False), torch.device("cpu"):
        allowed = torch.zeros(len(out_groups), len(in_groups), rows_above + 1, kernel, dtype=torch.bool)
        allowed[:, :, :-1] = True
        allowed[:, :, -1, : kernel // 2] = True
        allowed[:, :, -1, kernel // 2] = centre_mask(out_groups, in_groups, mask)
        return (allowed if rows_above else allowed[..., : kernel // 2 + 1]).to(device)
