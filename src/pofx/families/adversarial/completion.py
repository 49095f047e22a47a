"""Unknown sub-pixels of an image from the latent whose image is most like the known ones.

Semantic inpainting (Yeh et al. 2017, arXiv 1607.07539): a latent z is sought, by gradient ascent from several starts,
for which G(z) agrees with the known part x_k and the whole looks real; its sub-pixels stand where none are known. What
ascends here is

    -n_k / 2 log(|G(z)_k - x_k|^2 / n_k + e) - |z|^2 / 2 + w d(x_k, G(z)_u):

the log-density of the n_k known sub-pixels under N(G(z), s^2), s^2 the best there is for this z; the log-density of z;
and the discriminator's logit of the completed image, at whose optimum in the relativistic game it is log p_data - log
p_G but for a constant. (The paper weighs errors by their distance from the hole, and has log(1 - D(G(z))) with a small
weight.)

Shapes: N images, S starts each, L latent dimensions; u_NCHW what the networks see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pofx.distributions.law import gumbel_noise
from pofx.distributions.numerics import in_double
from pofx.engine.ascent import Objective, ascended
from pofx.families.adversarial.module import GANModule

#: e: the error, in the scale of [-1, 1], below which a better fit of the known part is none.
LEAST_VARIANCE = 1e-4
#: Latents, for each start, of which the best begins there.
CANDIDATES = 16
#: The first step of the ascent, in the unit of z.
LEARNING_RATE = 0.1


class Problem(NamedTuple):
    """What is to be completed.

    Attributes:
        u_NCHW: as the networks see it; any finite numbers where not known.
        codes: classes (n,) of a conditional model, or None.
        log_prior_K: log p(y) where such a model has none: each start then has a class of its own.
        realism: w, the weight of the discriminator.
    """

    module: GANModule
    u_NCHW: Tensor
    known_NCHW: Tensor
    codes: Tensor | None
    log_prior_K: Tensor | None
    realism: float


def fit(problem: Problem, codes: Tensor | None) -> Objective:
    """What ascends, as a function of z; (n,), float64."""
    module, known_NCHW = problem.module, problem.known_NCHW
    n_known_N = in_double(known_NCHW.flatten(1).sum(dim=1))

    def value(z_NL: Tensor) -> Tensor:
        made_NCHW = module.generate(z_NL, codes)
        error_NCHW = torch.where(known_NCHW, made_NCHW - problem.u_NCHW, 0.0)
        error_N = in_double(error_NCHW**2).flatten(1).sum(dim=1) / n_known_N.clamp(min=1)
        value_N = -0.5 * n_known_N * torch.log(error_N + LEAST_VARIANCE) - 0.5 * (in_double(z_NL) ** 2).sum(dim=1)
        if problem.realism == 0:
            return value_N
        completed_NCHW = torch.where(known_NCHW, problem.u_NCHW, made_NCHW)
        return value_N + problem.realism * in_double(module.logits(completed_NCHW, codes))

    return value


def complete_images(problem: Problem, streams: Sequence[torch.Generator], *, n_starts: int, n_steps: int) -> Tensor:
    """The completed images as the networks see them, NCHW: the best of S ascents each.

    Args:
        streams: a generator for each image, on the device of the network.
        n_starts: S. Each is the best of `CANDIDATES` draws from N(0, I) and, without a class, from p(y). Where there is
            an encoder the worst of them gives way to E of the image that the best completes.
        n_steps: of each ascent.
    """
    every = problem._replace(
        u_NCHW=problem.u_NCHW.repeat_interleave(n_starts, dim=0),
        known_NCHW=problem.known_NCHW.repeat_interleave(n_starts, dim=0),
    )
    z_ML, codes_M = _starts(every, problem.codes, streams, n_starts)
    objective = fit(every, codes_M)
    with torch.inference_mode(False), torch.enable_grad():
        z_ML = ascended(objective, z_ML, n_steps=n_steps, learning_rate=LEARNING_RATE)
    with torch.no_grad():
        best_N = _best(objective(z_ML) + _log_prior(problem, codes_M), n_starts).to(z_ML.device)
        made_NCHW = problem.module.generate(z_ML[best_N], None if codes_M is None else codes_M[best_N])
        return torch.where(problem.known_NCHW, problem.u_NCHW, made_NCHW)


@torch.no_grad()
def _starts(
    every: Problem, codes: Tensor | None, streams: Sequence[torch.Generator], n_starts: int
) -> tuple[Tensor, Tensor | None]:
    """Latents and classes, start after start of each image, (n S, L) and (n S,)."""
    module, like = every.module, every.u_NCHW
    like_CSL = like.new_empty(CANDIDATES, n_starts, module.latent_dim)
    z_CML = _noise(streams, lambda stream: torch.empty_like(like_CSL).normal_(generator=stream))
    codes_CM: Tensor | None = None
    if every.log_prior_K is not None:
        like_CSK = like.new_empty(CANDIDATES, n_starts, len(every.log_prior_K))
        gumbel_CMK = _noise(streams, lambda stream: gumbel_noise(like_CSK, stream))
        codes_CM = (every.log_prior_K + in_double(gumbel_CMK)).argmax(dim=2).to(like.device)
    elif codes is not None:
        codes_CM = codes.repeat_interleave(n_starts).expand(CANDIDATES, -1)
    value_CM = torch.stack([fit(every, None if codes_CM is None else codes_CM[c])(z_CML[c]) for c in range(CANDIDATES)])
    best_M, here = value_CM.argmax(dim=0).to(like.device), torch.arange(len(like), device=like.device)
    z_ML, codes_M = z_CML[best_M, here], None if codes_CM is None else codes_CM[best_M, here]
    if module.encoder is not None:
        value_M = value_CM.amax(dim=0)
        best_N, worst_N = (_best(value, n_starts).to(like.device) for value in (value_M, -value_M))
        classes = None if codes_M is None else codes_M[best_N]
        made_NCHW = module.generate(z_ML[best_N], classes)
        z_ML[worst_N] = module.encode(torch.where(every.known_NCHW[best_N], like[best_N], made_NCHW))
        if codes_M is not None:
            codes_M[worst_N] = codes_M[best_N]
    return z_ML, codes_M


def _best(value_M: Tensor, n_starts: int) -> Tensor:
    """Which row has the highest value among those of each image, (n,)."""
    value_NS = value_M.unflatten(0, (-1, n_starts))
    return value_NS.argmax(dim=1) + n_starts * torch.arange(len(value_NS), device=value_M.device)


def _log_prior(problem: Problem, codes_M: Tensor | None) -> Tensor | float:
    """log p(y) of each start, where it has a class of its own."""
    if problem.log_prior_K is None or codes_M is None:
        return 0.0
    return problem.log_prior_K[codes_M.to(problem.log_prior_K.device)]


def _noise(streams: Sequence[torch.Generator], draw: Callable[[torch.Generator], Tensor]) -> Tensor:
    """(C, S, ...) from the stream of each image -> (C, n S, ...)."""
    return torch.stack([draw(stream) for stream in streams], dim=1).flatten(1, 2)
