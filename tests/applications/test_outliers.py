"""The detector: its rates, its parts, its scores and its kinds of calibration, over small models."""

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

import pofx
from pofx.applications.conformal import conformal_p_values
from pofx.applications.outlier_scores import PNG_STATISTIC
from pofx.applications.png_bits import png_bits

DIGITS = np.random.default_rng(0).permutation(load_digits().images)
LABELS = np.random.default_rng(0).permutation(load_digits().target)
VAE = {"width": 32, "depth": 1, "latent_dim": 4, "max_epochs": 10, "random_state": 0}


def foreign(X):
    rng = np.random.default_rng(0)
    return {"inverted": 16 - X, "noise": rng.integers(0, 17, size=X.shape).astype(float), "blank": np.zeros_like(X)}


@pytest.fixture(scope="module")
def fitted_model():
    return pofx.VAE(**VAE).fit(DIGITS[:800])


@pytest.fixture(scope="module")
def detector():
    return pofx.OutlierDetector(pofx.VAE(**VAE), random_state=0).fit(DIGITS[:1400])


def by_first_pixel(model, X):
    return X.reshape(len(X), -1)[:, 0]


# ---- what it finds -------------------------------------------------------------------------------------------------


def test_foreign_images_are_flagged_and_few_ordinary_ones(detector):
    rate = detector.report_rate()
    assert (detector.predict(DIGITS[1400:]) == -1).mean() < rate.upper + 0.05
    for name, images in foreign(DIGITS[1400:]).items():
        assert (detector.predict(images) == -1).mean() > 0.9, name


@pytest.mark.parametrize("score", ["typicality", "log_prob", "complexity", "likelihood_ratio"])
def test_every_score_is_higher_for_ordinary_images_than_for_noise(fitted_model, score):
    found = pofx.OutlierDetector(fitted_model, score, random_state=0).fit(DIGITS[800:1400])
    ordinary, noise = (found.score_samples(images) for images in (DIGITS[1400:], foreign(DIGITS[1400:])["noise"]))
    assert np.median(ordinary) > np.quantile(noise, 0.95) and np.isfinite(noise).all()


def test_log_prob_complexity_and_a_function_are_what_they_say(fitted_model):
    X, new = DIGITS[800:1000], DIGITS[1400:]
    log_p, bits = fitted_model.score_samples(new), png_bits(new.astype(np.uint8)[..., None])
    for score, expected in {
        "log_prob": log_p,
        "complexity": log_p + np.log(2) * bits,
        by_first_pixel: new[:, 0, 0],
    }.items():
        found = pofx.OutlierDetector(fitted_model, score).fit(X).score_samples(new)
        np.testing.assert_allclose(found, expected)


def test_the_likelihood_ratio_is_against_the_same_estimator_fitted_to_images_that_were_changed(fitted_model):
    found = pofx.OutlierDetector(fitted_model, "likelihood_ratio", random_state=0).fit(DIGITS[800:1400])
    background = found._judges[0].score.background
    assert background.get_params() == fitted_model.get_params() and background is not fitted_model
    expected = fitted_model.score_samples(DIGITS[1400:]) - background.score_samples(DIGITS[1400:])
    np.testing.assert_array_equal(found.score_samples(DIGITS[1400:]), expected)
    # It has seen noise in the empty corners, so it finds noise less improbable than the model does.
    noise = foreign(DIGITS[1400:])["noise"]
    assert background.score_samples(noise).mean() > fitted_model.score_samples(noise).mean()


def test_the_typicality_looks_at_the_statistics_of_the_model_and_the_png_size(detector, fitted_model):
    _, names = fitted_model.typicality_statistics(DIGITS[:2])
    assert detector.statistic_names_ == (*names, PNG_STATISTIC)


def test_the_explanation_is_the_surprise_of_the_model(detector):
    X = DIGITS[1400:1405]
    np.testing.assert_array_equal(detector.explain(X), detector.model_.surprise_map(X))
    broken = X.copy()
    broken[:, 0, 0] = 16  # never so bright
    assert (detector.explain(broken)[:, 0, 0] > detector.explain(X)[:, 0, 0] + 0.5).all()


# ---- the rate ------------------------------------------------------------------------------------------------------


