"""Logistic regression on one thread of the linear algebra."""

from __future__ import annotations

from typing import Any, Self

from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits


class OneThreadLogisticRegression(LogisticRegression):
    """Scikit-learn's logistic regression; its products of matrices run on one thread.

    Each step of lbfgs takes a few products of a millisecond. Threads that are woken for each of them, in the company of
    torch's own that have not yet gone to sleep, cost more than they bring: on two cores ten times the time.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """As scikit-learn's."""
        with threadpool_limits(1, user_api="blas"):
            return super().fit(X, y, sample_weight)
