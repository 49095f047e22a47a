"""How well a score tells foreign images from ordinary ones, where one knows which are which.

Scores: higher is more ordinary; (n,) of the ordinary images and (m,) of the foreign ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score

#: Share of the ordinary images that a threshold lets pass where false positives are counted.
ACCEPTED = 0.95


def auroc(ordinary_scores: ArrayLike, foreign_scores: ArrayLike) -> float:
    """P(s(ordinary) > s(foreign)) + P(equal) / 2, the area under the receiver operating characteristic: 1 where every
    ordinary image is above every foreign one, 1/2 by chance, below that where the score is upside down."""
    ordinary, foreign = np.asarray(ordinary_scores), np.asarray(foreign_scores)
    is_ordinary = np.repeat([1, 0], [len(ordinary), len(foreign)])
    return float(roc_auc_score(is_ordinary, np.concatenate([ordinary, foreign])))


def false_positive_rate_at_95(ordinary_scores: ArrayLike, foreign_scores: ArrayLike) -> float:
    """The share of the foreign images that pass the threshold which 95 % of the ordinary ones pass: 0 is best, 0.95 by
    chance."""
    ordinary = np.sort(np.asarray(ordinary_scores, dtype=np.float64))
    # The highest threshold that at least 95 % are not below.
    threshold = ordinary[int(np.floor((1 - ACCEPTED) * len(ordinary)))]
    return float(np.mean(np.asarray(foreign_scores) >= threshold))
