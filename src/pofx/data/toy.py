"""Toy laws whose p(x) is known exactly: what a model or a bound is checked against. NumPy only.

Every law has `sample(n, random_state)` and `log_prob(x)`, natural logarithms of shape (n,). `random_state` is a seed, a
`numpy.random.Generator` or None. An x that the law cannot make has log-probability -inf; a wrong shape is a ValueError.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

RandomState = int | np.random.Generator | None
Floats = NDArray[np.float64]

LOG_2_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class FiniteLaw:
    """A finite universe: P(x = points[i]) = probabilities[i].

    Parameters
    ----------
    points : shape (m, d), m different points.
    probabilities : shape (m,), not negative, sum 1.
    """

    points: NDArray[np.generic]
    probabilities: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", np.asarray(self.points))
        object.__setattr__(self, "probabilities", _checked_probabilities(self.probabilities, "probabilities"))
        if self.points.ndim != 2 or len(self.points) != len(self.probabilities):
            raise ValueError(f"points must have shape ({len(self.probabilities)}, d), got {self.points.shape}")
        if len(np.unique(self.points, axis=0)) != len(self.points):
            raise ValueError("points must be different from one another")

    @classmethod
    def random(cls, n_points: int, random_state: RandomState = None) -> Self:
        """The points 0, ..., n_points - 1 (d = 1) with probabilities drawn uniformly from the simplex."""
        generator = np.random.default_rng(random_state)
        return cls(np.arange(n_points, dtype=np.float64)[:, None], generator.dirichlet(np.ones(n_points)))

    def sample(self, n: int, random_state: RandomState = None) -> NDArray[np.generic]:
        """n independent points, shape (n, d)."""
        index = np.random.default_rng(random_state).choice(len(self.points), size=n, p=self.probabilities)
        return self.points[index]

    def log_prob(self, x: ArrayLike) -> Floats:
        """log P(x), shape (n,), for x of shape (n, d)."""
        rows = _checked_rows(x, self.points.shape[1])
        log_probabilities = _log(self.probabilities)
        index = {tuple(point): i for i, point in enumerate(self.points.tolist())}
        places = [index.get(tuple(row)) for row in rows.tolist()]
        return np.array([-np.inf if i is None else log_probabilities[i] for i in places], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class MarkovImages:
    """Small images in which each pixel depends on its left and its upper neighbour.

    p(x) = prod_{r,c} T[x_{r,c-1}, x_{r-1,c}, x_{r,c}], exact by the chain rule in raster order; a neighbour outside the
    image counts as a level of its own, the last row or column of T.

    Parameters
    ----------
    height, width, levels : H, W and K; images are uint8 of shape (n, H, W).
    concentration : of the Dirichlet law from which the rows of T are drawn; the smaller, the stronger the dependence.
    random_state : the seed of T.

    Attributes
    ----------
    table : T, shape (K+1, K+1, K): the law of a pixel given left and upper; every entry is positive (one per cent of
        each row is spread evenly).
    """

    height: int
    width: int
    levels: int
    concentration: float = 0.5
    random_state: int = 0
    table: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.levels) < 1 or self.levels > 256:
            raise ValueError("height and width must be at least 1, levels must be in 1..256")
        k = self.levels
        rows = np.random.default_rng(self.random_state).dirichlet(np.full(k, self.concentration), size=(k + 1, k + 1))
        object.__setattr__(self, "table", 0.99 * rows + 0.01 / k)

    def sample(self, n: int, random_state: RandomState = None) -> NDArray[np.uint8]:
        """n independent images, shape (n, H, W), drawn pixel after pixel."""
        generator = np.random.default_rng(random_state)
        cumulative = self.table.cumsum(-1)[..., :-1]
        # One row above and one column to the left hold the level "outside"
        padded = np.full((n, self.height + 1, self.width + 1), self.levels, dtype=np.int64)
        for row, column in itertools.product(range(1, self.height + 1), range(1, self.width + 1)):
            thresholds = cumulative[padded[:, row, column - 1], padded[:, row - 1, column]]
            padded[:, row, column] = (generator.random((n, 1)) >= thresholds).sum(-1)
        return padded[:, 1:, 1:].astype(np.uint8)

    def log_prob_map(self, x: ArrayLike) -> Floats:
        """log T of every pixel, shape (n, H, W); summed over an image it is log p(x)."""
        images = np.asarray(x)
        if images.ndim != 3 or images.shape[1:] != (self.height, self.width):
            raise ValueError(f"x must have shape (n, {self.height}, {self.width}), got {images.shape}")
        possible = (images >= 0) & (images < self.levels) & (images == np.floor(images))
        inside = np.where(possible, images, 0).astype(np.int64)
        padded = np.pad(inside, ((0, 0), (1, 0), (1, 0)), constant_values=self.levels)
        return np.where(possible, np.log(self.table[padded[:, 1:, :-1], padded[:, :-1, 1:], inside]), -np.inf)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,), for images x of shape (n, H, W)."""
        return self.log_prob_map(x).sum((1, 2))

    def all_images(self) -> NDArray[np.uint8]:
        """Every image there is, shape (K^(H W), H, W); ValueError if there are more than a million."""
        n_pixels = self.height * self.width
        n_images = self.levels**n_pixels
        if n_images > 1_000_000:
            raise ValueError(f"{n_images} images are too many to list")
        digits = np.arange(n_images)[:, None] // self.levels ** np.arange(n_pixels)[::-1] % self.levels
        return digits.reshape(-1, self.height, self.width).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """p(x) = sum_k w_k N(x; mu_k, S_k), a density in d dimensions.

    Parameters
    ----------
    means : mu, shape (m, d).
    covariances : S, shape (m, d, d), symmetric and positive definite; or standard deviations sigma of shape (m,) or
        of no dimension at all, for S_k = sigma_k^2 I. Kept as (m, d, d).
    weights : w, shape (m,), sum 1; None for equal weights.
    """

    means: Floats
    covariances: Floats
    weights: Floats | None = None

    def __post_init__(self) -> None:
        means = np.asarray(self.means, dtype=np.float64)
        if means.ndim != 2:
            raise ValueError(f"means must have shape (m, d), got {means.shape}")
        m, d = means.shape
        covariances = np.asarray(self.covariances, dtype=np.float64)
        if covariances.shape in ((), (m,)):
            covariances = np.broadcast_to(covariances, (m,))[:, None, None] ** 2 * np.eye(d)
        if covariances.shape != (m, d, d):
            raise ValueError(f"covariances must have shape ({m}, {d}, {d}), ({m},) or (), got {covariances.shape}")
        weights = np.full(m, 1.0 / m) if self.weights is None else _checked_probabilities(self.weights, "weights")
        if weights.shape != (m,):
            raise ValueError(f"weights must have shape ({m},), got {weights.shape}")
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "covariances", covariances)
        object.__setattr__(self, "weights", weights)

    def sample(self, n: int, random_state: RandomState = None) -> Floats:
        """n independent points, shape (n, d)."""
        generator = np.random.default_rng(random_state)
        component = generator.choice(len(self.means), size=n, p=self.weights)
        noise = generator.standard_normal((n, self.means.shape[1]))
        return self.means[component] + np.einsum("nij,nj->ni", np.linalg.cholesky(self.covariances)[component], noise)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,), for x of shape (n, d)."""
        rows = _checked_rows(x, self.means.shape[1])
        assert self.weights is not None
        parts = zip(self.weights, self.means, self.covariances, strict=True)
        return np.logaddexp.reduce([_log(w) + _log_normal(rows, mean, cov) for w, mean, cov in parts], axis=0)


def gaussian_ring(n_modes: int = 8, radius: float = 2.0, scale: float = 0.02) -> NormalMixture:
    """Equal narrow normals (standard deviation `scale`) evenly on a circle: the ring on which GANs lose modes.

    Source: Metz et al. 2016, "Unrolled generative adversarial networks", arXiv 1611.02163.
    """
    angle = 2 * np.pi * np.arange(n_modes) / n_modes
    return NormalMixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1), np.asarray(scale))


def gaussian_grid(side: int = 5, spacing: float = 2.0, scale: float = 0.05) -> NormalMixture:
    """side * side equal narrow normals (standard deviation `scale`) on a square grid centred at the origin.

    Source: Dumoulin et al. 2016, "Adversarially learned inference", arXiv 1606.00704.
    """
    line = spacing * (np.arange(side) - (side - 1) / 2)
    return NormalMixture(np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2), np.asarray(scale))


def bimodal() -> NormalMixture:
    """0.7 N(-1.5, 0.5^2) + 0.3 N(1, 0.3^2), in one dimension: x has shape (n, 1)."""
    return NormalMixture(np.array([[-1.5], [1.0]]), np.array([0.5, 0.3]), np.array([0.7, 0.3]))


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """A latent-variable model solved on paper: z ~ N(0, I), x = W z + b + noise, noise ~ N(0, diag(v)).

    p(x) = N(x; b, W W^T + diag(v)),   p(z | x) = N(z; M^-1 W^T diag(v)^-1 (x - b), M^-1),  M = I + W^T diag(v)^-1 W.

    Source: Tipping & Bishop 1999, "Probabilistic principal component analysis" (there with one v for all dimensions).

    Parameters
    ----------
    weights : W, shape (d, k).
    offset : b, shape (d,).
    noise_variance : v, positive; a number or shape (d,). Kept as (d,).
    """

    weights: Floats
    offset: Floats
    noise_variance: Floats | float

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        offset = np.asarray(self.offset, dtype=np.float64)
        if weights.ndim != 2 or offset.shape != weights.shape[:1]:
            raise ValueError(
                f"weights and offset must have shapes (d, k) and (d,), got {weights.shape}, {offset.shape}"
            )
        variance = np.broadcast_to(np.asarray(self.noise_variance, dtype=np.float64), offset.shape)
        if not (variance > 0).all():
            raise ValueError("noise_variance must be positive")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "offset", offset)
        object.__setattr__(self, "noise_variance", variance)

    @property
    def covariance(self) -> Floats:
        """W W^T + diag(v), shape (d, d)."""
        return self.weights @ self.weights.T + np.diag(np.asarray(self.noise_variance))

    def sample(self, n: int, random_state: RandomState = None) -> Floats:
        """n independent x, shape (n, d)."""
        generator = np.random.default_rng(random_state)
        d, k = self.weights.shape
        z = generator.standard_normal((n, k))
        return z @ self.weights.T + self.offset + generator.standard_normal((n, d)) * np.sqrt(self.noise_variance)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,), for x of shape (n, d)."""
        return _log_normal(_checked_rows(x, len(self.offset)), self.offset, self.covariance)

    def posterior(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Mean (n, k) and covariance (k, k) of z given x of shape (n, d); the covariance is the same for every x."""
        rows = _checked_rows(x, len(self.offset))
        scaled = self.weights / np.asarray(self.noise_variance)[:, None]
        covariance = np.linalg.inv(np.eye(self.weights.shape[1]) + self.weights.T @ scaled)
        return (rows - self.offset) @ scaled @ covariance, covariance


def _log_normal(x: Floats, mean: Floats, covariance: Floats) -> Floats:
    """log N(x; mean, covariance), shape (n,), for x of shape (n, d), through the Cholesky factor."""
    factor = np.linalg.cholesky(covariance)
    standardised = np.linalg.solve(factor, (x - mean).T)
    log_determinant = 2 * np.log(np.diag(factor)).sum()
    return -0.5 * ((standardised**2).sum(0) + log_determinant + len(mean) * LOG_2_PI)


def _log(probability: ArrayLike) -> Floats:
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        return np.log(np.asarray(probability, dtype=np.float64))


def _checked_probabilities(probabilities: ArrayLike, name: str) -> Floats:
    array = np.asarray(probabilities, dtype=np.float64)
    if array.ndim != 1 or not (array >= 0).all() or abs(array.sum() - 1.0) > 1e-8:
        raise ValueError(f"{name} must be a vector of numbers that are not negative and sum to 1")
    return array


def _checked_rows(x: ArrayLike, d: int) -> NDArray[np.float64]:
    rows = np.asarray(x)
    if rows.ndim != 2 or rows.shape[1] != d:
        raise ValueError(f"x must have shape (n, {d}), got {rows.shape}")
    return rows.astype(np.float64)
