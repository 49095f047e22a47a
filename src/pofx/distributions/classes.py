"""Classes of images whose label is not known: p(y|x) by Bayes' rule, and training through the marginal.

    log p(x) = log sum_y p(y) p(x|y),        d log p(x) = sum_y p(y|x) d log p(x|y):

the gradient of the marginal is that of log p(x|y) for a y drawn from p(y|x), on average. So an image without a label is
given one by a draw (the E step of a stochastic EM, Celeux and Diebolt 1985), and its loss is computed once, not once a
class; what it costs besides is log p(x|y) of all classes without a gradient. And log p(x|y) + log p(y) - log p(y|x) is
log p(x) whichever y was drawn: there is no noise in the value. Where a bound stands for log p(x|y), r(y) in proportion
to p(y) exp(bound(x|y)) stands for p(y|x), and log p(x) >= E_r[bound(x|y) + log p(y) - log r(y)].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pofx.distributions.numerics import in_double

#: For this share of a training only images with a label are learned from. Classes that mean nothing yet would else be
#: given to the others at random, and the model learn from that that labels mean nothing.
LABELS_ALONE = 0.1


def of_every_class(values: Tensor, n_classes: int, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """function(values, y) for each class code y = 0..n_classes - 1, float64, along a new second axis."""
    columns = [
        in_double(function(values, torch.full((len(values),), code, device=values.device))) for code in range(n_classes)
    ]
    return torch.stack(columns, dim=1)


def at_first_labelled(x: Tensor, codes: Tensor, progress: float) -> tuple[Tensor, Tensor]:
    """Those images of a batch that have a label, and their codes, in the first `LABELS_ALONE` of a training; later all.

    Args:
        codes: (n,), negative of images without a label.
        progress: share of the training that is done.
    """
    labelled_N = codes >= 0
    if progress >= LABELS_ALONE or not bool(labelled_N.any()):
        return x, codes
    return x[labelled_N], codes[labelled_N]


def impute(
    codes: Tensor, log_prior_K: Tensor, conditional: Callable[[Tensor], Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Codes in which every image has a class, drawn from p(y|x) where it had none.

    Args:
        codes: (n,), negative of images without a label.
        log_prior_K: log p(y), (n_classes,).
        conditional: positions of images (m,) -> log p(x|y) for every class, (m, n_classes), or a bound on it; called
            without gradients, of images without a label alone.

    Returns:
        Codes (n,), and log p(y) - log p(y|x) of the classes drawn, (n,), float64, 0 of images that had a label: what
        log p(x|y) needs to become log p(x).
    """
    correction_N = in_double(torch.zeros(len(codes), device=codes.device))
    positions = torch.nonzero(codes < 0).flatten()
    if not len(positions):
        return codes, correction_N
    with torch.no_grad():
        conditional_MK = in_double(conditional(positions))
        log_prior_K = log_prior_K.to(conditional_MK.device)
        log_posterior_MK = torch.log_softmax(conditional_MK + log_prior_K, dim=1)
        # By the inverse of the distribution function: the noise comes from where the generator is.
        uniform_M = torch.rand(len(positions), generator=generator, device=generator.device).to(log_posterior_MK.device)
        below_MK = log_posterior_MK.exp().cumsum(dim=1) <= uniform_M[:, None]
        drawn_M = below_MK.sum(dim=1).clamp(max=len(log_prior_K) - 1)
        of_drawn_M = log_prior_K[drawn_M] - log_posterior_MK.gather(1, drawn_M[:, None])[:, 0]
    return (
        codes.index_copy(0, positions, drawn_M.to(codes.device)),
        correction_N.index_copy(0, positions.to(correction_N.device), of_drawn_M),
    )