def test_p_values_are_those_of_the_calibration_scores(detector):
    found = detector.assess(DIGITS[1400:])
    np.testing.assert_array_equal(found.p_values, conformal_p_values(detector.calibration_scores_, found.scores))
    np.testing.assert_array_equal(found.is_outlier, found.p_values <= 0.05)
    np.testing.assert_array_equal(detector.p_values(DIGITS[1400:]), found.p_values)
    np.testing.assert_array_equal(detector.predict(DIGITS[1400:]) == -1, found.is_outlier)
    np.testing.assert_array_equal(detector.decision_function(DIGITS[1400:]) < 0, found.is_outlier)


@pytest.mark.parametrize("folds", [None, 4])
def test_over_random_divisions_the_rate_is_the_nominal_one(fitted_model, folds):
    """200 calibrations of one model by a score of which only the order matters; with folds the score is the same in
    all of them, and the guarantee that of one calibration set."""
    rng = np.random.default_rng(0)
    rates, covered = [], []
    for seed in range(200):
        values = rng.normal(size=(1000, 64))
        found = pofx.OutlierDetector(fitted_model, by_first_pixel, n_folds=folds, random_state=seed)
        found.fit(values[:400])
        rates.append((found.predict(values[400:]) == -1).mean())
        covered.append(found.report_rate().lower <= rates[-1] <= found.report_rate().upper)
    expected = found.report_rate().expected
    assert abs(np.mean(rates) - expected) < 3 * np.std(rates) / np.sqrt(200)
    # The rate on 600 images is noisier than the interval of the rate itself.
    assert np.mean(covered) > 0.75


def test_in_every_class_the_rate_is_kept_though_one_is_far_less_ordinary(fitted_model):
    rng = np.random.default_rng(0)

    def draw(n):
        y = rng.integers(0, 2, size=n)
        return np.where(y == 1, 0.0, 5.0)[:, None] + rng.normal(size=(n, 64)), np.array(["odd", "even"])[y]

    X, y = draw(3000)
    marginal = pofx.OutlierDetector(fitted_model, by_first_pixel, false_alarm_rate=0.1).fit(X)
    by_class = clone(marginal).set_params(model=fitted_model, calibration="per_class").fit(X, y)
    new, labels = draw(4000)
    of_class = {name: labels == name for name in ("even", "odd")}
    assert (marginal.predict(new[of_class["even"]]) == -1).mean() > 0.17  # all false alarms are of one class
    for own in of_class.values():
        assert abs((by_class.predict(new[own], labels[own]) == -1).mean() - 0.1) < 0.03
        assert (by_class.predict(new[own]) == -1).mean() < 0.13
    found = by_class.assess(new, labels)
    np.testing.assert_array_equal(found.is_outlier, found.scores < by_class.offset_)
    assert by_class.report_rate().n_calibration == min(np.unique(y, return_counts=True)[1])
    with pytest.raises(ValueError, match=r"not fitted to: .*'strange'"):
        by_class.predict(new[:1], ["strange"])
    with pytest.raises(ValueError, match="requires y to be passed"):
        clone(by_class).set_params(model=fitted_model).fit(X)


def test_per_class_in_folds_agrees_with_itself(fitted_model):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 64)), rng.integers(0, 3, size=300)
    found = pofx.OutlierDetector(fitted_model, by_first_pixel, calibration="per_class", n_folds=3, false_alarm_rate=0.2)
    found.fit(X, y)
    for labels in (None, y):
        a = found.assess(X, labels)
        np.testing.assert_array_equal(a.is_outlier, a.scores < found.offset_)
        assert 0.1 < a.is_outlier.mean() < 0.25 or labels is None


def test_with_benjamini_hochberg_few_of_the_flagged_are_ordinary(detector):
    X = np.concatenate([DIGITS[1400:], 16 - DIGITS[1400:1440]])
    flagged = detector.set_params(false_alarm_rate=0.05).predict(X, correction="benjamini_hochberg") == -1
    assert flagged[-40:].all() and flagged[:-40].sum() < 10
    with pytest.raises(ValueError, match="benjamini_hochberg"):
        detector.predict(X, correction="bonferroni")


