"""How far each latent dimension stands for one factor of the images, and each factor for one dimension.

Both measures need the true factors of the images (n, K), as of drawn or measured images, and their codes (n, L), such
as `transform` gives. A figure says nothing without how it was estimated: the results hold the settings and print them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LassoCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

Binning = Literal["equal_frequency", "equal_width"]
Estimator = Literal["plug_in", "miller_madow"]
Regressor = Literal["random_forest", "lasso"]
ToldBy = Literal["accuracy", "R^2"]
Array = NDArray[np.float64]

#: A factor of whole numbers with at most so many values is discrete; others are real-valued.
MOST_VALUES = 32


@dataclass(frozen=True)
class MutualInformationGap:
    """`mutual_information_gap` and how it was estimated.

    Attributes:
        value: the mean over factors.
        by_factor: (K,).
        mutual_information: of dimension j and factor k in nats, (L, K).
        entropy: of each factor in nats, (K,).
        n_images, n_bins, binning, estimator: the settings.
    """

    value: float
    by_factor: Array
    mutual_information: Array
    entropy: Array
    n_images: int
    n_bins: int
    binning: Binning
    estimator: Estimator

    def __str__(self) -> str:
        return (
            f"MIG {self.value:.3f} ({self.n_images:,} images, {self.n_bins} {self.binning.replace('_', '-')} bins, "
            f"{self.estimator.replace('_', '-')} estimate of mutual information)"
        )


def mutual_information_gap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    n_bins: int = 20,
    binning: Binning = "equal_frequency",
    estimator: Estimator = "miller_madow",
) -> MutualInformationGap:
    """MIG: how much more the best dimension knows of a factor than the second best, as part of the factor's entropy.

        MIG = 1/K sum_k [I(z_(1); v_k) - I(z_(2); v_k)] / H(v_k),

    (1) and (2) the dimensions with the most mutual information with factor k (Chen et al. 2018, arXiv 1802.04942,
    eq. 4). 1 if each factor is told by one dimension alone; near 0 if two know it alike, as after a rotation by 45
    degrees.

    Args:
        codes: (n, L), L >= 2. (The paper integrates over q(z|x); here each image has one code, its mean.)
        factors: (n, K), numbers. Those of at most 32 whole numbers are discrete, others are binned like the codes.
        n_bins: bins of a dimension, and of a real-valued factor.
        binning: "equal_frequency": as many images in each; "equal_width": between least and greatest value.
        estimator: of mutual information from counts: "plug_in", which is too great by about (B - 1)(V - 1) / 2n for B
            bins and V values, or "miller_madow", which adds (cells that are not empty - 1) / 2n to each entropy and so
            takes most of that off (Miller 1955).

    Raises:
        ValueError: shapes that do not belong together, NaN, a factor that is constant, fewer than two dimensions or
            bins.
    """
    Z, V = _checked(codes, factors)
    if n_bins < 2:
        raise ValueError(f"n_bins must be at least 2, not {n_bins}")
    if binning not in ("equal_frequency", "equal_width") or estimator not in ("plug_in", "miller_madow"):
        raise ValueError(f"there is no binning {binning!r} or no estimator {estimator!r}")
    bins_L = [_bins(column, n_bins, binning) for column in Z.T]
    bins_K = [_discrete(column) if _is_discrete(column) else _bins(column, n_bins, binning) for column in V.T]
    entropy_L, entropy_K = (np.array([_entropy(one, estimator) for one in part]) for part in (bins_L, bins_K))
    mutual_LK = np.empty((len(bins_L), len(bins_K)))
    for j, z in enumerate(bins_L):
        for k, v in enumerate(bins_K):
            mutual_LK[j, k] = entropy_L[j] + entropy_K[k] - _entropy(z * (v.max() + 1) + v, estimator)
    ordered = np.sort(mutual_LK, axis=0)
    gaps = (ordered[-1] - ordered[-2]) / entropy_K
    return MutualInformationGap(float(gaps.mean()), gaps, mutual_LK, entropy_K, len(Z), n_bins, binning, estimator)


@dataclass(frozen=True)
class DCI:
    """`disentanglement_completeness_informativeness` and how it was estimated.

    Attributes:
        disentanglement: D, the mean over dimensions weighted by how important they are.
        completeness: C, the mean over factors.
        by_dimension: disentanglement of each, (L,). by_factor: completeness of each, (K,).
        told: informativeness I of each factor, how well it is told on images held out, (K,).
        told_by: what that is, of each factor: "accuracy", of a discrete factor by a forest (chance: the share of its
            most frequent value), or "R^2" (chance: 0). The two have no mean in common.
        importance: of dimension j for factor k, (L, K).
        n_images, regressor, settings: how they were estimated.
    """

    disentanglement: float
    completeness: float
    by_dimension: Array
    by_factor: Array
    told: Array
    told_by: tuple[ToldBy, ...]
    importance: Array
    n_images: int
    regressor: Regressor
    settings: str

    @property
    def accuracy(self) -> float | None:
        """The mean informativeness of the factors that are told by accuracy; None if there are none."""
        return self._mean_of("accuracy")

    @property
    def r_squared(self) -> float | None:
        """The mean informativeness of the factors that are told by R^2; None if there are none."""
        return self._mean_of("R^2")

    def _mean_of(self, kind: ToldBy) -> float | None:
        alike = [value for value, by in zip(self.told, self.told_by, strict=True) if by == kind]
        return float(np.mean(alike)) if alike else None

    def __str__(self) -> str:
        each = ", ".join(f"{by} {value:.3f}" for value, by in zip(self.told, self.told_by, strict=True))
        return (
            f"D {self.disentanglement:.3f}, C {self.completeness:.3f}, I of each factor: {each} "
            f"({self.n_images:,} images, a fifth held out for I; {self.regressor.replace('_', ' ')}: {self.settings})"
        )


def disentanglement_completeness_informativeness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    regressor: Regressor = "random_forest",
    n_trees: int = 50,
    random_state: int = 0,
) -> DCI:
    """DCI: how the importance R_jk of dimension j for telling factor k is spread.

        D_j = 1 - H_K(P_j.),  P_jk = R_jk / sum_k R_jk;   D = sum_j rho_j D_j,  rho_j = sum_k R_jk / sum_jk R_jk
        C_k = 1 - H_L(P_.k),  P_jk = R_jk / sum_j R_jk;   C = sum_k C_k / K

    with H_K the entropy to the base K: 1 if a dimension serves one factor (D), if one dimension serves a factor (C).
    I is how well each factor is told, on a fifth of the images that was held out (Eastwood & Williams 2018, ICLR,
    section 2; they report an error, here higher is better): by accuracy or by R^2, which are kept apart.

    Args:
        codes: (n, L), L >= 2.
        factors: (n, K), K >= 2; those of at most 32 whole numbers are discrete.
        regressor: "random_forest": importance is the mean decrease of impurity, all dimensions tried at each split;
            "lasso": the sizes of the coefficients of an L1-penalised linear regression on standardised codes, to which
            every factor is a number; its penalty is chosen by 5-fold cross-validation.
        n_trees: of a forest.
        random_state: seed of the part held out and of the forests.

    Raises:
        ValueError: shapes that do not belong together, NaN, a factor that is constant, fewer than two dimensions or
            factors.
    """
    Z, V = _checked(codes, factors)
    if V.shape[1] < 2:
        raise ValueError("disentanglement needs two factors or more")
    if regressor not in ("random_forest", "lasso"):
        raise ValueError(f"there is no regressor {regressor!r}; there is 'random_forest' and 'lasso'")
    seen, unseen, V_seen, V_unseen = train_test_split(Z, V, test_size=0.2, random_state=random_state)
    scaler = StandardScaler().fit(seen)
    seen, unseen = scaler.transform(seen), scaler.transform(unseen)
    importance_LK, told = np.empty((Z.shape[1], V.shape[1])), np.empty(V.shape[1])
    told_by: list[ToldBy] = []
    for k in range(V.shape[1]):
        model = _regressor(regressor, _is_discrete(V[:, k]), n_trees, random_state).fit(seen, V_seen[:, k])
        told_by.append("accuracy" if is_classifier(model) else "R^2")
        if regressor == "random_forest":
            importance_LK[:, k] = model.feature_importances_
        else:
            importance_LK[:, k] = np.abs(model.coef_)
        told[k] = model.score(unseen, V_unseen[:, k])
    total = importance_LK.sum()
    if not total > 0:
        raise ValueError("no dimension is of any use for telling any factor: nothing can be said of their spread")
    by_dimension, by_factor = _one_less_entropy(importance_LK), _one_less_entropy(importance_LK.T)
    weights = importance_LK.sum(axis=1) / total
    of_forest = f"{n_trees} trees, decrease of impurity"
    settings = of_forest if regressor == "random_forest" else "coefficients, penalty by 5-fold cross-validation"
    return DCI(
        float(weights @ by_dimension),
        float(by_factor.mean()),
        by_dimension,
        by_factor,
        told,
        tuple(told_by),
        importance_LK,
        len(Z),
        regressor,
        settings,
    )


def _checked(codes: ArrayLike, factors: ArrayLike) -> tuple[Array, Array]:
    Z, V = (np.asarray(part, dtype=np.float64) for part in (codes, factors))
    V = V[:, None] if V.ndim == 1 else V
    if Z.ndim != 2 or V.ndim != 2 or len(Z) != len(V) or len(Z) < 2:
        raise ValueError(f"codes must be (n, L) and factors (n, K), not {Z.shape} and {V.shape}")
    if Z.shape[1] < 2:
        raise ValueError("codes must have two dimensions or more")
    if not (np.isfinite(Z).all() and np.isfinite(V).all()):
        raise ValueError("codes and factors must be finite numbers")
    constant = np.flatnonzero(np.ptp(V, axis=0) == 0)
    if len(constant):
        raise ValueError(f"factor {constant[0]} is the same for all images")
    return Z, V


def _is_discrete(factor: Array) -> bool:
    return bool((factor == np.rint(factor)).all()) and len(np.unique(factor)) <= MOST_VALUES


def _discrete(factor: Array) -> NDArray[np.int64]:
    """0, 1, ... in the order of the values."""
    return np.unique(factor, return_inverse=True)[1]


def _bins(values: Array, n_bins: int, binning: Binning) -> NDArray[np.int64]:
    """The bin of each value, 0 to at most n_bins - 1."""
    if binning == "equal_frequency":
        edges = np.quantile(values, np.arange(1, n_bins) / n_bins)
    else:
        edges = np.linspace(values.min(), values.max(), n_bins + 1)[1:-1]
    return np.searchsorted(np.unique(edges), values, side="right")


def _entropy(bins: NDArray[np.int64], estimator: Estimator) -> float:
    """Of the law that these draws come from, in nats."""
    counts = np.unique(bins, return_counts=True)[1]
    p = counts / len(bins)
    plug_in = -float(p @ np.log(p))
    return plug_in + (len(counts) - 1) / (2 * len(bins)) if estimator == "miller_madow" else plug_in


def _regressor(regressor: Regressor, discrete: bool, n_trees: int, seed: int) -> Any:
    if regressor == "lasso":
        return LassoCV(cv=5)
    # All dimensions are tried at each split: a forest that may not take the best one spreads its importance.
    forest = RandomForestClassifier if discrete else RandomForestRegressor
    return forest(n_trees, max_features=None, random_state=seed)


def _one_less_entropy(importance: Array) -> Array:
    """1 less the entropy of each row as a law, to the base of its length; 0 for a row of zeros."""
    sums = importance.sum(axis=1, keepdims=True)
    p = np.divide(importance, sums, out=np.zeros_like(importance), where=sums > 0)
    entropy = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(axis=1) / np.log(importance.shape[1])
    spread: Array = np.where(sums[:, 0] > 0, 1 - entropy, 0.0)
    return spread
