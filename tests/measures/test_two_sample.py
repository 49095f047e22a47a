"""The fresh-classifier test against laws whose Jensen-Shannon divergence is known."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from laws import PAIRS, normals, true_jsd
from scipy.stats import binom, kstest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from pofx.measures.two_sample import classifier_two_sample_test


def bound(p, q, n, seed, classifier=None):
    real, generated = p.sample(n, [seed, 0]), q.sample(n, [seed, 1])
    return classifier_two_sample_test(real, generated, classifier=classifier, random_state=seed)


@pytest.mark.parametrize("pair", ["normals", "bimodal and its normal", "round and stretched"])
def test_the_bound_is_near_the_truth(pair):
    p, q = PAIRS[pair]
    result = bound(p, q, 8000, 0)
    assert result.jsd_standard_error < 0.007
    assert abs(result.jsd_bound - true_jsd(p, q)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bound_is_near_the_truth_for_all_laws(pair, seed):
    p, q = PAIRS[pair]
    assert abs(bound(p, q, 16000, seed).jsd_bound - true_jsd(p, q)) < 0.02


def test_over_fifty_seeds_the_mean_does_not_exceed_the_truth():
    """With a classifier that is quick and that D* of these laws belongs to, on sets so small that it falls short."""
    p, q = normals(1.0)
    bounds = np.array([bound(p, q, 64, seed, LogisticRegression()).jsd_bound for seed in range(50)])
    assert bounds.mean() <= true_jsd(p, q) < bounds.max()  # single ones may be greater


def test_the_standard_error_is_the_spread_that_there_is():
    p, q = normals(1.0)
    results = [bound(p, q, 600, seed, LogisticRegression()) for seed in range(50)]
    bounds = np.array([result.jsd_bound for result in results])
    # The logarithm of a spread over n seeds has a standard error of about 1 / sqrt(2 (n - 1)).
    told = np.mean([result.jsd_standard_error for result in results])
    assert abs(math.log(told / bounds.std(ddof=1))) < 4 / math.sqrt(2 * 49)
    assert abs(bounds.mean() - true_jsd(p, q)) < 4 * told / math.sqrt(50)


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["normals", "bimodal and its normal"])
def test_over_fifty_seeds_the_mean_of_the_default_does_not_exceed_the_truth(pair):
    p, q = PAIRS[pair]
    bounds = np.array([bound(p, q, 2000, seed).jsd_bound for seed in range(50)])
    assert true_jsd(p, q) - 0.03 < bounds.mean() <= true_jsd(p, q)


def test_one_law_against_itself():
    """Accuracies within the binomial null, p-values spread over 0..1, and estimates of both signs around zero."""
    law = normals(0, 2)[0]
    results = [bound(law, law, 400, seed, LogisticRegression()) for seed in range(60)]
    assert kstest([result.p_value for result in results], "uniform").pvalue > 0.01
    accuracies = np.array([result.accuracy for result in results])
    assert abs(accuracies.mean() - 0.5) < 4 * results[0].null_standard_error / math.sqrt(60)
    bounds = np.array([result.jsd_bound for result in results])
    assert bounds.mean() <= 0 < bounds.max()
    assert bounds.min() < 0


def test_the_default_classifier_does_not_find_what_is_not_there():
    law = normals(0, 2)[0]
    results = [bound(law, law, 300, seed) for seed in range(2)]
    assert all(result.p_value > 0.001 for result in results)
    assert all(-0.1 < result.jsd_bound < 0.03 for result in results)


def test_the_p_value_is_the_tail_of_the_binomial():
    result = bound(*normals(0.5), 400, 0)
    n_right = round(result.accuracy * 400)
    assert result.n_train == result.n_test == 200
    assert result.p_value == pytest.approx(binom.pmf(np.arange(n_right, 401), 400, 0.5).sum())
    assert result.null_standard_error == pytest.approx(binom.std(400, 0.5) / 400)


def test_digits_of_a_broken_generator_are_told_from_digits():
    """The bound comes near log 2."""
    digits = load_digits().images[:800]
    broken = np.random.default_rng(0).permutation(load_digits().images[800:1600].reshape(-1, 64).T).T.reshape(-1, 8, 8)
    result = classifier_two_sample_test(digits, broken)
    assert result.jsd_bound > 0.9 * math.log(2) and result.accuracy > 0.98
    assert result.classifier == "small convolutional network"


def test_real_digits_against_real_digits():
    digits = load_digits().images
    order = np.random.default_rng(0).permutation(len(digits))
    result = classifier_two_sample_test(digits[order[:800]], digits[order[800:1600]])
    assert abs(result.accuracy - 0.5) < 4 * result.null_standard_error
    assert -0.1 < result.jsd_bound < 0.02


def test_rounding_is_not_what_is_measured():
    """A generator that gives the same law but for fractions is not told by them."""
    rng = np.random.default_rng(0)
    real, same = (rng.binomial(3, 0.5, size=(600, 3)) for _ in range(2))
    result = classifier_two_sample_test(real, same + rng.uniform(0.3, 0.45, size=same.shape))
    assert result.p_value > 0.001


def test_a_classifier_that_is_certain_and_wrong_does_not_end_at_minus_infinity():
    p, q = normals(1.0)
    forest = RandomForestClassifier(20, random_state=0)
    result = bound(p, q, 400, 0, forest)
    assert np.isfinite(result.jsd_bound) and result.classifier == "RandomForestClassifier"
    assert not hasattr(forest, "classes_")  # a clone was trained


class Certain:
    """Calls everything real that is positive, with probability 1, whatever it was shown."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.stack([X[:, 0] <= 0, X[:, 0] > 0], axis=1).astype(float)


