"""Typicality: is t(x), what a model says of an image, like what it says of ordinary images?

A high p(x) does not make an image ordinary: the probability of a likely but rare kind is small, and models give simple
images of any kind a high p(x) (Nalisnick et al. 2019, arXiv 1906.02994). So not p(x) itself is judged, but whether
several statistics of it lie where they do for ordinary images, on either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.covariance import LedoitWolf

Floats = NDArray[np.float64]
#: Standardised statistics beyond this are cut off: a square of more would add nothing but overflow.
FARTHEST = 1e9
#: Share of the reference images that are left out, once, as the least typical, before the law is fitted again: up to
#: as many outliers among them do not widen it.
TRIMMED = 0.05
#: Statistics whose deviation is below this share of their size are the same for all images.
CONSTANT = 1e-12
#: Reference images from which a covariance can be learned, at least.
LEAST_IMAGES = 2


@dataclass(frozen=True)
class TypicalLaw:
    """One Gaussian over statistics t (k,), the density of which is the typicality of an image.

    log N(t; mean, S), S a covariance that is shrunk towards a multiple of the identity in the scale of standardised
    statistics (Ledoit and Wolf 2004), so that it can be inverted whatever k is.

    Attributes:
        centre, scale: mean and standard deviation of each statistic over the reference images; (k,). The scale is
            infinite where all had the same value: what does not vary says nothing.
        mean (k,), covariance (k, k): of the standardised statistics, the least typical reference images left out.
    """

    centre: Floats
    scale: Floats
    mean: Floats
    covariance: Floats

    @classmethod
    def fit(cls, statistics: Floats) -> Self:
        """The law of the statistics (n, k) of n reference images.

        Raises:
            ValueError: fewer than two images.
        """
        if len(statistics) < LEAST_IMAGES:
            raise ValueError(f"the law of typical images needs at least {LEAST_IMAGES} reference images")
        t = _finite(statistics)
        centre, deviation = t.mean(axis=0), t.std(axis=0)
        scale = np.where(deviation > CONSTANT * np.maximum(np.abs(centre), 1.0), deviation, np.inf)
        law = cls._of(t, centre, scale)
        typicality = law.log_density(t)
        kept = typicality >= np.quantile(typicality, TRIMMED)
        return cls._of(t[kept], centre, scale) if kept.sum() >= LEAST_IMAGES else law

    @classmethod
    def _of(cls, t: Floats, centre: Floats, scale: Floats) -> Self:
        shrunk = LedoitWolf().fit((t - centre) / scale)
        # What never varies has a variance of zero, shrunk towards the others': enough to invert, unless none varies.
        covariance = shrunk.covariance_ + np.finfo(np.float64).eps * np.eye(len(centre))
        return cls(centre, scale, shrunk.location_, covariance)

    def log_density(self, statistics: Floats) -> Floats:
        """log N(t; mean, S) of each image, (n,), nats in the scale of standardised statistics."""
        z = ((_finite(statistics) - self.centre) / self.scale).clip(-FARTHEST, FARTHEST) - self.mean
        factor = np.linalg.cholesky(self.covariance)
        inverse = solve_triangular(factor, np.eye(len(factor)), lower=True)
        # No matrix product: the last bits of one depend on how many images it is made of.
        white = np.einsum("jk,nk->nj", inverse, z)
        log_volume = np.log(np.diag(factor)).sum() + 0.5 * len(self.mean) * np.log(2 * np.pi)
        return np.asarray(-0.5 * np.einsum("nj,nj->n", white, white) - log_volume)


def _finite(statistics: Floats) -> Floats:
    """Infinities and what is no number, as models far from all they know may give, as very large numbers."""
    largest = float(np.sqrt(np.finfo(np.float64).max))
    return np.nan_to_num(statistics, nan=largest, posinf=largest, neginf=-largest)
