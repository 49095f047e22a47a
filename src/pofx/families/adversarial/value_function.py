"""The value of the game between a generator G and a discriminator D, and what either player minimises.

Shapes: d_N, logits of N images: D(x) = sigmoid(d(x)) is the probability that x is real. All values in nats, means over
the batch, 0-dimensional.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor
from torch.nn.functional import softplus

Objective = Literal["relativistic", "non_saturating", "minimax"]


def value(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))], which D maximises and G minimises.

    From logits, log D = -softplus(-d) and log(1 - D) = -softplus(d), so that no logit is too large. For the best D
    against a fixed G it is -log 4 + 2 JSD(p_data || p_G); of a discriminator of the relativistic game it tells nothing,
    for that game fixes d but for a constant. Source: Goodfellow et al. 2014, arXiv 1406.2661, eq. 1 and
    theorem 1.
    """
    return -softplus(-real_N).mean() - softplus(generated_N).mean()


def discriminator_loss(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """-V(D, G): the classical discriminator's loss, whatever the generator minimises."""
    return -value(real_N, generated_N)


def minimax_loss(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))]: the generator's part of V. Its gradient vanishes where D is sure (section 3 there)."""
    return -softplus(generated_N).mean()


def non_saturating_loss(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """-E[log D(G(z))]: the same fixed point, and a gradient where D is sure (Goodfellow et al. 2014, section 3)."""
    return softplus(-generated_N).mean()


def relativistic_discriminator_loss(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """E[softplus(-(d(x) - d(G(z))))]: a real image is to be more real than the generated one it is paired with.

    Its least value is log 2 - JSD(p_data x p_G || p_G x p_data), the divergence of pairs in either order, at
    d = log p_data - log p_G + c for any c: so sigmoid(d) is no probability, and the divergence is not that of
    p_data and p_G themselves, which is smaller. Source: Jolicoeur-Martineau 2018, arXiv 1807.00734; with both penalties
    Huang et al. 2025, arXiv 2501.05441, eq. 2.
    """
    return softplus(generated_N - real_N).mean()


def relativistic_generator_loss(real_N: Tensor, generated_N: Tensor) -> Tensor:
    """E[softplus(-(d(G(z)) - d(x)))], the reverse."""
    return softplus(real_N - generated_N).mean()


Loss = Callable[[Tensor, Tensor], Tensor]
#: Of each objective what the discriminator and what the generator minimises, from logits of real and generated images.
LOSSES: dict[Objective, tuple[Loss, Loss]] = {
    "relativistic": (relativistic_discriminator_loss, relativistic_generator_loss),
    "non_saturating": (discriminator_loss, non_saturating_loss),
    "minimax": (discriminator_loss, minimax_loss),
}
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
