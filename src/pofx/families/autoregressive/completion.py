"""Filling in unknown sub-pixels: x_unknown ~ p(x_unknown | x_known).

Ancestral sampling draws each unknown sub-pixel given all before it, known or drawn. Where the known sub-pixels come
before the unknown ones in raster order, that is exactly the conditional law. Otherwise it pays no heed to the known
ones that come later, and sequential Monte Carlo does: S particles an image are drawn row by row, each weighted by

    w = prod over known i of p(x_i | x_<i),

and resampled where few of them carry the weight; one is drawn in proportion to its weight at the end. That is exact
only as S grows without limit (Doucet, de Freitas, Gordon 2001): with S particles the completions are the better, the
less the later known sub-pixels disagree with what ancestral sampling would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pofx.distributions.numerics import from_double, in_double
from pofx.families.autoregressive.chain_rule import log_p_terms
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.sampling import Canvas, Method, draw_images


def leading(known_NCHW: Tensor) -> Tensor:
    """The known sub-pixels that come before every unknown one, in raster order, R before G before B; NCHW."""
    n, channels, height, width = known_NCHW.shape
    in_order_ND = known_NCHW.permute(0, 2, 3, 1).flatten(1).to(torch.int8)
    return in_order_ND.cumprod(1).bool().reshape(n, height, width, channels).permute(0, 3, 1, 2)


def complete_images(
    module: AutoregressiveModule,
    canvas: Canvas,
    method: Method,
    n_particles: int,
    log_prior_K: Tensor | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Draw the unknown sub-pixels of a canvas given the known ones; levels NCHW.

    Args:
        n_particles: S; 1 is ancestral sampling. Not used where that is exact.
        log_prior_K: log p(y) of a conditional model whose canvas has no class codes: each particle then has a class of
            its own, drawn from p(y | the known sub-pixels that come first).
    """
    assert canvas.known_NCHW is not None
    n = len(canvas.x_NCHW)
    leading_NCHW = leading(canvas.known_NCHW)
    if bool((leading_NCHW == canvas.known_NCHW).all()):
        n_particles = 1  # exact
    elif n_particles > 1 and method == "naive":
        raise ValueError("method='naive' draws no particles: take 'cached' or 'jacobi', or n_particles=1")
    codes = canvas.codes
    if log_prior_K is not None:
        posterior_NK = from_double(_posterior(module, canvas.x_NCHW, leading_NCHW, log_prior_K), canvas.x_NCHW.device)
        codes = torch.multinomial(posterior_NK, n_particles, replacement=True, generator=canvas.generator).flatten()
    elif codes is not None:
        codes = codes.repeat_interleave(n_particles)
    canvas.codes = codes
    if n_particles == 1:
        return draw_images(module, canvas, method, progress=progress)
    canvas.select(torch.arange(n, device=canvas.x_NCHW.device).repeat_interleave(n_particles))
    later_NCHW = (canvas.known_NCHW & ~leading_NCHW.repeat_interleave(n_particles, 0)).clone()
    particles = _Particles(module, canvas.generator, later_NCHW, n, n_particles)
    drawn_NCHW = draw_images(module, canvas, method, after_row=particles.weigh, progress=progress)
    return drawn_NCHW[particles.winners()]


@torch.inference_mode()
def _posterior(module: AutoregressiveModule, x_NCHW: Tensor, leading_NCHW: Tensor, log_prior_K: Tensor) -> Tensor:
    """p(y | leading sub-pixels), NK, proportional to p(y) prod over leading i of p(x_i | x_<i, y)."""
    columns = []
    for code in range(len(log_prior_K)):
        codes = torch.full((len(x_NCHW),), code, device=x_NCHW.device)
        terms = in_double(log_p_terms(module.law, module(x_NCHW, codes).to(module.dtype), x_NCHW))
        columns.append((terms * leading_NCHW.to(terms.device)).flatten(1).sum(1))
    joint_NK = torch.stack(columns, 1)
    return (joint_NK + log_prior_K.to(joint_NK.device)).softmax(1)


class _Particles:
    """The weights of S particles for each of n images; particle s of image i has the place i S + s.

    Args:
        known_NCHW: the sub-pixels that weigh: known, and after some unknown one. The same for all particles of an
            image, so that no selection changes them.
    """

    def __init__(
        self, module: AutoregressiveModule, generator: torch.Generator, known_NCHW: Tensor, n: int, n_particles: int
    ) -> None:
        self.law, self.generator, self.known_NCHW = module.law, generator, known_NCHW
        device = known_NCHW.device
        self.log_w_NS = in_double(torch.zeros(n, n_particles, device=device))
        self.first_N1 = torch.arange(n, device=device)[:, None] * n_particles

    def weigh(self, r: int, parameters_NP1W: Tensor, x_NCW: Tensor) -> Tensor | None:
        """Take the known sub-pixels of a row into the weights; the particles to go on with, if some are resampled."""
        terms = in_double(log_p_terms(self.law, parameters_NP1W, x_NCW.unsqueeze(2)))
        known = (terms * self.known_NCHW[:, :, r : r + 1].to(terms.device)).flatten(1).sum(1)
        self.log_w_NS += known.reshape(self.log_w_NS.shape)
        w_NS = self.log_w_NS.softmax(1)
        n_particles = w_NS.shape[1]
        poor_N = 1 / w_NS.square().sum(1) < n_particles / 2  # effective sample size
        if not bool(poor_N.any()):
            return None
        kept_NS = torch.arange(n_particles, device=w_NS.device).expand_as(w_NS).clone()
        kept_NS[poor_N] = self._resampled(w_NS[poor_N])
        self.log_w_NS[poor_N] = 0.0
        return (self.first_N1 + kept_NS.to(self.first_N1.device)).flatten()

    def winners(self) -> Tensor:
        """One particle of each image, drawn in proportion to its weight."""
        chosen_N1 = torch.multinomial(
            from_double(self.log_w_NS.softmax(1), self.first_N1.device), 1, generator=self.generator
        )
        return (self.first_N1 + chosen_N1).flatten()

    def _resampled(self, w_NS: Tensor) -> Tensor:
        """Systematic resampling: S evenly spaced points with one random offset, an image."""
        n, n_particles = w_NS.shape
        device = self.first_N1.device
        dtype = torch.float32 if device.type == "mps" else torch.float64
        offset_N1 = in_double(torch.rand(n, 1, dtype=dtype, generator=self.generator, device=device))
        points_NS = (torch.arange(n_particles, device=w_NS.device) + offset_N1) / n_particles
        return torch.searchsorted(w_NS.cumsum(1), points_NS).clamp(max=n_particles - 1)
