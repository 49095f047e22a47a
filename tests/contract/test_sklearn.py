"""scikit-learn's own checks, for every family."""

from fast_models import FAMILIES, fast_model
from sklearn.utils.estimator_checks import parametrize_with_checks

from pofx.testing import EXPECTED_FAILED_CHECKS


@parametrize_with_checks(
    [fast_model(family) for family in FAMILIES],
    expected_failed_checks=lambda estimator: EXPECTED_FAILED_CHECKS.get(type(estimator).__name__, {}),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
