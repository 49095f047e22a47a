"""`GenerativeClassifier` over known laws: its probabilities are exact, its false alarms as many as it says."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp
from sklearn.base import BaseEstimator

import pofx
from pofx.applications.classifier_answers import with_rejected
from pofx.applications.outlier_split import set_aside
from pofx.data.images import ImageSpec
from pofx.data.toy import MarkovImages


class KnownLaws(BaseEstimator):
    """p(x|y) of two classes, known beforehand: `fit` learns which labels there are, and how frequent they are."""

    def __init__(self, side=3, conditional=False):
        self.side = side
        self.conditional = conditional

    def fit(self, X, y):
        self.module_, self.spec_ = None, ImageSpec(self.side, self.side, 1, 2)
        self.classes_, counts = np.unique(y[y != -1], return_counts=True)
        self.class_prior_ = counts / counts.sum()
        self.n_fitted_ = len(X)
        return self

    def save(self, path):
        raise NotImplementedError

    def class_log_probs(self, X):
        return np.stack([law.log_prob(X) for law in laws(self.side)], axis=1)

    def score_samples(self, X):
        return logsumexp(self.class_log_probs(X) + np.log(self.class_prior_), axis=1)


def laws(side):
    return [MarkovImages(side, side, 2, random_state=seed) for seed in (0, 1)]


def drawn(n, side, share, seed):
    """Images of two classes, of which the second has this share, and their labels 3 and 7."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(n) < share).astype(np.int64)
    images = np.stack([law.sample(n, rng) for law in laws(side)], axis=1)
    return images[np.arange(n), codes], np.array([3, 7])[codes]


@pytest.mark.parametrize("prior", ["empirical", "uniform"])
def test_over_known_laws_the_posterior_is_the_exact_one(prior):
    X, y = drawn(600, 3, 0.3, seed=0)
    found = pofx.GenerativeClassifier(KnownLaws(), prior, rejection="log_prob", random_state=0).fit(X, y)
    p_y = (
        np.bincount(np.delete(y, found.held_out_) // 4) / found.model_.n_fitted_ if prior == "empirical" else [0.5] * 2
    )
    images = laws(3)[0].all_images()
    joint = np.stack([np.exp(law.log_prob(images)) for law in laws(3)], axis=1) * p_y
    np.testing.assert_allclose(joint.sum(), 1.0)  # all there are
    np.testing.assert_allclose(found.predict_proba(images), joint / joint.sum(axis=1, keepdims=True), rtol=1e-9)
    assert (found.predict(images) == np.array([3, 7])[joint.argmax(axis=1)]).all()


def test_a_model_that_was_fitted_comes_near_to_the_exact_posterior():
    (X, y), (new, truth) = drawn(3000, 4, 0.3, seed=1), drawn(1000, 4, 0.3, seed=2)
    model = pofx.PixelCNN(n_layers=2, n_channels=12, max_epochs=8, learning_rate=1e-2, random_state=0)
    found = pofx.GenerativeClassifier(model, random_state=0).fit(X, y)
    joint = KnownLaws(4).fit(X, y).class_log_probs(new) + np.log([0.7, 0.3])
    exact = np.exp(log_softmax(joint, axis=1))
    divergence = (exact * (np.log(exact) - found.predict_log_proba(new))).sum(axis=1).mean()
    assert divergence < 0.03  # nats; of p(y) alone it is over 0.4
    best = (np.array([3, 7])[exact.argmax(axis=1)] == truth).mean()
    assert found.score(new, truth) > best - 0.03


def test_over_random_divisions_ordinary_images_are_rejected_at_the_nominal_rate():
    rates = []
    for seed in range(200):
        X, y = drawn(700, 6, 0.3, seed)
        classifier = pofx.GenerativeClassifier(
            KnownLaws(6), rejection="log_prob", false_alarm_rate=0.1, holdout_fraction=0.3, random_state=seed
        ).fit(X[:300], y[:300])
        rates.append((classifier.predict_or_reject(X[300:]) == -1).mean())
    expected = classifier.detector_.report_rate().expected
    assert 0.08 < expected <= 0.1
    assert abs(np.mean(rates) - expected) < 3 * np.std(rates) / np.sqrt(200)


def test_images_of_rare_classes_calibrate_as_often_as_others():
    codes = np.concatenate([np.zeros(80, dtype=np.int64), np.repeat(np.arange(1, 11), 2)])
    times = np.zeros(100)
    for seed in range(500):
        aside = set_aside(codes, 0.2, np.random.default_rng(seed))
        assert (np.diff(aside) > 0).all() and len(aside) >= 15
        assert (np.unique(np.delete(codes, aside)) == np.arange(11)).all()
        times[aside] += 1
    assert times[:80].mean() / 500 == pytest.approx(0.2, abs=0.005)
    assert times[80:].mean() / 500 == pytest.approx(0.18, abs=0.02)  # 0.2 less the 0.02 of one of a pair put back


def test_a_class_of_a_single_image_trains():
    codes = np.append(np.zeros(20, dtype=np.int64), 1)
    assert all(20 not in set_aside(codes, 0.5, np.random.default_rng(seed)) for seed in range(30))


def test_labels_that_a_fitted_model_does_not_know_are_refused():
    model = KnownLaws().fit(*drawn(100, 3, 0.3, seed=0))
    X, y = drawn(60, 3, 0.3, seed=3)
    for labels in (np.where(y == 3, 4, y), np.where(y == 3, -2, y), y.astype(str)):
        with pytest.raises(ValueError, match="was not fitted to"):
            pofx.GenerativeClassifier(model, rejection="log_prob").fit(X, labels)
    for labels in (y, np.where(y == 3, -1, y), np.full(60, -1)):
        found = pofx.GenerativeClassifier(model, rejection="log_prob", false_alarm_rate=0.2).fit(X, labels)
        assert found.classes_.tolist() == [3, 7]
    with pytest.raises(ValueError, match="none of them has one"):
        pofx.GenerativeClassifier(model, rejection="log_prob", calibrated=True, false_alarm_rate=0.2).fit(X, labels)


def test_a_label_below_all_others_fits_its_type():
    labels = np.array([-128, 5], dtype=np.int8)
    assert with_rejected(labels, np.array([False, True]), -129).tolist() == [-128, -129]


def test_labels_that_no_integer_of_64_bits_with_a_sign_holds_stay_what_they_are():
    great = np.array([2**63 + 5, 3], dtype=np.uint64)
    assert with_rejected(great, np.array([False, True]), -1).tolist() == [2**63 + 5, -1]
    assert with_rejected(great[1:], np.array([False]), -1).dtype == np.int64
    least = np.array([-(2**63)])
    assert with_rejected(least, np.array([True]), -(2**63) - 1).tolist() == [-(2**63) - 1]


def test_the_greatest_value_may_be_in_an_image_that_the_model_does_not_get():
    X, y = drawn(60, 3, 0.5, seed=0)
    X = X.astype(np.int64)
    model = pofx.VAE(width=8, depth=1, latent_dim=2, max_epochs=1, random_state=0)
    classifier = pofx.GenerativeClassifier(model, false_alarm_rate=0.2, random_state=0)
    brightest = classifier.fit(X, y).held_out_[0]
    X[brightest, 0, 0] = 5
    assert classifier.fit(X, y).model_.spec_.levels == 6 and model.levels is None
    assert classifier.fit(X + 0.25, y).model_.levels is None  # these are real numbers
