"""Unknown sub-pixels x_u given known ones x_k, by a Markov chain on them and the latents.

Pseudo-Gibbs sampling (Rezende, Mohamed, Wierstra 2014, arXiv 1401.4082, appendix F) draws in turn

    z ~ q(z | x_k, x_u),    x_u ~ p(x_u | x_k, z),

which is Gibbs sampling of p(z, x_u | x_k) where q is p(z | x), and has another law where it is not. Metropolis within
Gibbs (Mattei & Frellsen 2018, arXiv 1802.04826, section 4) makes of the first draw a proposal z', and moves there with
probability

    min(1, w(z') / w(z)),    w(z) = p(x | z) p(z) / q(z | x):

p(z, x_u | x_k) is then stationary, whatever q is worth; what q is worth decides how soon the chain comes to it.

The class of a conditional model without labels is a part of the chain: y ~ p(y | z, x_k), proportional to p(y)
p(x_k | z, y), then x_u ~ p(x_u | x_k, z, y); both together are one draw from p(y, x_u | z, x_k).

Shapes: N chains, L latent dimensions, K classes, Q numbers of noise a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pofx.distributions import normal
from pofx.distributions.law import PixelLaw, gumbel_noise, uniform_noise
from pofx.distributions.numerics import in_double
from pofx.families.variational.module import VAEModule
from pofx.families.variational.reparameterization import reparameterize

#: Draws from p(z) an image, of which one, drawn in proportion to p(x_k | z), is where its chain begins.
CANDIDATES = 16
#: Steps of which the noise is drawn at once. It is part of what a seed means.
STEPS_A_BLOCK = 16


def unsettled(law: PixelLaw, known_NCHW: Tensor) -> Tensor:
    """Pixels N1HW in which a known channel comes after an unknown one that it depends on.

    There p(x_k | z) is a sum over all values of the unknown channel, and p(x_u | x_k, z) is not drawn channel by
    channel. Elsewhere both follow from log p(x_c | x_<c, z).
    """
    if law.channels_are_independent:
        return torch.zeros_like(known_NCHW[:, :1])
    leading_NCHW = known_NCHW.to(torch.int8).cumprod(1).bool()
    return (known_NCHW & ~leading_NCHW).any(dim=1, keepdim=True)


def masked_log_likelihood(law: PixelLaw, parameters_NPHW: Tensor, x_NCHW: Tensor, mask_NCHW: Tensor) -> Tensor:
    """The sum of log p(x_c | x_<c, z) over the sub-pixels of a mask; (n,), float64."""
    terms_NCHW = in_double(law.log_prob(parameters_NPHW, x_NCHW))
    return torch.where(mask_NCHW.to(terms_NCHW.device), terms_NCHW, 0.0).flatten(1).sum(dim=1)


class Problem(NamedTuple):
    """What is to be completed.

    Attributes:
        law: of a pixel, of levels or of scaled reals, as x holds them.
        x_NCHW: any values that the network can read where not known.
        codes: classes (n,) of a conditional model, or None.
        log_prior_K: log p(y) where such a model has none; the class is then drawn, too.
        log_prior: log p(z), by the parameters of the prior as they are.
        discrete: whether x holds levels.
    """

    module: VAEModule
    law: PixelLaw
    log_prior: Callable[[Tensor], Tensor]
    x_NCHW: Tensor
    known_NCHW: Tensor
    codes: Tensor | None
    log_prior_K: Tensor | None
    discrete: bool


class Noise(NamedTuple):
    """The noise of some steps, each with the steps in front; of what is not drawn, empty."""

    latent_SNL: Tensor
    acceptance_SN: Tensor
    pixel_SNQHW: Tensor
    class_SNK: Tensor
    swap_SN1HW: Tensor


@dataclass
class State:
    """Where the chains are.

    Attributes:
        parameters_NPHW: of the law of a pixel, at z and y.
        accepted_N: how many proposals were accepted.
    """

    x_NCHW: Tensor
    z_NL: Tensor
    codes: Tensor | None
    parameters_NPHW: Tensor
    accepted_N: Tensor


def run_chains(
    problem: Problem,
    streams: Sequence[torch.Generator],
    *,
    n_steps: int,
    n_pseudo: int,
    chunk: int,
    advance: Callable[[], object] = lambda: None,
) -> State:
    """The last state of a chain for each image.

    Args:
        streams: a generator for each image, on the device of the network: no image's numbers depend on another's.
        n_steps: steps in all.
        n_pseudo: the first of them, whose proposals are all accepted: from a bad beginning, of which q makes nothing
            of a kind that could be accepted, pseudo-Gibbs sampling leads to where the images are.
        chunk: images that the decoder takes at once.
    """
    state = _start(problem, streams, chunk)
    for first in range(0, n_steps, STEPS_A_BLOCK):
        noise = noise_of_steps(problem, streams, STEPS_A_BLOCK)
        for s in range(min(STEPS_A_BLOCK, n_steps - first)):
            _move_latents(problem, state, noise, s, always=first + s < n_pseudo)
            if problem.log_prior_K is not None:
                draw_classes(problem, state, noise, s)
            draw_unknown(problem, state, noise, s)
            advance()
    return state


def _move_latents(problem: Problem, state: State, noise: Noise, s: int, *, always: bool) -> None:
    """z' ~ q(z | x, y), accepted with probability min(1, w(z') / w(z)), or ``always``."""
    module, law = problem.module, problem.law
    mean_NL, log_variance_NL = module.encode(module.scaled(state.x_NCHW, discrete=problem.discrete), state.codes)
    z_NL = reparameterize(mean_NL, log_variance_NL, noise.latent_SNL[s])
    parameters_NPHW = module.decode(z_NL, state.codes)
    if always:
        state.z_NL, state.parameters_NPHW = z_NL, parameters_NPHW
        return

    def log_w(z: Tensor, parameters: Tensor) -> Tensor:
        log_p_N = in_double(law.log_prob(parameters, state.x_NCHW)).flatten(1).sum(dim=1)
        log_p_N = log_p_N + in_double(problem.log_prior(z))
        return log_p_N - in_double(normal.log_density(z, mean_NL, log_variance_NL))

    log_ratio_N = log_w(z_NL, parameters_NPHW) - log_w(state.z_NL, state.parameters_NPHW)
    accepted_N = (in_double(noise.acceptance_SN[s]).log() < log_ratio_N).to(z_NL.device)
    state.z_NL = torch.where(accepted_N[:, None], z_NL, state.z_NL)
    state.parameters_NPHW = torch.where(accepted_N[:, None, None, None], parameters_NPHW, state.parameters_NPHW)
    state.accepted_N = state.accepted_N + accepted_N


def draw_classes(problem: Problem, state: State, noise: Noise, s: int) -> None:
    """y ~ p(y | z, x_k); of unsettled pixels all channels count, as they are."""
    assert problem.log_prior_K is not None
    seen_NCHW = problem.known_NCHW | unsettled(problem.law, problem.known_NCHW)
    state.codes = _drawn_classes(problem, state.z_NL, state.x_NCHW, seen_NCHW, noise.class_SNK[s])
    state.parameters_NPHW = problem.module.decode(state.z_NL, state.codes)


def _drawn_classes(problem: Problem, z_NL: Tensor, x_NCHW: Tensor, seen_NCHW: Tensor, gumbel_NK: Tensor) -> Tensor:
    assert problem.log_prior_K is not None
    scores = []
    for code, log_p in enumerate(problem.log_prior_K):
        parameters_NPHW = problem.module.decode(z_NL, torch.full((len(z_NL),), code, device=z_NL.device))
        scores.append(masked_log_likelihood(problem.law, parameters_NPHW, x_NCHW, seen_NCHW) + log_p)
    return (torch.stack(scores, dim=1) + in_double(gumbel_NK)).argmax(dim=1).to(z_NL.device)


def draw_unknown(problem: Problem, state: State, noise: Noise, s: int) -> None:
    """x_u ~ p(x_u | x_k, z, y).

    In unsettled pixels a draw x'_u, channel by channel given those before it, is a proposal, too: it is accepted, pixel
    by pixel, with probability min(1, prod over known c of p(x_c | x'_<c) / p(x_c | x_<c)).
    """
    law, known_NCHW = problem.law, problem.known_NCHW
    drawn_NCHW = law.draw(state.parameters_NPHW, noise.pixel_SNQHW[s], state.x_NCHW, known_NCHW)
    drawn_NCHW = drawn_NCHW.to(state.x_NCHW.dtype)
    unsettled_N1HW = unsettled(law, known_NCHW)
    if bool(unsettled_N1HW.any()):
        ratio_NCHW = law.log_prob(state.parameters_NPHW, drawn_NCHW) - law.log_prob(state.parameters_NPHW, state.x_NCHW)
        log_ratio_N1HW = in_double(torch.where(known_NCHW, ratio_NCHW, 0.0)).sum(dim=1, keepdim=True)
        stays_N1HW = (in_double(noise.swap_SN1HW[s]).log() >= log_ratio_N1HW).to(unsettled_N1HW.device)
        drawn_NCHW = torch.where(stays_N1HW & unsettled_N1HW, state.x_NCHW, drawn_NCHW)
    state.x_NCHW = drawn_NCHW


def _start(problem: Problem, streams: Sequence[torch.Generator], chunk: int) -> State:
    """One of `CANDIDATES` draws of (z, y) from the prior, in proportion to p(x_k | z, y), and x_u ~ p(x_u | x_k, z, y).

    (In unsettled pixels x_k counts given what stands at the unknown channels: for a beginning that will do.)
    """
    module, law, x_NCHW, known_NCHW = problem.module, problem.law, problem.x_NCHW, problem.known_NCHW
    n, like = len(x_NCHW), next(module.parameters())
    z_NSL = torch.stack([module.prior.sample(CANDIDATES, stream) for stream in streams])
    pick_NS = _stacked(streams, lambda stream: gumbel_noise(like.new_empty(CANDIDATES), stream))
    codes_NS = None
    if problem.log_prior_K is not None:
        like_SK = like.new_empty(CANDIDATES, len(problem.log_prior_K))
        noise_NSK = _stacked(streams, lambda stream: gumbel_noise(like_SK, stream))
        codes_NS = (problem.log_prior_K + in_double(noise_NSK)).argmax(dim=2).to(x_NCHW.device)
    elif problem.codes is not None:
        codes_NS = problem.codes[:, None].expand(n, CANDIDATES)
    scores = []
    for s in range(CANDIDATES):
        parts = []
        for part in torch.arange(n, device=x_NCHW.device).split(chunk):
            parameters_NPHW = module.decode(z_NSL[part, s], None if codes_NS is None else codes_NS[part, s])
            parts.append(masked_log_likelihood(law, parameters_NPHW, x_NCHW[part], known_NCHW[part]))
        scores.append(torch.cat(parts))
    chosen_N = (torch.stack(scores, dim=1) + in_double(pick_NS)).argmax(dim=1).to(x_NCHW.device)
    here = torch.arange(n, device=x_NCHW.device)
    z_NL, codes = z_NSL[here, chosen_N], None if codes_NS is None else codes_NS[here, chosen_N]
    parameters_NPHW = module.decode(z_NL, codes)
    pixel_NQHW = _stacked(streams, lambda stream: law.noise((1, *x_NCHW.shape[2:]), like, stream)[0])
    drawn_NCHW = law.draw(parameters_NPHW, pixel_NQHW, x_NCHW, known_NCHW).to(x_NCHW.dtype)
    return State(drawn_NCHW, z_NL, codes, parameters_NPHW, torch.zeros(n, device=x_NCHW.device))


def noise_of_steps(problem: Problem, streams: Sequence[torch.Generator], steps: int) -> Noise:
    """The noise of the next steps."""
    module, law = problem.module, problem.law
    like, shape_HW = next(module.parameters()), problem.x_NCHW.shape[2:]
    n_classes = 0 if problem.log_prior_K is None else len(problem.log_prior_K)
    draws_swaps, none = not law.channels_are_independent, like.new_empty(steps)

    def of_one(stream: torch.Generator) -> tuple[Tensor, ...]:
        return (
            torch.randn(steps, module.latent_dim, generator=stream, dtype=like.dtype, device=like.device),
            uniform_noise(none, stream),
            law.noise((steps, *shape_HW), like, stream),
            gumbel_noise(like.new_empty(steps, n_classes), stream) if n_classes else none,
            uniform_noise(like.new_empty(steps, 1, *shape_HW), stream) if draws_swaps else none,
        )

    parts = zip(*(of_one(stream) for stream in streams), strict=True)
    return Noise(*(torch.stack(part, dim=1) for part in parts))


def _stacked(streams: Sequence[torch.Generator], draw: Callable[[torch.Generator], Tensor]) -> Tensor:
    return torch.stack([draw(stream) for stream in streams])
