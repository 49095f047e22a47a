"""`GenerativeClassifier`: its labels, what it rejects, images without labels, and its file."""

import dataclasses

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pofx
from pofx.applications.classifier_answers import with_rejected
from pofx.applications.classifier_file import NAME, to_attachment
from pofx.files import model_file

ORDER = np.random.default_rng(0).permutation(1797)
X, Y = load_digits().images[ORDER], load_digits().target[ORDER]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
VAE = {"width": 48, "depth": 1, "latent_dim": 6, "max_epochs": 60, "random_state": 0}
FAST = {"width": 16, "depth": 1, "latent_dim": 3, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def classifier():
    return pofx.GenerativeClassifier(pofx.VAE(**VAE), random_state=0, calibrated=True).fit(X[:1400], Y[:1400])


def test_digits_get_their_labels_and_what_is_no_digit_gets_none(classifier):
    new = X[1400:1550]
    assert classifier.score(new, Y[1400:1550]) > 0.93
    found = classifier.predict_or_reject(new)
    assert (found == -1).mean() < classifier.detector_.report_rate().upper + 0.05
    assert classifier.reject_label_ == -1
    assert (classifier.predict_or_reject(16 - new) == -1).mean() > 0.9
    kept = found != -1
    assert (found[kept] == classifier.predict(new)[kept]).all()


def test_probabilities_are_those_of_bayes_rule_over_the_model(classifier):
    new = X[1400:1450]
    joint = np.stack([classifier.model_.score_samples(new, np.full(50, label)) for label in range(10)], axis=1)
    expected = log_softmax((joint + np.log(classifier.class_prior_)) / classifier.temperature_, axis=1)
    np.testing.assert_allclose(classifier.predict_log_proba(new), expected, atol=1e-9)
    np.testing.assert_allclose(classifier.predict_proba(new).sum(axis=1), 1.0)


def test_p_values_are_those_of_the_detector_under_the_marginal(classifier):
    np.testing.assert_array_equal(classifier.p_values(X[1400:1440]), classifier.detector_.p_values(X[1400:1440]))
    held_out = classifier.held_out_
    assert len(held_out) == 280 and not classifier.model_.was_fitted_to(X[held_out])
    parts = classifier.detector_.parts_[0]
    assert len(parts.reference) == len(parts.calibration) == 140


def test_the_temperature_makes_probabilities_of_held_out_images_likelier(classifier):
    sure = clone(classifier).set_params(model=classifier.model_, calibrated=False).fit(X[1400:1700], Y[1400:1700])
    assert sure.temperature_ == 1.0 and classifier.temperature_ > 1.0
    new, codes = X[1700:], Y[1700:]
    of_truth = [np.mean(c.predict_log_proba(new)[np.arange(len(new)), codes]) for c in (sure, classifier)]
    assert of_truth[1] > of_truth[0]


def test_the_prior_is_that_of_the_labels_or_uniform():
    few = np.concatenate([np.flatnonzero(Y == 0)[:150], np.flatnonzero(Y == 1)[:50]])
    for prior, expected in (("empirical", 0.75), ("uniform", 0.5)):
        found = pofx.GenerativeClassifier(pofx.VAE(**FAST), prior, random_state=0).fit(X[few], Y[few])
        assert found.class_prior_[0] == pytest.approx(expected, abs=0.01)
    log_odds = np.log(0.75 / 0.25)
    new = X[few[:5]]
    joint = found.model_.class_log_probs(new)
    np.testing.assert_allclose(found.predict_log_proba(new), log_softmax(joint, axis=1), atol=1e-9)
    assert not np.allclose(log_softmax(joint + [log_odds, 0.0], axis=1), log_softmax(joint, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("unlabelled", ["imputed", "marginal"])
def test_images_without_a_label_help(unlabelled):
    given = np.where(np.arange(1400) < 100, Y[:1400], -1)
    model = pofx.VAE(max_epochs=60, random_state=0)
    found = pofx.GenerativeClassifier(model, unlabelled=unlabelled, random_state=0).fit(X[:1400], given)
    alone = LogisticRegression(max_iter=1000).fit(X[:100].reshape(100, -1), Y[:100])
    assert found.classes_.tolist() == list(range(10))
    assert found.model_.n_unlabelled_ == (0 if unlabelled == "imputed" else pytest.approx(0.8 * 1300, abs=5))
    assert found.score(X[1400:], Y[1400:]) > alone.score(X[1400:].reshape(-1, 64), Y[1400:])


def test_a_fitted_model_is_used_as_it_is():
    model = pofx.VAE(conditional=True, **FAST).fit(X[:600], Y[:600])
    found = pofx.GenerativeClassifier(model, random_state=0).fit(X[600:800], Y[600:800])
    assert found.model_ is model and len(found.held_out_) == 200
    with pytest.raises(ValueError, match="was fitted to"):
        pofx.GenerativeClassifier(model).fit(X[:600], Y[:600])
    with pytest.raises(ValueError, match="is not conditional"):
        pofx.GenerativeClassifier(pofx.VAE(**FAST).fit(X[:200])).fit(X[200:400], Y[200:400])


def test_a_model_without_p_of_x_is_refused():
    with pytest.raises(ValueError, match="class_log_probs"):
        pofx.GenerativeClassifier(pofx.GAN()).fit(X[:200], Y[:200])


@pytest.mark.parametrize(
    ("labels", "reject_label"),
    [(Y % 2 == 0, -1), (Y * 2.0, -1.0), (Y.astype(np.uint8), -1), (NAMES[Y], "rejected"), (Y * 3 - 2, -3)],
)
def test_what_is_rejected_has_a_label_of_its_own(labels, reject_label):
    found = pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0).fit(X[:400], labels[:400])
    answers = found.predict_or_reject(np.concatenate([X[400:410], 16 - X[400:410]]))
    assert found.reject_label_ == reject_label and reject_label not in found.classes_
    assert set(answers.tolist()) <= {*found.classes_.tolist(), reject_label} and reject_label in answers.tolist()


def test_a_longer_word_for_what_is_rejected_is_not_cut_short():
    assert with_rejected(np.array(["a", "b"]), np.array([False, True]), "rejected").tolist() == ["a", "rejected"]
    with pytest.raises(ValueError, match="a class is called 'rejected'"):
        pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0).fit(
            X[:100], np.where(Y[:100] % 2, "rejected", "accepted")
        )


class NeverFitted(pofx.VAE):
    def fit(self, X, y=None):
        raise AssertionError("what was wrong could be known before")


@pytest.mark.parametrize(
    ("n", "labels", "words", "message"),
    [
        (100, np.where(Y % 2, "rejected", "accepted"), {}, "a class is called 'rejected'"),
        (100, np.array([3, 5] + 98 * [-1]), {"calibrated": True, "false_alarm_rate": 0.2}, "none of them has one"),
        (100, np.full(100, -1), {}, "no image has a label"),
        (6, Y, {}, r"of 6 images 1 are held out\. Give more images, or raise holdout_fraction$"),
        (2, Y, {}, "0 would be held out, and 2 train. Give more images, or raise holdout_fraction$"),
        (2, Y, {"holdout_fraction": 0.9}, "2 would be held out, and 0 train. Give more images, or lower holdout_fract"),
    ],
)
def test_what_is_wrong_is_said_before_the_model_is_fitted(n, labels, words, message):
    classifier = pofx.GenerativeClassifier(NeverFitted(), **{"random_state": 0} | words)
    with pytest.raises(ValueError, match=message):
        classifier.fit(X[:n], labels[:n])


def test_where_nothing_can_be_rejected_the_caller_is_told_in_the_classifiers_own_words():
    with pytest.warns(UserWarning, match=r"nothing can be rejected.* or raise holdout_fraction$") as told:
        pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0).fit(X[:100], Y[:100])
    assert [warning.filename for warning in told] == [__file__]


