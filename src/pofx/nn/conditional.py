"""A network that may be told the class of an image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConditionalModule(nn.Module):
    """What all networks of a conditional model share.

    Attributes:
        n_classes: 0 for an unconditional model.
    """

    n_classes: int

    def one_hot(self, codes: Tensor | None, n: int) -> Tensor:
        """Class codes (n,) -> (n, n_classes); no columns in an unconditional model."""
        if not self.n_classes:
            return torch.empty(n, 0, dtype=self.dtype, device=self.device)
        assert codes is not None, "a conditional network needs labels"
        return F.one_hot(codes, self.n_classes).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Of the weights."""
        return next(self.parameters()).device