@pytest.mark.parametrize("calibration", ["marginal", "per_class"])
def test_where_nothing_can_be_flagged_it_warns_and_flags_nothing(fitted_model, calibration):
    found = pofx.OutlierDetector(fitted_model, by_first_pixel, calibration=calibration)
    with pytest.warns(UserWarning, match=r"no p-value is as low as false_alarm_rate=0\.05.*n_folds"):
        found.fit(DIGITS[:18] + np.arange(18.0)[:, None, None], np.zeros(18))
    assert (found.predict(DIGITS - 1e9) == 1).all() and np.isfinite(found.decision_function(DIGITS - 1e9)).all()
    assert found.report_rate().expected == 0


# ---- parts and models ----------------------------------------------------------------------------------------------


def test_the_model_sees_its_training_part_only():
    seen = []

    class Watched(pofx.VAE):
        def fit(self, X, y=None):
            seen.append(X)
            return super().fit(X, y)

    found = pofx.OutlierDetector(Watched(**VAE | {"max_epochs": 1}), random_state=0).fit(DIGITS[:300])
    (parts,) = found.parts_
    np.testing.assert_array_equal(seen[0], DIGITS[parts.training])
    assert [len(p) for p in (parts.training, parts.reference, parts.calibration)] == [180, 60, 60]


def test_a_fitted_model_is_used_as_it_is_and_refuses_the_images_that_it_knows(fitted_model):
    found = pofx.OutlierDetector(fitted_model, random_state=0).fit(DIGITS[800:1400])
    assert found.model_ is fitted_model and len(found.parts_[0].training) == 0
    with pytest.raises(ValueError, match="these are the images that the VAE was fitted to"):
        pofx.OutlierDetector(fitted_model).fit(DIGITS[:800])
    assert not hasattr(clone(found).model, "module_")


def test_folds_let_every_image_calibrate_with_a_model_that_has_not_seen_it():
    found = pofx.OutlierDetector(pofx.VAE(**VAE | {"max_epochs": 3}), n_folds=3, random_state=0).fit(DIGITS[:300])
    assert len(found.calibration_scores_) == 300 and len({id(judge.model) for judge in found._judges}) == 3
    a = found.assess(DIGITS[1400:])
    np.testing.assert_array_equal(a.is_outlier, a.scores < found.offset_)
    assert (found.predict(foreign(DIGITS[1400:])["noise"]) == -1).all()
    order = np.argsort(a.scores)
    assert (np.diff(a.p_values[order]) >= 0).all()  # the finer number orders as the p-values do


def test_the_default_model_is_a_vae_and_takes_the_command_to_be_short(monkeypatch):
    monkeypatch.setattr("pofx.families.variational.estimator.VAE.fit", fitted_quickly(pofx.VAE.fit))
    assert isinstance(pofx.OutlierDetector(random_state=0).fit(DIGITS[:200]).model_, pofx.VAE)


def fitted_quickly(fit):
    return lambda self, X, y=None: fit(self.set_params(max_epochs=1), X, y)


def test_a_conditional_model_gets_the_labels():
    model = pofx.VAE(**VAE | {"max_epochs": 2, "conditional": True})
    found = pofx.OutlierDetector(model, random_state=0).fit(DIGITS[:400], LABELS[:400])
    assert len(found.model_.classes_) == 10
    with_labels, without = found.p_values(DIGITS[1400:], LABELS[1400:]), found.p_values(DIGITS[1400:])
    assert not np.array_equal(with_labels, without)


@pytest.mark.parametrize("calibration", ["marginal", "per_class"])
def test_without_its_label_an_image_is_scored_in_every_class_and_the_greatest_p_value_counts(calibration, tmp_path):
    model = pofx.VAE(**VAE | {"max_epochs": 2, "conditional": True}).fit(DIGITS[:400], LABELS[:400])
    found = pofx.OutlierDetector(model, "log_prob", calibration=calibration, false_alarm_rate=0.2, random_state=0)
    found.fit(DIGITS[400:900], LABELS[400:900])
    new = DIGITS[1400:]
    of_each = [found.assess(new, np.full(len(new), label)) for label in range(10)]
    for same in (found, pofx.load(found.save(tmp_path / "detector.pofx"))):
        unknown = same.assess(new)
        np.testing.assert_array_equal(unknown.p_values, np.max([a.p_values for a in of_each], axis=0))
        np.testing.assert_array_equal(unknown.scores, np.max([a.scores for a in of_each], axis=0))
        np.testing.assert_array_equal(unknown.is_outlier, unknown.scores < same.offset_)
    assert (found.p_values(new) >= found.p_values(new, LABELS[1400:])).all()


