"""scikit-learn's own checks, for every family, and for the applications over a fast model."""

import pytest
from fast_models import FAMILIES, fast_model
from sklearn.utils.estimator_checks import parametrize_with_checks

import pofx
from pofx.testing import EXPECTED_FAILED_CHECKS


def expected_to_fail(estimator):
    return EXPECTED_FAILED_CHECKS.get(type(estimator).__name__, {})


@parametrize_with_checks([fast_model(family) for family in FAMILIES], expected_failed_checks=expected_to_fail)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# With so few images as these checks have nothing can be flagged at 5 %, of which a detector warns.
DETECTOR = pofx.OutlierDetector(fast_model("vae"), calibration_fraction=0.4, false_alarm_rate=0.3, random_state=0)


@pytest.mark.filterwarnings("ignore:with .* calibration images no p-value:UserWarning")
@parametrize_with_checks([DETECTOR], expected_failed_checks=expected_to_fail)
def test_scikit_learn_checks_of_the_detector(estimator, check):
    check(estimator)


CLASSIFIER = pofx.GenerativeClassifier(
    fast_model("vae", max_epochs=30, learning_rate=0.005), holdout_fraction=0.5, false_alarm_rate=0.3, random_state=0
)


@pytest.mark.filterwarnings("ignore:with .* calibration images no p-value:UserWarning")
@parametrize_with_checks([CLASSIFIER], expected_failed_checks=expected_to_fail)
def test_scikit_learn_checks_of_the_classifier(estimator, check):
    check(estimator)
