"""RealNVP as the law of the latents: an invertible network that turns z into standard normal noise.

Dinh, Sohl-Dickstein, Bengio 2017, arXiv 1605.08803. Shapes: z_SNL latents with any leading axes, e_SNL noise of the
same shape, log-determinants (...,) in nats.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pofx.distributions import normal
from pofx.families.variational.priors import Prior, standard_normal
from pofx.nn.blocks import mlp

#: |log s| of one coupling stays below this: no single layer can stretch or squeeze by more than a factor of e^2.
MAX_LOG_SCALE = 2.0
#: Hidden layers of the network in a coupling.
HIDDEN_LAYERS = 2


class AffineCoupling(nn.Module):
    """(a, b) -> (b * exp(s(a)) + t(a), a): half of the numbers are moved and scaled as the other half says.

    log |det| = sum_j s_j(a), with |s_j| < 2 by a tanh (equations 4 to 8 of the paper). The halves change places, so
    that the next coupling moves the other one. The last layer starts at zero: the layer starts as a mere exchange.

    Args:
        latent_dim: L, at least 2; a has L // 2 numbers where ``first``, else L - L // 2.
        first: whether the smaller half leads.
        width: hidden units.
    """

    def __init__(self, latent_dim: int, first: bool, width: int) -> None:
        super().__init__()
        self.n_a = latent_dim // 2 if first else latent_dim - latent_dim // 2
        self.n_b = latent_dim - self.n_a
        self.hidden, n_features = mlp(self.n_a, width, HIDDEN_LAYERS)
        self.head = nn.Linear(n_features, 2 * self.n_b)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z_SNL: Tensor) -> tuple[Tensor, Tensor]:
        """What comes out, of the same shape, and log |det| of the Jacobian."""
        a, b = z_SNL.split([self.n_a, self.n_b], dim=-1)
        s, t = self._scale_and_shift(a)
        return torch.cat([b * s.exp() + t, a], dim=-1), s.sum(dim=-1)

    def inverse(self, e_SNL: Tensor) -> Tensor:
        """What `forward` made this of."""
        moved, a = e_SNL.split([self.n_b, self.n_a], dim=-1)
        s, t = self._scale_and_shift(a)
        return torch.cat([a, (moved - t) * (-s).exp()], dim=-1)

    def _scale_and_shift(self, a: Tensor) -> tuple[Tensor, Tensor]:
        raw, t = self.head(self.hidden(a)).chunk(2, dim=-1)
        return MAX_LOG_SCALE * torch.tanh(raw / MAX_LOG_SCALE), t


class RealNVP(Prior):
    """The law of z = f^{-1}(e), e ~ N(0, I), for an invertible f made of affine couplings:

        log p(z) = log N(f(z); 0, I) + log |det df/dz|.

    Dinh et al. 2017, arXiv 1605.08803, equation 2. After every two couplings the dimensions are riffled (the even ones,
    then the odd ones), so that each meets ever other ones. It starts as N(0, I).

    Args:
        latent_dim: L, at least 2: a coupling has two halves.
        n_couplings: how many.
        width: hidden units of the network in each.
    """

    def __init__(self, latent_dim: int, n_couplings: int, width: int) -> None:
        super().__init__()
        if latent_dim < 2:
            raise ValueError(
                'prior="flow" needs a latent_dim of at least 2: a coupling moves one half as the other says'
            )
        self.latent_dim = latent_dim
        self.couplings = nn.ModuleList(AffineCoupling(latent_dim, i % 2 == 0, width) for i in range(n_couplings))

    def forward(self, z_SNL: Tensor) -> tuple[Tensor, Tensor]:
        """The noise e = f(z), and log |det df/dz|."""
        log_det_SN = torch.zeros(z_SNL.shape[:-1], dtype=z_SNL.dtype, device=z_SNL.device)
        for i, coupling in self._numbered():
            z_SNL, log_scale_SN = coupling(z_SNL)
            log_det_SN = log_det_SN + log_scale_SN
            if i % 2:
                z_SNL = riffled(z_SNL)
        return z_SNL, log_det_SN

    def inverse(self, e_SNL: Tensor) -> Tensor:
        """The z with f(z) = e."""
        for i, coupling in reversed(list(self._numbered())):
            if i % 2:
                e_SNL = unriffled(e_SNL)
            e_SNL = coupling.inverse(e_SNL)
        return e_SNL

    def log_density(self, z_SNL: Tensor) -> Tensor:
        e_SNL, log_det_SN = self(z_SNL)
        return normal.standard_log_density(e_SNL) + log_det_SN

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        like_1L = next(self.parameters()).new_empty(1, self.latent_dim)
        return self.inverse(standard_normal(like_1L, n, generator))

    def _numbered(self) -> Iterator[tuple[int, AffineCoupling]]:
        for i, coupling in enumerate(self.couplings):
            assert isinstance(coupling, AffineCoupling)
            yield i, coupling


def riffled(z_SNL: Tensor) -> Tensor:
    """The even dimensions, then the odd ones."""
    return torch.cat([z_SNL[..., 0::2], z_SNL[..., 1::2]], dim=-1)


def unriffled(z_SNL: Tensor) -> Tensor:
    """The inverse of `riffled`."""
    n = z_SNL.shape[-1]
    back = torch.empty_like(z_SNL)
    back[..., 0::2], back[..., 1::2] = z_SNL.split([n - n // 2, n // 2], dim=-1)
    return back
