"""Bidirectional Monte Carlo: how tight annealed importance sampling is, on images that the model made itself.

Grosse, Ghahramani & Adams 2015 (arXiv 1511.02543); for decoders Wu et al. 2016 (arXiv 1611.04273). Of an image that was
drawn as z ~ p(z), x ~ p(x|z) one knows an exact draw from p(z|x), namely that z. Chains that start there and go the
path of `pofx.families.variational.annealing` backwards have E[exp(-log w)] = 1 / p(x): by Jensen their log w is an
upper bound on log p(x) in expectation. Of a real image no such z is known, and there is no upper bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.families.variational.annealing import Advance, Annealed, anneal, log_ratio_of, pilot_schedule
from pofx.families.variational.bounds import LogJoint
from pofx.families.variational.hamiltonian import place_at
from pofx.families.variational.noise_streams import NoiseStreams


class BothDirections(NamedTuple):
    """Chains that start from q, with E[w] = p(x), and chains that start from the exact z, with E[1/w] = 1/p(x)."""

    forward: Annealed
    backward: Annealed

    def lower(self) -> Tensor:
        """log (1/S) sum_s w_s of the forward chains; (n,)."""
        return torch.logsumexp(self.forward.log_w_SN, 0) - math.log(len(self.forward.log_w_SN))

    def upper(self) -> Tensor:
        """-log (1/S) sum_s 1 / w_s of the backward chains; (n,)."""
        return math.log(len(self.backward.log_w_SN)) - torch.logsumexp(-self.backward.log_w_SN, 0)


def bidirectional_monte_carlo(
    log_joint: LogJoint,
    mean_NL: Tensor,
    log_variance_NL: Tensor,
    exact_NL: Tensor,
    *,
    n_samples: int,
    n_temperatures: int,
    n_leapfrog: int,
    noise: NoiseStreams,
    pilot_noise: NoiseStreams,
    advance: Advance = lambda: None,
    chunk: int = 64,
) -> BothDirections:
    """Lower and upper estimates of log p(x) of simulated images, in the mean on either side of it.

    Args:
        log_joint: log p(x, z) of these N images.
        mean_NL, log_variance_NL: q(z | x), from which the forward chains start.
        exact_NL: for each image the z that it was drawn from: an exact draw from p(z|x). All backward chains of an
            image start there; each for itself has E[1/w] = 1/p(x), so that their mean has it too.
        noise: of the weighted chains, in both directions. pilot_noise: of the pilot, which fixes the step sizes for
            both and must know nothing of ``exact_NL``.
        n_samples, n_temperatures, n_leapfrog, advance, chunk: see `annealed_importance_sampling`.
    """
    log_ratio = log_ratio_of(log_joint, mean_NL, log_variance_NL, chunk)
    schedule = pilot_schedule(log_ratio, n_samples, n_temperatures, n_leapfrog, pilot_noise, advance)
    forward = anneal(log_ratio, place_at(log_ratio, noise.normal(n_samples)), schedule, noise, advance)
    exact_e_NL = (exact_NL - mean_NL) * torch.exp(-0.5 * log_variance_NL)
    start = place_at(log_ratio, exact_e_NL.expand(n_samples, *exact_NL.shape))
    backward = anneal(log_ratio, start, schedule.reversed(), noise, advance)
    return BothDirections(forward, Annealed(-backward.log_w_SN, backward.acceptance_N))


@dataclass(frozen=True)
class Certificate:
    """What bidirectional Monte Carlo found on images simulated from a model; nats an image.

    Attributes:
        lower, upper (n,): a lower and an upper estimate of log p(x) of each image (log p(x|y) of a conditional model).
            The means over repetitions are bounds; a single estimate may lie on the wrong side.
        confidence: 1 - delta, of each image's `interval`.
        images, labels: the simulated images, as `sample` gives them, and their classes (None if unconditional).
        acceptance (n,): mean acceptance of the forward and backward transitions.
        settings: n_samples, n_temperatures, n_leapfrog.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    confidence: float
    images: NDArray[Any] = field(repr=False)
    labels: NDArray[Any] | None = field(repr=False)
    acceptance: NDArray[np.float64]
    settings: dict[str, int]

    @property
    def lower_mean(self) -> float:
        """Mean of the lower estimates."""
        return float(self.lower.mean())

    @property
    def upper_mean(self) -> float:
        """Mean of the upper estimates."""
        return float(self.upper.mean())

    @property
    def lower_std_error(self) -> float:
        """Standard error of `lower_mean`, over images and noise; NaN of one image."""
        return _standard_error(self.lower)

    @property
    def upper_std_error(self) -> float:
        """Standard error of `upper_mean`."""
        return _standard_error(self.upper)

    @property
    def gap(self) -> float:
        """Mean of upper - lower: an unbiased estimate of how far both are from log p(x), together."""
        return float((self.upper - self.lower).mean())

    @property
    def gap_std_error(self) -> float:
        """Standard error of `gap`; that of the paired differences, far below those of the means."""
        return _standard_error(self.upper - self.lower)

    @property
    def interval(self) -> NDArray[np.float64]:
        """(n, 2): lower - log(2/delta) and upper + log(2/delta).

        Each image's log p(x) lies within with probability at least 1 - delta: E[w] = p(x), hence by Markov's inequality
        P(log w >= log p(x) + log(2/delta)) <= delta/2, and likewise 1/w on the other side.
        """
        widening = math.log(2 / (1 - self.confidence))
        return np.stack([self.lower - widening, self.upper + widening], axis=1)

    @property
    def statement(self) -> str:
        """In words: what this certifies, and what not."""
        chains, temperatures, leapfrog = (self.settings[k] for k in ("n_samples", "n_temperatures", "n_leapfrog"))
        what = "log p(x)" if self.labels is None else "log p(x|y)"
        widening = math.log(2 / (1 - self.confidence))
        if len(self.lower) == 1:
            apart = f"They are {self.gap:.3f} apart, and one image does not tell how far that is from its mean"
        else:
            most = max(self.gap, 0.0) + 2 * self.gap_std_error
            apart = (
                f"They are {self.gap:.3f} ({self.gap_std_error:.3f}) apart: by no more than that, so hardly by more "
                f"than {most:.3f} (two standard errors), annealed importance sampling with {chains} chains, "
                f"{temperatures} temperatures and {leapfrog} leapfrog steps is below {what} on average over such images"
            )

        def told(mean: float, error: float) -> str:
            return f"{mean:.3f} nats" + ("" if math.isnan(error) else f" (standard error {error:.3f})")

        images = "1 image" if len(self.lower) == 1 else f"{len(self.lower)} images"
        return (
            f"On {images} simulated from this model the mean {what} has a lower bound that is estimated at "
            f"{told(self.lower_mean, self.lower_std_error)} and an upper bound that is estimated at "
            f"{told(self.upper_mean, self.upper_std_error)}, both without bias. {apart}. "
            f"The {what} of any one of them lies between its lower estimate less {widening:.3f} nats and its upper "
            f"estimate plus as much with a probability of at least {self.confidence:g}; single estimates without this "
            "margin may lie on the wrong side. Not certified: how tight the bound is on real images, for which there "
            "is no upper bound, since no exact draw from their posterior is known (the lower bound holds for them too, "
            "on average over its noise); nor that the model is a good one."
        )


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
