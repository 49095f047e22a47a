"""Are two sets of one law? A classifier that never saw either of them tells, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom
from sklearn.base import clone

from pofx.measures.alike import alike
from pofx.measures.classifier import SmallClassifier

#: Entries of each set below which nothing can be trained and tested.
LEAST = 16


@dataclass(frozen=True)
class TwoSampleTest:
    """`classifier_two_sample_test` and how it was made.

    Attributes:
        jsd_bound: lower bound on the Jensen-Shannon divergence in nats, at most log 2; not clipped at zero.
        jsd_standard_error: its standard error over the test entries (given the classifier).
        accuracy: share of the test entries that the classifier names right; 1/2 if it knows nothing.
        p_value: probability of such an accuracy or a higher one if both sets are of one law.
        n_train, n_test: entries of **each** set that the classifier was trained and tested on.
        classifier: what it was.
    """

    jsd_bound: float
    jsd_standard_error: float
    accuracy: float
    p_value: float
    n_train: int
    n_test: int
    classifier: str

    def __str__(self) -> str:
        return (
            f"JSD >= {self.jsd_bound:.4f} ± {self.jsd_standard_error:.4f} nats (log 2 = {math.log(2):.4f}), accuracy "
            f"{self.accuracy:.3f} (0.5 ± {self.null_standard_error:.3f} if of one law, p = {self.p_value:.3g}); "
            f"{self.n_train:,} + {self.n_train:,} trained on, {self.n_test:,} + {self.n_test:,} tested on, "
            f"{self.classifier}"
        )

    @property
    def null_standard_error(self) -> float:
        """Standard deviation of the accuracy of a classifier that guesses: sqrt(1/4 / (2 n_test))."""
        return 0.5 / math.sqrt(2 * self.n_test)


def classifier_two_sample_test(
    real: ArrayLike,
    generated: ArrayLike,
    *,
    classifier: Any = None,
    random_state: int = 0,
    device: str = "cpu",
) -> TwoSampleTest:
    """Train a fresh classifier D on half of both sets, and ask it about the other half.

        JSD(p || q) >= log 2 + E_p[log D(x)] / 2 + E_q[log(1 - D(x))] / 2 = log 2 - cross-entropy

    with D(x) the probability that x is real. Equality holds at D* = p / (p + q), so the bound is as tight as the
    classifier is good; for any D that saw none of the test entries it is one in expectation (Goodfellow et al. 2014,
    arXiv 1406.2661, section 4.1). A single estimate may lie above, and below zero where the sets are hardly to be told
    apart: it is **not** clipped, for the mean of clipped estimates would be no bound.

    The accuracy has a null (Lopez-Paz & Oquab 2017, arXiv 1610.06545): of 2m test entries of one law, as many from
    either set, the number named right is Binomial(2m, 1/2) for a classifier that calls half of them real, and less
    spread for others. The p-value is of the upper tail.

    Both sets are quantised alike first (`alike`). Of the larger one as many entries are taken, at random, as the
    smaller one has: the divergence is between laws with equal weight.

    Args:
        real, generated: (n, d), (n, H, W) or (n, H, W, C).
        classifier: an estimator with ``fit(X, y)`` and ``predict_proba(X)`` of rows (n, d), of which a clone is
            trained; None takes a `SmallClassifier`.
        random_state: seed of the split and of the default classifier.
        device: of the default classifier.

    Raises:
        ValueError: see `alike`; fewer than 16 entries in a set.
    """
    first, second = alike(real, generated)
    n = min(len(first), len(second))
    if n < LEAST:
        raise ValueError(f"at least {LEAST} entries of each set are needed, not {n}")
    rng = np.random.default_rng([random_state, 2])
    first, second = first[rng.permutation(len(first))[:n]], second[rng.permutation(len(second))[:n]]
    n_train = n // 2
    trained_on = np.concatenate([first[:n_train], second[:n_train]])
    is_real = np.repeat([1, 0], n_train)
    tested_on = np.concatenate([first[n_train:], second[n_train:]])
    if classifier is None:
        fresh: Any = SmallClassifier(random_state=random_state, device=device)
        name = str(fresh.fit(trained_on, is_real))
        log_p = fresh.log_proba(tested_on)
    else:
        fresh = clone(classifier)
        name = type(fresh).__name__
        fresh.fit(trained_on.reshape(len(trained_on), -1), is_real)
        with np.errstate(divide="ignore"):  # log 0 = -inf is dealt with below
            log_p = np.log(np.asarray(fresh.predict_proba(tested_on.reshape(len(tested_on), -1)), dtype=np.float64))
    log_p = tempered(log_p, n_train)
    m = n - n_train
    log_d, log_not_d = log_p[:m, 1], log_p[m:, 0]
    bound = math.log(2) + 0.5 * (log_d.mean() + log_not_d.mean())
    error = 0.5 * math.sqrt((log_d.var(ddof=1) + log_not_d.var(ddof=1)) / m)
    right = int(np.sum(log_p[:m, 1] > log_p[:m, 0]) + np.sum(log_p[m:, 0] >= log_p[m:, 1]))
    return TwoSampleTest(
        float(bound),
        float(error),
        right / (2 * m),
        float(binom.sf(right - 1, 2 * m, 0.5)),
        n_train,
        m,
        name,
    )


def tempered(log_p: NDArray[np.float64], n_train: int) -> NDArray[np.float64]:
    """Probabilities with a share 1 / (n + 1) of a fair guess in them.

    No classifier can be surer than that after n entries of either set. It costs the bound at most log(1 - 1 / 2(n + 1))
    and keeps a single entry that a forest was certain about from making it -inf.
    """
    share = 1 / (n_train + 1)
    return np.logaddexp(log_p + math.log1p(-share), math.log(share / 2))
