"""Directions in a latent space along which an attribute changes.

Shapes: n images, L latent dimensions; latents Z (n, L), an attribute a (n,), a direction u (L,) of length 1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold

from pofx.applications.attributes import Attribute, Kind
from pofx.logistic import OneThreadLogisticRegression

Method = Literal["mean_difference", "logistic"]
Vector = NDArray[np.float64]

#: A direction of which the projection leaves less than this part is a combination of the others.
LEAST_REST = 1e-6


def mean_difference(Z: NDArray[np.float64], a: Vector) -> Vector:
    """The change of the mean latent with one unit of the attribute: cov(z, a) / var(a), (L,).

    For a in {0, 1} this is E[z | a = 1] - E[z | a = 0], each class counting alike whatever its size (Larsen et al.
    2016, arXiv 1512.09300, section 4.2); for a real a, the slope of the regression of z on a.
    """
    centred = a - a.mean()
    slope: Vector = centred @ (Z - Z.mean(axis=0)) / (centred @ centred)
    return slope


def logistic(Z: NDArray[np.float64], a: Vector, kind: Kind) -> Vector:
    """The normal w of the plane that tells images with the attribute from those without, (L,), of any length.

    Binary: logistic regression p(a = 1 | z) = sigmoid(w.z + b), the classes weighted to count alike, with a penalty
    |w|^2 / 2 (Shen et al. 2020, arXiv 1907.10786, use the normal of a linear classifier). Real: the linear regression
    of a on z, E[a | z] = w.z + b, with a penalty |w|^2. The latents are brought to one common scale before, so that the
    penalty means the same in every latent space; not each to its own: that would blow up dimensions that say nothing.
    """
    scale = float(Z.std(axis=0).max()) or 1.0
    rows = (Z - Z.mean(axis=0)) / scale
    if kind == "binary":
        w = OneThreadLogisticRegression(class_weight="balanced", max_iter=2000).fit(rows, a).coef_[0]
    else:
        w = Ridge(alpha=1.0).fit(rows, a).coef_
    return np.asarray(w, dtype=np.float64)


def attribute_direction(Z: NDArray[np.float64], attribute: Attribute, method: Method) -> Vector:
    """The direction of an attribute by one of the two methods, from the images of which it is known, (L,), length 1.

    Raises:
        ValueError: the latents do not change with it at all.
    """
    known = attribute.known
    rows, a = Z[known], attribute.values[known]
    vector = mean_difference(rows, a) if method == "mean_difference" else logistic(rows, a, attribute.kind)
    length = float(np.linalg.norm(vector))
    if not length > 0:
        raise ValueError(f"attribute {attribute.name!r} has no direction: no latent changes with it")
    return vector / length


def orthogonal_to(u: Vector, others: NDArray[np.float64]) -> Vector | None:
    """The direction nearest to u that is orthogonal to all others, (L,); None if nothing of u is left.

    u - B B'u over its length, B an orthonormal basis of the others (k, L): along it no w_j.z of the others changes.
    """
    if len(others) == 0:
        return u
    _, singular, basis = np.linalg.svd(others, full_matrices=False)
    basis = basis[singular > LEAST_REST * singular[0]]
    rest = u - basis.T @ (basis @ u)
    length = float(np.linalg.norm(rest))
    if length < LEAST_REST:
        return None
    rest = rest / length
    rest = rest - basis.T @ (basis @ rest)  # once more: of a short rest the first left rounding errors
    return rest / np.linalg.norm(rest)


def held_out_score(
    Z: NDArray[np.float64],
    attribute: Attribute,
    method: Method,
    others: NDArray[np.float64],
    n_folds: int,
    seed: int,
) -> float:
    """How well the coordinate along the direction tells the attribute of images that it was not learned from.

    Binary: the mean area under the ROC curve over folds, 0.5 at chance. Real: the mean R^2 of the line fitted to the
    coordinate, 0 at chance. NaN where there are too few images to hold any out.

    Args:
        others: directions that it is made orthogonal to, (k, L). They are those of all images, which is cheap and
            makes the score a little too high where they were learned from few.
    """
    known = attribute.known
    rows, a = Z[known], attribute.values[known]
    if attribute.kind == "binary":
        n_folds = min(n_folds, int(a.sum()), int(len(a) - a.sum()))
        folds = StratifiedKFold(max(n_folds, 2), shuffle=True, random_state=seed)
    else:
        n_folds = min(n_folds, len(a) // 2)
        folds = KFold(max(n_folds, 2), shuffle=True, random_state=seed)
    if n_folds < 2:
        return float("nan")
    scores = []
    for training, held_out in folds.split(rows, a):
        part = Attribute(attribute.name, a[training], attribute.kind)
        try:
            u = attribute_direction(rows[training], part, method)
        except ValueError:
            return float("nan")
        u_rest = orthogonal_to(u, others)
        if u_rest is None:
            return float("nan")
        t, t_held_out = rows[training] @ u_rest, rows[held_out] @ u_rest
        if attribute.kind == "binary":
            scores.append(roc_auc_score(a[held_out], t_held_out))
        else:
            slope, offset = np.polyfit(t, a[training], 1) if t.std() > 0 else (0.0, a[training].mean())
            scores.append(r2_score(a[held_out], slope * t_held_out + offset))
    return float(np.mean(scores))


def is_at_chance(score: float, attribute: Attribute) -> bool:
    """Whether a direction without any relation to the attribute would score as well one time in forty.

    Two standard errors: of the area under the curve of two samples of the same law, sqrt((n + 1) / (12 n_0 n_1)) (Mann
    & Whitney 1947); of a correlation of unrelated numbers, 1 / sqrt(n). A score that is NaN is at chance.
    """
    a = attribute.values[attribute.known]
    if attribute.kind == "binary":
        n_1 = float(a.sum())
        limit = 0.5 + 2 * float(np.sqrt((len(a) + 1) / (12 * n_1 * (len(a) - n_1))))
    else:
        limit = 4 / len(a)
    return not score > limit


def principal_axes(Z: NDArray[np.float64]) -> tuple[NDArray[np.float64], Vector]:
    """Eigenvectors of the covariance of the latents, the most varied first, (L, L), and the variances along them, (L,).

    The greatest number of each is positive, so that the sign does not hang on the machine.
    """
    variances, columns = np.linalg.eigh(np.cov(Z, rowvar=False, ddof=0).reshape(Z.shape[1], Z.shape[1]))
    axes, variances = columns.T[::-1], variances[::-1].clip(min=0)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.ascontiguousarray(axes * signs[:, None]), np.ascontiguousarray(variances)