class Remembering(LogisticRegression):
    """Keeps what it said of the entries that it was tested on."""

    said: ClassVar[list[np.ndarray]] = []

    def predict_proba(self, X):
        self.said.append(super().predict_proba(X))
        return self.said[-1]


def test_bound_and_error_are_those_of_the_test_entries_written_out():
    """Of 16 test entries of either set, where the divisor n - 1 of a variance is not n."""
    result = bound(*normals(1.0), 32, 0, Remembering())
    p = Remembering.said[-1] * (1 - 1 / 17) + 1 / 17 / 2
    of_real, of_generated = np.log(p[:16, 1]), np.log(p[16:, 0])
    assert p.shape == (32, 2)
    assert result.jsd_bound == pytest.approx(math.log(2) + (of_real.mean() + of_generated.mean()) / 2)
    variances = [((part - part.mean()) ** 2).sum() / 15 for part in (of_real, of_generated)]
    assert result.jsd_standard_error == pytest.approx(math.sqrt(sum(variances) / 16) / 2)


@pytest.mark.parametrize("n", [16, 1000])
def test_no_probability_is_surer_than_the_entries_trained_on_allow(n):
    """With a share of 1 / (n + 1) of a guess: right costs log(1 - 1 / 2(n + 1)), wrong log 1 / 2(n + 1)."""
    positive, negative = np.full((2 * n, 1), 0.5), np.full((2 * n, 1), -0.5)
    right = classifier_two_sample_test(positive, negative, classifier=Certain())
    assert right.jsd_bound == pytest.approx(math.log(2) + math.log1p(-0.5 / (n + 1)), abs=1e-12)
    wrong = classifier_two_sample_test(negative, positive, classifier=Certain())
    assert wrong.jsd_bound == pytest.approx(math.log(2) + math.log(0.5 / (n + 1)), abs=1e-12)
    assert (right.accuracy, wrong.accuracy) == (1, 0)


def test_the_same_seed_gives_the_same_result_and_leaves_the_global_generators():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (bound(*normals(1.0), 200, 3) for _ in range(2))
    assert first == second != bound(*normals(1.0), 200, 4)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002


def test_sets_of_different_sizes_are_weighed_alike():
    p, q = normals(1.0)
    result = classifier_two_sample_test(p.sample(3000, 0), q.sample(500, 1), classifier=LogisticRegression())
    assert (result.n_train, result.n_test) == (250, 250)
    assert abs(result.jsd_bound - true_jsd(p, q)) < 4 * result.jsd_standard_error + 0.01


def test_a_result_says_what_it_is():
    text = str(bound(*normals(1.0), 100, 0, LogisticRegression()))
    for part in ("JSD >= ", "nats", "log 2 = 0.6931", "p = ", "50 + 50 tested on", "LogisticRegression"):
        assert part in text


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="at least 16 entries"):
        classifier_two_sample_test(np.zeros((15, 2)), np.ones((30, 2)))
