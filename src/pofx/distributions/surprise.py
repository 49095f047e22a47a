"""How the surprise -log p(x_i) is spread over the sub-pixels of an image.

Two images of the same log p(x) may differ in it: one is a little surprising everywhere, the other very much so in one
place. That tells more about what belongs than log p(x) itself (Nalisnick et al. 2019, arXiv 1810.09136).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.distributions.numerics import in_double

SPREAD_NAMES = (
    "surprise_deviation",  # standard deviation over sub-pixels, nats
    "surprise_quantile_95",  # 95 % quantile over sub-pixels, nats
    "surprise_mean_log",  # mean over sub-pixels of its logarithm
)


def surprise_spread(surprise_NCHW: Tensor) -> Tensor:
    """The numbers `SPREAD_NAMES` of each image, (n, 3), float64."""
    terms = in_double(surprise_NCHW.flatten(1))
    # A density can exceed 1; the logarithm needs a positive number, and the floor keeps a mass of 1 finite.
    positive = terms.clamp(min=1e-6)
    return torch.stack(
        [terms.std(dim=1, correction=0), torch.quantile(terms, 0.95, dim=1), positive.log().mean(dim=1)], dim=1
    )
