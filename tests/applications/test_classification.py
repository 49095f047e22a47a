"""Bayes' rule and the temperature, against numbers worked out by hand or by enumeration."""

import numpy as np
import pytest

from pofx.applications.classification import class_posterior, fitted_temperature


def test_the_posterior_is_bayes_rule_by_enumeration():
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(15)).reshape(5, 3)  # p(x, y), five images and three classes
    prior = joint.sum(axis=0)
    log_posterior = class_posterior(np.log(joint / prior), np.log(prior))
    np.testing.assert_allclose(np.exp(log_posterior), joint / joint.sum(axis=1, keepdims=True), rtol=1e-12)


def test_a_class_that_cannot_be_has_no_probability_and_what_images_weigh_does_not_matter():
    log_posterior = class_posterior(np.array([[-1e5, -1e5 - 1, -1e5]]), np.array([np.log(0.5), np.log(0.5), -np.inf]))
    expected = np.array([[1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0.0]])
    np.testing.assert_allclose(np.exp(log_posterior), expected, atol=1e-9)


def test_the_temperature_divides_the_joint():
    log_p, log_prior = np.array([[-10.0, -14.0]]), np.log([0.25, 0.75])
    odds = np.exp((4 + np.log(1 / 3)) / 2)
    np.testing.assert_allclose(np.exp(class_posterior(log_p, log_prior, 2.0)), [[odds / (1 + odds), 1 / (1 + odds)]])


@pytest.mark.parametrize("overconfidence", [0.2, 1.0, 30.0])
def test_the_temperature_is_found_by_which_probabilities_are_too_sure(overconfidence):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 4))
    p = np.exp(class_posterior(logits, np.zeros(4)))
    codes = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)  # drawn from p: those are right
    assert fitted_temperature(overconfidence * logits, codes) == pytest.approx(overconfidence, rel=0.03)


def test_of_images_that_are_all_named_right_nothing_is_learned_but_that_they_may_be_too_sure():
    """Their likelihood is greatest where every probability is 1: of that few images tell nothing."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, size=40)
    joint = np.log([0.8, 0.1, 0.1])[(np.arange(3) - codes[:, None]) % 3]
    assert fitted_temperature(joint, codes) == pytest.approx(1, abs=1e-3)
    joint[0] = joint[0][[1, 2, 0]]  # a single one that is named wrong
    assert fitted_temperature(joint, codes) < 1


def test_of_one_class_there_is_no_temperature_to_find():
    assert fitted_temperature(np.array([[-3.0], [-9.0]]), np.array([0, 0])) == 1.0


def test_probabilities_that_are_worse_than_none_are_warned_of():
    joint = np.log(np.tile([0.9, 0.1], (50, 1)))
    with pytest.warns(UserWarning, match="at a limit of the search"):
        assert fitted_temperature(joint, np.ones(50, dtype=np.int64)) > np.exp(11.9)
