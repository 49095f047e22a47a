"""Rejection of generated images by a discriminator that was calibrated anew.

The logit of a discriminator at the end of a game is no log ratio of densities: its scale is off, for penalties flatten
it, and the relativistic game fixes even the best one only but for a constant. Calibrated on images that neither player
was trained on it tells, as well as this discriminator can, r(d) = log p_data - log p_G; a generated image is then
accepted with probability proportional to exp(r). Turner et al. 2019, arXiv 1811.11357, section 3.1 (calibration); Azadi
et al. 2019, arXiv 1810.06758 (rejection).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from pofx.logistic import OneThreadLogisticRegression

Floats = NDArray[np.float64]
#: The ratio at which acceptance is certain: this quantile of the ratios of generated images. Those above it are too
#: rare to be waited for.
QUANTILE = 0.99
#: Images of either half that must pass before a bound on what passes is told.
LEAST_PASSED = 10


@dataclass(frozen=True)
class Rejection:
    """A calibrated discriminator, and what it does to samples.

    Attributes:
        slope, intercept: r(d) = slope d + intercept, the calibrated log p_data - log p_G, in nats.
        log_bound: the r at which an image is always accepted.
        acceptance: share of generated images that are accepted.
        jsd_before, jsd_after: lower bound on JSD(p_data || p_G) in nats that this discriminator gives, without
            rejection and for what passes it: log 2 - cross-entropy of a calibration, on images that it was not fitted
            to. Not clipped: noise may make it negative. The second is None where too few passed to tell.
        std_error_before, std_error_after: their standard errors over the images, given the calibration.
    """

    slope: float
    intercept: float
    log_bound: float
    acceptance: float
    jsd_before: float
    std_error_before: float
    jsd_after: float | None
    std_error_after: float | None

    def accepts(self, logit_N: Floats, uniform_N: Floats) -> NDArray[np.bool_]:
        """Which images pass: u < exp(min(r(d) - log_bound, 0)), u uniform on [0, 1)."""
        return np.asarray(np.log(np.maximum(uniform_N, 1e-300)) < self._log_acceptance(logit_N))

    def _log_acceptance(self, logit_N: Floats) -> Floats:
        with np.errstate(over="ignore"):  # beyond all numbers it is certain, in one way or the other
            return np.asarray(np.minimum(self.slope * logit_N + self.intercept - self.log_bound, 0.0))

    def to_array(self) -> Floats:
        """The numbers, in the order of the attributes; NaN for None."""
        return np.array([getattr(self, field.name) for field in fields(self)], dtype=np.float64)

    @classmethod
    def from_array(cls, numbers: Floats) -> Rejection:
        """The inverse of `to_array`; ValueError for other numbers than it gives."""
        missing = np.isnan(numbers)
        if (
            numbers.shape != (len(fields(cls)),)
            or missing[:-2].any()
            or missing[-2] != missing[-1]
            or np.isinf(numbers).any()
        ):
            raise ValueError("a calibration of the discriminator is damaged")
        values: list[Any] = [None if gone else float(number) for gone, number in zip(missing, numbers, strict=True)]
        rejection = cls(*values)
        errors = rejection.std_error_before, rejection.std_error_after or 0.0
        if not 0 < rejection.acceptance <= 1 or min(errors) < 0:
            raise ValueError("a calibration of the discriminator has numbers that none can have")
        return rejection

    def __str__(self) -> str:
        after = (
            "too few passed to tell after"
            if self.jsd_after is None
            else f"{self.jsd_after:.3f} ± {self.std_error_after:.3f} after"
        )
        return (
            f"{100 * self.acceptance:.1f} % of generated images are accepted; JSD of at least "
            f"{self.jsd_before:.3f} ± {self.std_error_before:.3f} nats before, {after}, by the discriminator"
        )


def calibrated(real_N: Floats, generated_N: Floats, rng: np.random.Generator) -> Rejection:
    """Calibrate logits of real images that were not trained on, and of generated ones.

    Half of either set fits the calibration, the other half tells what it is worth: a bound in expectation, for images
    that the calibration never saw.

    Args:
        real_N, generated_N: logits, at least four of each.
    """
    fit, check = _halves(real_N, generated_N, rng)
    slope, intercept = _logistic(*fit)
    log_ratio_N = slope * np.concatenate([fit[1], check[1]]) + intercept
    log_bound = float(np.quantile(log_ratio_N, QUANTILE))
    acceptance = float(np.exp(np.minimum(log_ratio_N - log_bound, 0.0)).mean())
    before, error_before = _bound(*check, slope, intercept)
    # What passes, of either half: what was fitted to the first says nothing new about it, but neither does it judge.
    passed = [
        part[rng.random(len(part)) < np.exp(np.minimum(slope * part + intercept - log_bound, 0.0))]
        for part in (fit[1], check[1])
    ]
    enough = min(len(part) for part in passed) >= LEAST_PASSED
    after, error_after = _bound(check[0], passed[1], *_logistic(fit[0], passed[0])) if enough else (None, None)
    return Rejection(slope, intercept, log_bound, acceptance, before, error_before, after, error_after)


def _halves(real_N: Floats, generated_N: Floats, rng: np.random.Generator) -> tuple[tuple[Floats, Floats], ...]:
    parts = [np.array_split(rng.permutation(values), 2) for values in (real_N, generated_N)]
    return (parts[0][0], parts[1][0]), (parts[0][1], parts[1][1])


def _logistic(real_N: Floats, generated_N: Floats) -> tuple[float, float]:
    """The slope and intercept of log p(real | d) / p(generated | d), both kinds taken as equally frequent."""
    d = np.concatenate([real_N, generated_N])
    spread = float(d.std()) or 1.0
    labels = np.concatenate([np.ones(len(real_N)), np.zeros(len(generated_N))])
    weights = np.concatenate([np.full(len(real_N), 1 / len(real_N)), np.full(len(generated_N), 1 / len(generated_N))])
    model = OneThreadLogisticRegression(C=100.0).fit(
        ((d - d.mean()) / spread)[:, None], labels, sample_weight=weights * len(d) / 2
    )
    slope = float(model.coef_[0, 0]) / spread
    return slope, float(model.intercept_[0]) - slope * float(d.mean())


def _bound(real_N: Floats, generated_N: Floats, slope: float, intercept: float) -> tuple[float, float]:
    """log 2 - cross-entropy at equal frequencies, and its standard error, in nats."""
    of_real, of_generated = (
        log_expit(slope * real_N + intercept),
        log_expit(-(slope * generated_N + intercept)),
    )
    bound = float(np.log(2) + 0.5 * (of_real.mean() + of_generated.mean()))
    variances = [part.var(ddof=1) / len(part) if len(part) > 1 else 0.0 for part in (of_real, of_generated)]
    return bound, float(0.5 * np.sqrt(sum(variances)))
