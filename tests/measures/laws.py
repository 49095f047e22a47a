"""Pairs of laws whose Jensen-Shannon divergence is known by quadrature."""

import numpy as np

from pofx.data.toy import NormalMixture, bimodal
from pofx.distributions.divergences import jensen_shannon


def normals(shift, d=1):
    """N(0, 1) and N(shift, 1) along every axis."""
    return NormalMixture(np.zeros((1, d)), np.ones(1)), NormalMixture(np.full((1, d), float(shift)), np.ones(1))


def true_jsd(p, q):
    """By the midpoint rule on a grid over all of both laws; one or two dimensions."""
    d = p.means.shape[1]
    n = 4001 if d == 1 else 401
    axis, step = np.linspace(-9, 9, n, retstep=True)
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    densities = [np.exp(law.log_prob(points)) for law in (p, q)]
    return float(jensen_shannon(*densities, cell_volume=step**d))


PAIRS = {
    "normals": normals(1.0),
    "far normals": normals(3.0),
    "bimodal and its normal": (bimodal(), NormalMixture(np.array([[-0.75]]), np.array([1.2]))),
    "normals in the plane": normals(0.8, 2),
    "round and stretched": (normals(0, 2)[0], NormalMixture(np.zeros((1, 2)), np.array([[[2.0, 1.2], [1.2, 1.0]]]))),
}