def test_a_collection_that_holds_its_images_twice_can_be_learned_from():
    twice = np.repeat(np.arange(200), 2)
    pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0, holdout_fraction=0.3).fit(X[twice], Y[twice])


def test_it_works_in_pipelines_searches_and_cross_validation():
    inner = pofx.GenerativeClassifier(pofx.VAE(**FAST), false_alarm_rate=0.2, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.rint), inner)
    rows = X[:300].reshape(300, -1)
    assert cross_val_score(pipeline, rows, Y[:300], cv=2).shape == (2,)
    search = GridSearchCV(inner, {"prior": ["empirical", "uniform"], "model__latent_dim": [2, 3]}, cv=2)
    assert search.fit(rows, Y[:300]).best_params_["model__latent_dim"] in (2, 3)
    with pytest.raises(NotFittedError):
        clone(inner).predict(rows)


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters", [{}, {"calibrated": True, "prior": "uniform"}, {"rejection": "likelihood_ratio"}]
)
def test_a_loaded_classifier_gives_the_same_bits(parameters, tmp_path):
    found = pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0, **parameters).fit(X[:400], NAMES[Y[:400]])
    loaded = pofx.load(found.save(tmp_path / "classifier.pofx"))
    assert isinstance(loaded, pofx.GenerativeClassifier)
    new = X[400:450]
    for method in ("predict_proba", "predict_or_reject", "p_values"):
        np.testing.assert_array_equal(getattr(loaded, method)(new), getattr(found, method)(new))
    assert repr(loaded.get_params()) == repr(found.get_params())
    assert clone(loaded).fit(X[:400], NAMES[Y[:400]]).score(new, NAMES[Y[400:450]]) == found.score(
        new, NAMES[Y[400:450]]
    )
    again = pofx.load(loaded.save(tmp_path / "again.pofx"))
    np.testing.assert_array_equal(again.predict_proba(new), found.predict_proba(new))


