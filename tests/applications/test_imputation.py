"""Classes of images without a label, by the features of a model that saw no label."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits

import pofx
from pofx.applications import imputation
from pofx.applications.imputation import imputed_labels, without_labels
from pofx.data.labels import learn_classes

X, Y = load_digits().images, load_digits().target
GIVEN = np.where(np.arange(300) < 200, Y[:300], -1)
FAST = {"width": 16, "depth": 1, "latent_dim": 3, "max_epochs": 1, "random_state": 0}


class SeesTheMean(BaseEstimator):
    """A model whose one feature is the mean of an image."""

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1).mean(axis=1, keepdims=True)


class ReadsOneLayer(SeesTheMean):
    feature_layers_ = ("first", "second")

    def layer_features(self, X, layers):
        assert layers == self.feature_layers_
        return np.concatenate([self.transform(X), -self.transform(X)], axis=1)


class SeesNothing(BaseEstimator):
    pass


@pytest.fixture
def dark_and_bright():
    """Images of 2 x 2 pixels that are dark, 3, or bright, 8; of twelve the label is given."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=300) * 5 + 3
    X = rng.integers(0, 4, size=(300, 2, 2)) + 4 * (y == 8)[:, None, None]
    return X, y, np.where(np.arange(300) < 12, y, -1)


@pytest.mark.parametrize("model", [SeesTheMean(), ReadsOneLayer()])
def test_each_image_gets_the_class_that_its_features_tell(model, dark_and_bright, monkeypatch):
    X, y, given = dark_and_bright
    monkeypatch.setattr(imputation, "FEATURE_BYTES", 2**20)  # of some images at a time
    found = imputed_labels(model, X, learn_classes(given), seed=0)
    assert found.dtype == y.dtype
    np.testing.assert_array_equal(found, y)


def test_a_label_that_is_given_stays(dark_and_bright):
    X, _, given = dark_and_bright
    given[:3] = 11 - given[:3]
    np.testing.assert_array_equal(imputed_labels(SeesTheMean(), X, learn_classes(given), seed=0)[:12], given[:12])


def test_one_image_of_a_class_is_enough(dark_and_bright):
    X, y, given = dark_and_bright
    given[:] = -1
    for label in (3, 8):
        given[np.flatnonzero(y == label)[0]] = label
    assert (imputed_labels(SeesTheMean(), X, learn_classes(given), seed=0) == y).mean() > 0.8


def test_the_model_without_labels_has_half_the_minutes_and_a_folder_of_its_own(tmp_path):
    model = pofx.VAE(max_minutes=3, conditional=True, checkpoint_dir=tmp_path)
    alone = without_labels(model)
    assert (alone.max_minutes, alone.conditional, alone.checkpoint_dir) == (1.5, False, tmp_path / "unlabelled")
    assert (model.max_minutes, model.conditional, model.checkpoint_dir) == (3, True, tmp_path)
    assert without_labels(pofx.VAE()).max_minutes is None


def test_a_model_without_features_says_what_else_there_is():
    with pytest.raises(ValueError, match=r'SeesNothing has no features .* or unlabelled="marginal"'):
        without_labels(SeesNothing())


def test_a_classifier_fits_p_of_x_given_y_to_the_imputed_labels(tmp_path):
    model = pofx.VAE(max_minutes=10, checkpoint_dir=tmp_path, **FAST)
    found = pofx.GenerativeClassifier(model, random_state=0).fit(X[:300], GIVEN)
    assert found.model_.n_unlabelled_ == 0 and found.model_.max_minutes == 5
    assert {path.name for path in tmp_path.iterdir()} >= {"unlabelled"}
    labelled_alone = pofx.GenerativeClassifier(model, random_state=0).set_params(model__checkpoint_dir=None)
    assert labelled_alone.fit(X[:300], Y[:300]).model_.max_minutes == 10


def test_a_fit_without_labels_that_is_interrupted_is_the_last(tmp_path, monkeypatch):
    fit, fitted = pofx.VAE.fit, []

    def interrupted(self, X, y=None):
        fitted.append(self.conditional)
        fit(self, X, y).stopped_by_ = "interrupt"
        return self

    monkeypatch.setattr(pofx.VAE, "fit", interrupted)
    classifier = pofx.GenerativeClassifier(pofx.VAE(checkpoint_dir=tmp_path, **FAST), random_state=0)
    with pytest.raises(KeyboardInterrupt, match="no classifier yet"):
        classifier.fit(X[:300], GIVEN)
    assert fitted == [False] and not hasattr(classifier, "model_")
    assert list((tmp_path / "unlabelled").iterdir())


def test_the_marginal_is_there_for_those_who_ask():
    found = pofx.GenerativeClassifier(pofx.VAE(**FAST), unlabelled="marginal", random_state=0).fit(X[:300], GIVEN)
    assert found.model_.n_unlabelled_ > 0