def test_what_was_calibrated_without_labels_does_not_look_at_them():
    model = pofx.VAE(**VAE | {"max_epochs": 2, "conditional": True}).fit(DIGITS[:400], LABELS[:400])
    found = pofx.OutlierDetector(model, "log_prob", random_state=0).fit(DIGITS[400:900])
    np.testing.assert_array_equal(found.p_values(DIGITS[1400:], LABELS[1400:]), found.p_values(DIGITS[1400:]))


def test_a_class_without_calibration_images_is_told_and_never_flagged(tmp_path):
    y = np.zeros(300, dtype=np.int64)
    y[7] = 3  # of a single image, which trains
    found = pofx.OutlierDetector(pofx.VAE(**VAE | {"max_epochs": 1}), calibration="per_class", random_state=0)
    with pytest.warns(UserWarning, match="with 0 calibration images of a class"):
        found.fit(DIGITS[:300], y)
    assert 7 not in found.parts_[0].calibration
    for same in (found, pofx.load(found.save(tmp_path / "detector.pofx"))):
        p = same.p_values(16 - DIGITS[300:302], [3, 0])
        assert p[0] == 1 and p[1] <= 0.05
        assert same.predict(16 - DIGITS[300:302], [3, 0]).tolist() == [1, -1]


@pytest.mark.parametrize("n_folds", [None, 3])
def test_infinite_scores_are_ranked_like_any_others(fitted_model, n_folds):
    def some_infinite(model, X):
        first = by_first_pixel(model, X)
        return np.where(first < -1, -np.inf, np.where(first > 1, np.inf, first))

    X = np.random.default_rng(0).normal(size=(300, 64))
    found = pofx.OutlierDetector(fitted_model, some_infinite, n_folds=n_folds, false_alarm_rate=0.3, random_state=0)
    judged = found.fit(X).assess(X)
    assert np.isfinite(judged.scores).all()
    np.testing.assert_array_equal(judged.is_outlier, judged.scores < found.offset_)


@pytest.mark.parametrize("labels", ["of no model", "of the model"])
def test_known_images_are_refused_whatever_comes_with_them(labels):
    conditional = labels == "of the model"
    X, y = DIGITS[:200], LABELS[:200]
    model = pofx.VAE(**VAE | {"max_epochs": 1, "conditional": conditional}).fit(X, y if conditional else None)
    for how in ({"calibration": "per_class"}, {"calibration": "per_class", "tile": "model"}):
        with pytest.raises(ValueError, match="was fitted to"):
            pofx.OutlierDetector(model, **how).fit(X, y)


def test_known_images_are_refused_in_any_order_and_number_with_any_labels_and_new_ones_are_not(tmp_path):
    X, y = DIGITS[:200], LABELS[:200]
    model = pofx.VAE(**VAE | {"max_epochs": 1, "conditional": True}).fit(X, y)
    shuffled = np.random.default_rng(0).permutation(200)
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    for images, labels in ((X, None), (X[shuffled], y[shuffled]), (X[1:], y[1:]), (X, (y + 1) % 10), (X[::4], None)):
        for known_by in (model, loaded):
            with pytest.raises(ValueError, match="was fitted to"):
                pofx.OutlierDetector(known_by).fit(images, labels)
    pofx.OutlierDetector(model, random_state=0).fit(DIGITS[200:400])
    pofx.OutlierDetector(model, random_state=0).fit(DIGITS[190:400])  # ten that it knows, of 210


def test_of_a_model_from_a_file_without_hashes_the_very_images_are_refused(tmp_path):
    model = pofx.VAE(**VAE | {"max_epochs": 1}).fit(DIGITS[:200])
    del model.provenance_["image_hashes"]
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    with pytest.raises(ValueError, match="was fitted to"):
        pofx.OutlierDetector(loaded).fit(DIGITS[:200])
    pofx.OutlierDetector(loaded, random_state=0).fit(DIGITS[:199])