def test_the_model_that_was_given_is_that_again_after_loading(tmp_path):
    given = np.where(np.arange(200) < 100, Y[:200], -1)
    classifier = pofx.GenerativeClassifier(pofx.VAE(max_minutes=9, **FAST), random_state=0, false_alarm_rate=0.2)
    found = classifier.fit(X[:200], given)
    path = found.save(tmp_path / "classifier.pofx")
    assert repr(pofx.load(path).get_params()) == repr(found.get_params())
    state = dict(to_attachment(found).state)
    del state["given"]  # as files of before are
    found.model_.save(path, attachment=dataclasses.replace(to_attachment(found), state=state))
    assert pofx.load(path).model.conditional


def test_a_file_cannot_hold_a_function_and_damaged_contents_are_refused(tmp_path):
    found = pofx.GenerativeClassifier(
        pofx.VAE(**FAST), random_state=0, rejection=lambda model, images: model.score_samples(images)
    ).fit(X[:300], Y[:300])
    with pytest.raises(TypeError, match="function"):
        found.save(tmp_path / "a.pofx")
    found = pofx.GenerativeClassifier(pofx.VAE(**FAST), random_state=0).fit(X[:300], Y[:300])
    whole = to_attachment(found)
    assert whole.name == NAME
    for changes in (
        {"temperature": 0.0}, {"temperature": float("inf")}, {"temperature": "1"}, {"image_shape": [8, 9]},
        {"given": {"latent_dim": 2}}, {"given": {"levels": -1}}, {"given": 1},
        {"model": "x"}, {"seed": -1}, {"seed": 2**32}, {"detector": {}}, {"detector": {"parameters": {}, "state": {}}},
    ):  # fmt: skip
        broken = dataclasses.replace(whole, state={**whole.state, **changes})
        path = found.model_.save(tmp_path / "broken.pofx", attachment=broken)
        with pytest.raises(model_file.ModelFileError):
            pofx.load(path)
    path = found.model_.save(
        tmp_path / "broken.pofx",
        attachment=dataclasses.replace(whole, parameters={**whole.parameters, "rejection": "log_prob"}),
    )
    with pytest.raises(model_file.ModelFileError):
        pofx.load(path)
