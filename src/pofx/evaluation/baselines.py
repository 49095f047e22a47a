"""Simple densities of images, to stand beside a model's: what p(x) is worth before anything deep is learned.

Both are masses over the same discrete images as a model's p(x), so that nats and bits a dimension can be compared.
Images are rows of levels, (n, D), integers 0..K-1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture


class IndependentPixels:
    """p(x) = prod_i p_i(x_i), a histogram of its own for each sub-pixel, smoothed.

    p_i(k) = (count_i(k) + alpha) / (n + alpha K), with the alpha that makes the leave-one-out likelihood of the
    training images greatest.
    """

    ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def fit(self, X: NDArray[np.integer]) -> IndependentPixels:
        counts = np.stack([np.bincount(column, minlength=self.levels) for column in X.T])  # (D, K)
        n = len(X)

        def leave_one_out(alpha: float) -> float:
            # An image that is taken out takes its own count along.
            others = np.where(counts > 0, counts - 1, 0) + alpha
            return float(np.sum(counts * np.log(others / (n - 1 + alpha * self.levels))))

        self.alpha_ = max(self.ALPHAS, key=leave_one_out)
        self.log_p_ = np.log((counts + self.alpha_) / (n + self.alpha_ * self.levels))
        return self

    def score_samples(self, X: NDArray[np.integer]) -> NDArray[np.float64]:
        """log p(x), nats, (n,)."""
        total: NDArray[np.float64] = self.log_p_[np.arange(X.shape[1]), X].sum(axis=1)
        return total


class PCAGaussianMixture:
    """A Gaussian mixture on the first principal components, and one variance for all directions that they leave out.

    The components are a rotation of image space, so the mixture's density times that of the residual is a density of
    the whole image (the residual as in probabilistic PCA, Tipping & Bishop 1999). Of a discrete image it gives a lower
    bound on the mass, by uniform dequantisation: log p(x) >= E_u[log p(x + u)], u in [0, 1)^D (Theis et al. 2016,
    arXiv 1511.01844, section 3.1), estimated with ``n_draws`` draws of u.

    Args:
        n_components: principal components kept, at most.
        n_mixture: Gaussians, with full covariances; fewer for few images.
    """

    def __init__(self, n_components: int = 50, n_mixture: int = 20, n_draws: int = 4, random_state: int = 0) -> None:
        self.n_components = n_components
        self.n_mixture = n_mixture
        self.n_draws = n_draws
        self.random_state = random_state

    def fit(self, X: NDArray[np.integer]) -> PCAGaussianMixture:
        n, n_dims = X.shape
        continuous = X + np.random.default_rng(self.random_state).random(X.shape)
        kept = min(self.n_components, n_dims, max(1, n // 4))
        self.pca_ = PCA(kept, random_state=self.random_state).fit(continuous)
        scores = self.pca_.transform(continuous)
        # A full covariance has kept^2/2 numbers: some images for each of the Gaussians.
        n_mixture = int(np.clip(n // (5 * kept), 1, self.n_mixture))
        self.mixture_ = GaussianMixture(
            n_mixture, reg_covar=1e-3, max_iter=50, tol=1e-2, random_state=self.random_state
        ).fit(scores)
        residual = np.sum((continuous - self.pca_.inverse_transform(scores)) ** 2)
        self.n_left_out_ = n_dims - kept
        self.residual_variance_ = max(residual / (n * max(self.n_left_out_, 1)), 1.0 / 12.0)
        return self

    def score_samples(self, X: NDArray[np.integer]) -> NDArray[np.float64]:
        """A lower bound on log p(x), nats, (n,)."""
        rng = np.random.default_rng([self.random_state, 1])
        return np.mean([self._log_density(X + rng.random(X.shape)) for _ in range(self.n_draws)], axis=0)

    def _log_density(self, continuous: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = self.pca_.transform(continuous)
        residual = np.sum((continuous - self.pca_.inverse_transform(scores)) ** 2, axis=1)
        variance = self.residual_variance_
        left_out = -0.5 * (self.n_left_out_ * np.log(2 * np.pi * variance) + residual / variance)
        return np.asarray(self.mixture_.score_samples(scores) + left_out * (self.n_left_out_ > 0))