@pytest.mark.parametrize("family", ["pixelcnn", "gan"])
def test_other_families_take_part_by_what_they_have(family):
    small = {"pixelcnn": {"n_layers": 1, "n_channels": 8}, "gan": {"width": 32, "depth": 1, "encoder": True}}[family]
    model = pofx.family(family)(max_epochs=3, random_state=0, **small)
    found = pofx.OutlierDetector(model, random_state=0).fit(DIGITS[:600])
    assert (found.predict(foreign(DIGITS[1400:])["noise"]) == -1).mean() > 0.9
    assert found.explain(DIGITS[:2]).shape == (2, 8, 8)


def test_a_score_that_the_model_has_not_is_refused_before_the_fit(monkeypatch):
    monkeypatch.setattr(pofx.GAN, "_train", lambda *_: pytest.fail("it was fitted"))
    with pytest.raises(ValueError, match=r"GAN has no score_samples.*score='typicality'"):
        pofx.OutlierDetector(pofx.GAN(), "log_prob").fit(DIGITS[:100])
    assert not hasattr(pofx.OutlierDetector(pofx.GAN()), "explain")


# ---- the estimator -------------------------------------------------------------------------------------------------


def test_unfitted_wrong_shapes_and_empty_input_are_refused(detector):
    with pytest.raises(NotFittedError):
        pofx.OutlierDetector().p_values(DIGITS)
    for bad in (DIGITS[:, :4], DIGITS[:0], np.full((2, 8, 8), np.nan), DIGITS[..., None].repeat(3, axis=-1)):
        with pytest.raises(ValueError, match=r"features|sample|NaN|shape"):
            detector.p_values(bad)
    with pytest.raises(ValueError, match="leave no images"):
        pofx.OutlierDetector(pofx.VAE(), reference_fraction=0.5, calibration_fraction=0.5).fit(DIGITS)
    with pytest.raises(ValueError, match="one number for each of the"):
        pofx.OutlierDetector(detector.model_, lambda model, X: X).fit(DIGITS[:50])


def test_levels_that_the_model_does_not_know_are_refused_and_not_cut_off(detector):
    with pytest.raises(ValueError, match="outside the support"):
        detector.p_values(DIGITS[:2] + 5)


def test_the_same_seed_gives_the_same_detector_and_batches_do_not_matter(detector):
    again = clone(detector).fit(DIGITS[:1400])
    np.testing.assert_array_equal(again.calibration_scores_, detector.calibration_scores_)
    one_by_one = np.concatenate([detector.score_samples(image[None]) for image in DIGITS[1400:1410]])
    np.testing.assert_array_equal(one_by_one, detector.score_samples(DIGITS[1400:1410]))


def test_a_mapped_collection_gives_what_the_same_in_memory_gives(fitted_model, tmp_path, monkeypatch):
    monkeypatch.setattr("pofx.applications.image_parts.PART_BYTES", 30_000)
    np.save(tmp_path / "x.npy", DIGITS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    a = pofx.OutlierDetector(fitted_model, random_state=0).fit(mapped[800:1400])
    b = pofx.OutlierDetector(fitted_model, random_state=0).fit(DIGITS[800:1400])
    np.testing.assert_array_equal(a.p_values(mapped[1400:]), b.p_values(DIGITS[1400:]))


def test_grid_search_over_parameters_of_the_detector_and_of_the_model():
    X = np.concatenate([DIGITS[:200], 16 - DIGITS[200:240]])
    y = np.repeat([1, -1], [200, 40])
    model = pofx.VAE(**VAE | {"max_epochs": 2})
    scoring = make_scorer(roc_auc_score, response_method="decision_function")
    search = GridSearchCV(
        pofx.OutlierDetector(model, random_state=0, false_alarm_rate=0.2),
        {"score": ["typicality", "log_prob"], "model__latent_dim": [1, 4]},
        scoring=scoring,
        cv=StratifiedKFold(2),
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4 and search.best_score_ > 0.5
    assert stats.describe(search.cv_results_["mean_test_score"]).minmax[0] > 0
