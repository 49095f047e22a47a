"""Fitted models for the contract suite, one of each family."""

import pytest
from fast_models import FAMILIES, fast_model, make_data
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def labels():
    return load_digits().target[:120]


@pytest.fixture(scope="session", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="session")
def fitted(family):
    return fast_model(family).fit(make_data("digits"))


@pytest.fixture(scope="session")
def conditional(family, labels):
    return fast_model(family, conditional=True).fit(make_data("digits"), labels)
