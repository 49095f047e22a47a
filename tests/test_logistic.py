"""Logistic regression that wakes no threads of the linear algebra."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from pofx.logistic import OneThreadLogisticRegression


@pytest.fixture
def laid_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    return X, (X[:, 0] + rng.normal(size=60) > 0).astype(int)


def test_it_is_scikit_learn_s_regression(laid_out):
    X, y = laid_out
    weights = np.linspace(1, 2, len(y))
    ours, theirs = (
        kind(C=0.3).fit(X, y, sample_weight=weights) for kind in (OneThreadLogisticRegression, LogisticRegression)
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10)
    assert clone(ours).get_params() == theirs.get_params()


def test_it_is_fitted_on_one_thread_and_gives_the_others_back(laid_out, monkeypatch):
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    seen, before = [], threads()
    monkeypatch.setattr(LogisticRegression, "fit", lambda self, X, y, sample_weight: seen.append(threads()) or self)
    OneThreadLogisticRegression().fit(*laid_out)
    assert seen == [[1] * len(before)]
    assert threads() == before
