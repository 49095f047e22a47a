"""The contract of `pofx.base`, for every family and kind of data; what a family lacks is skipped by its absence."""

import copy
import inspect
import pickle
import random

import numpy as np
import pytest
import torch
from fast_models import FAMILIES, KINDS, fast_model, make_data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError

import pofx
from pofx.data.levels import RealLevels

SCORES = ["score_samples", "bits_per_dim"]
PER_IMAGE = [*SCORES, "transform", "surprise_map", "reconstruct", "log_prob_map"]


def call(model, name, X, y=None):
    """The method's answer, or a skip where the family has no such method."""
    if not hasattr(model, name):
        pytest.skip(f"{type(model).__name__} has no {name}")
    return getattr(model, name)(X, y)


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_capabilities_are_there_where_they_are_true(fitted):
    has_density = fitted.density in ("exact", "lower bound")
    assert fitted.density in ("exact", "lower bound", "none")
    for name in ("score_samples", "score", "bits_per_dim"):
        assert hasattr(fitted, name) == has_density
    assert hasattr(fitted, "log_prob_map") <= (fitted.density == "exact")


def test_the_constructor_speaks_the_common_words(family):
    common = "image_shape levels conditional max_epochs max_minutes batch_size learning_rate validation_fraction "
    common += "early_stopping ema_half_life device precision checkpoint_dir random_state verbose"
    assert set(common.split()) <= set(pofx.family(family)().get_params())


def test_every_parameter_is_documented_and_validated(family):
    from pofx.cli.fit_options import parameter_help

    cls = pofx.family(family)
    names = set(cls().get_params())
    assert names <= set(parameter_help(cls))
    assert names <= set(cls._parameter_constraints)


def test_features_come_in_the_container_that_is_asked_for(family):
    """scikit-learn's `set_output` wraps the `transform` of classes that inherit from its mixin."""
    cls = pofx.family(family)
    if hasattr(cls, "transform"):
        assert hasattr(cls.transform, "__wrapped__")


def test_the_registry_knows_the_family(family, fitted):
    assert pofx.family(family) is type(fitted)
    assert family in pofx.family_names()


# ---- images in and out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_like_the_images_that_were_fitted(family, kind):
    X = make_data(kind)
    model = fast_model(family).fit(X)
    samples = model.sample(7, random_state=1)
    assert samples.shape == (7, *X.shape[1:])
    assert samples.dtype == X.dtype
    if not isinstance(model.image_format_.grid, RealLevels):
        call_again = model.image_format_.grid.levels_of(samples.reshape(7, -1))  # raises outside the support
        assert call_again.shape[0] == 7
    assert np.array_equal(samples, model.sample(7, random_state=1))
    assert not np.array_equal(samples, model.sample(7, random_state=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", PER_IMAGE)
def test_answers_have_their_shapes(family, kind, method):
    X = make_data(kind)
    model = fast_model(family, max_epochs=1).fit(X)
    answer = call(model, method, X[:5])
    assert np.isfinite(answer).all()
    expected = {"transform": (5, len(model.get_feature_names_out())) if hasattr(model, "transform") else ()}
    expected |= dict.fromkeys(SCORES, (5,))
    assert answer.shape == expected.get(method, (5, *X.shape[1:]))
    if method in SCORES:
        assert answer.dtype == np.float64
    if method == "transform":
        assert answer.dtype == (np.float32 if X.dtype == np.float32 else np.float64)


def test_the_levels_of_a_fit_can_be_given(family):
    model = fast_model(family, levels=20).fit(make_data("digits"))
    assert model.spec_.levels == 20


def test_rows_and_images_are_the_same_data(family):
    X = make_data("digits")
    one, other = fast_model(family).fit(X), fast_model(family).fit(X.reshape(120, -1))
    for (name, left), right in zip(one.module_.state_dict().items(), other.module_.state_dict().values(), strict=True):
        assert torch.equal(left, right), name
    assert np.array_equal(one.sample(3, random_state=0).reshape(3, -1), other.sample(3, random_state=0))


# ---- completions -----------------------------------------------------------------------------------------------------


def some_mask(shape, seed=0):
    return np.random.default_rng(seed).random(shape) < 0.5


def completed_by(model, X, mask, *rest, **words):
    """`complete` with as little work as it can do, or a skip where the family has none."""
    if not hasattr(model, "complete"):
        pytest.skip(f"{type(model).__name__} has no complete")
    names = inspect.signature(model.complete).parameters
    quick = {name: 2 for name in ("n_steps", "n_particles", "n_starts") if name in names}
    return model.complete(X, mask, *rest, **quick | {"random_state": 0} | words)


@pytest.mark.parametrize("kind", KINDS)
def test_completions_are_like_the_images_and_keep_what_is_known(family, kind):
    X = make_data(kind)
    model, mask = fast_model(family, max_epochs=1).fit(X), some_mask(X.shape[1:])
    completed = completed_by(model, X[:5], mask)
    assert completed.shape == X[:5].shape and completed.dtype == X.dtype
    assert np.array_equal(completed[:, mask], X[:5, mask])
    assert np.isfinite(completed).all()
    if not isinstance(model.image_format_.grid, RealLevels):
        model.image_format_.grid.levels_of(completed.reshape(5, -1))  # raises outside the support
    assert np.array_equal(completed_by(model, X[:5], mask), completed)
    assert not np.array_equal(completed_by(model, X[:5], mask, random_state=1), completed)


def test_all_known_and_none_known(fitted):
    X = make_data("digits")[:5]
    assert np.array_equal(completed_by(fitted, X, np.ones((8, 8), dtype=bool)), X)
    drawn = completed_by(fitted, X, np.zeros((8, 8), dtype=bool))
    assert np.array_equal(completed_by(fitted, X[::-1] * 0, np.zeros((8, 8), dtype=bool)), drawn)


def test_what_stands_at_unknown_places_is_not_looked_at(fitted):
    X, mask = make_data("digits")[:5], some_mask((8, 8))
    completed = completed_by(fitted, X, mask)
    for value in (np.nan, np.inf, -7.5):
        assert np.array_equal(completed_by(fitted, np.where(mask, X, value), mask), completed)


def test_completions_with_and_without_labels(conditional, labels):
    X, mask = make_data("digits")[:10], some_mask((8, 8))
    drawn, given = completed_by(conditional, X, mask), completed_by(conditional, X, mask, labels[:10])
    for completed in (drawn, given):
        assert np.array_equal(completed[:, mask], X[:, mask])
    with pytest.raises(ValueError, match="not fitted to"):
        completed_by(conditional, X, mask, np.full(10, 77))


def test_the_most_central_of_completions(conditional, labels):
    if not hasattr(conditional, "complete"):
        pytest.skip("it completes nothing")
    X, mask = make_data("digits")[:6], some_mask((8, 8))
    names = inspect.signature(conditional.complete).parameters
    quick = {name: 2 for name in ("n_steps", "n_particles", "n_starts") if name in names}
    for y in (None, labels[:6]):
        words = {"n_draws": 3, "random_state": 0} | quick
        completed = conditional.central_completion(X, mask, y, **words)
        assert completed.dtype == X.dtype and np.array_equal(completed[:, mask], X[:, mask])
        assert np.array_equal(conditional.central_completion(np.where(mask, X, np.nan), mask, y, **words), completed)
        rows = conditional.central_completion(X.reshape(6, -1), mask.ravel(), y, **words)
        assert np.array_equal(rows.reshape(X.shape), completed)
    with pytest.raises(ValueError, match="n_draws must be"):
        conditional.central_completion(X, mask, n_draws=0)
    with pytest.raises(ValueError, match="mask has the shape"):
        conditional.central_completion(X, mask[:7])


@pytest.mark.parametrize(
    ("X", "mask", "message"),
    [
        (np.zeros((2, 8, 8)), np.ones((8, 8)), "mask must hold truth values"),
        (np.zeros((2, 8, 8)), np.ones((8, 7), dtype=bool), "mask has the shape"),
        (np.zeros((2, 8, 8)), np.ones((3, 8, 8), dtype=bool), "mask has the shape"),
        (np.full((2, 8, 8), 99.0), np.ones((8, 8), dtype=bool), "levels=17"),
        (np.full((2, 8, 8), np.nan), np.ones((8, 8), dtype=bool), "NaN"),
        (np.zeros((0, 8, 8)), np.ones((8, 8), dtype=bool), "0 sample"),
    ],
)
def test_masks_and_images_that_cannot_be_completed(fitted, X, mask, message):
    with pytest.raises(ValueError, match=message):
        completed_by(fitted, X, mask)


def test_labels_mean_nothing_to_the_completions_of_a_model_without_classes(fitted):
    with pytest.raises(ValueError, match="this model is not conditional"):
        completed_by(fitted, make_data("digits")[:2], some_mask((8, 8)), [0, 1])


def test_how_a_model_completes_is_told(fitted):
    if hasattr(fitted, "complete"):
        assert fitted.completes_by in ("chain rule", "Markov chain", "refined latents")
        assert hasattr(fitted, "log_prob_of_unknown") == (fitted.density != "none")


def test_log_p_of_the_unknown_part(fitted):
    """Exactly, where the model has an exact p(x); of a bound an estimate that says so."""
    if not hasattr(fitted, "log_prob_of_unknown"):
        pytest.skip("no log_prob_of_unknown")
    X, mask = make_data("digits")[:6], np.zeros((8, 8), dtype=bool)
    mask[:4] = True
    result = fitted.log_prob_of_unknown(X, mask)
    assert result.value.shape == result.std_error.shape == (6,)
    assert result.is_exact == (fitted.density == "exact")
    assert (result.std_error == 0).all() == result.is_exact
    known = fitted.log_prob_of_unknown(X, np.ones((8, 8), dtype=bool))
    nothing = fitted.log_prob_of_unknown(X, np.zeros((8, 8), dtype=bool))
    assert (known.value == 0).all() and (known.std_error == 0).all()
    if result.is_exact:
        assert nothing.value == pytest.approx(fitted.score_samples(X), rel=1e-12)
        assert result.value == pytest.approx(fitted.log_prob_map(X)[:, 4:].sum(axis=(1, 2)), rel=1e-12)
        with pytest.raises(ValueError, match="in the order of reading"):
            fitted.log_prob_of_unknown(X, ~mask)


# ---- scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", PER_IMAGE)
def test_an_image_gets_the_same_bits_whatever_it_is_scored_beside(fitted, method):
    X = make_data("digits")
    together = call(fitted, method, X)
    assert np.array_equal(call(fitted, method, X[::-1])[::-1], together)
    assert np.array_equal(call(fitted, method, X[70:71]), together[70:71])
    assert np.array_equal(call(fitted, method, X[3:100]), together[3:100])


def test_score_is_the_mean(fitted):
    X = make_data("digits")
    assert call(fitted, "score", X) == fitted.score_samples(X).mean()


def test_bits_are_nats_of_the_discrete_image(fitted):
    X = make_data("digits")
    bits = call(fitted, "bits_per_dim", X)
    assert bits == pytest.approx(-fitted.score_samples(X) / (64 * np.log(2)), rel=1e-12)


def test_typicality_statistics_have_names(fitted):
    X = make_data("digits")
    values, names = call(fitted, "typicality_statistics", X)
    assert values.shape == (120, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(values).all()
    assert (values.std(axis=0) > 0).all()


def test_scaling_real_data_shifts_their_log_density(family):
    """log p(a v) = log p(v) - D log a: the density is one of the user's numbers, in the user's unit."""
    X = make_data("real")
    one, ten = fast_model(family).fit(X), fast_model(family).fit(1024 * X)
    shift = call(one, "score_samples", X) - ten.score_samples(1024 * X)
    assert shift == pytest.approx(np.full(120, 16 * np.log(1024)), rel=1e-6)


def test_the_held_out_score_is_the_score_of_the_held_out_images(family):
    """Also where the density of real numbers differs from what the network maximises by a change of unit."""
    for kind in ("digits", "real"):
        X = make_data(kind)
        model = fast_model(family, max_epochs=20, validation_fraction=0.3).fit(X)
        assert model.held_out_score_ == pytest.approx(call(model, "score", X[model.held_out_indices_]), rel=0.05)


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_class_log_probs_are_the_scores_with_each_label(conditional, fitted):
    X = make_data("digits")[:7]
    assert not hasattr(fitted, "class_log_probs")
    if conditional.density == "none":
        assert not hasattr(conditional, "class_log_probs")
        return
    found = conditional.class_log_probs(X)
    assert found.shape == (7, len(conditional.classes_)) and found.dtype == np.float64
    for column, label in zip(found.T, conditional.classes_, strict=True):
        np.testing.assert_allclose(column, conditional.score_samples(X, np.full(7, label)), rtol=1e-12)
    np.testing.assert_array_equal(conditional.class_log_probs(X[3:5]), found[3:5])


def test_class_log_probs_of_real_data_are_densities(family, labels):
    X = make_data("real")
    model = fast_model(family, conditional=True).fit(X, labels)
    found = call_without_labels(model, "class_log_probs", X[:4])
    np.testing.assert_allclose(found[:, 2], model.score_samples(X[:4], np.full(4, model.classes_[2])), rtol=1e-12)


def call_without_labels(model, name, X):
    if not hasattr(model, name):
        pytest.skip(f"{type(model).__name__} has no {name}")
    return getattr(model, name)(X)


def test_images_without_a_label_train_through_the_marginal_or_are_refused(family, labels, tmp_path):
    X, given = make_data("digits"), np.where(np.arange(120) % 3 == 0, labels, -1)
    model = fast_model(family, conditional=True, max_epochs=12, validation_fraction=0.3)
    if not model._trains_unlabelled:
        with pytest.raises(ValueError, match="no label"):
            model.fit(X, given)
        return
    model.fit(X, given)
    known = given != -1
    assert model.n_unlabelled_ == 80
    np.testing.assert_allclose(model.class_prior_, np.unique(given[known], return_counts=True)[1] / 40)
    # The held-out score is of log p(x|y) where there is a label, and of the marginal where there is none.
    held_out = model.held_out_indices_
    with_label, without = held_out[known[held_out]], held_out[~known[held_out]]
    scores = [model.score_samples(X[with_label], given[with_label]), model.score_samples(X[without])]
    assert model.held_out_score_ == pytest.approx(np.concatenate(scores).mean(), rel=0.03)
    again = fast_model(family, conditional=True, max_epochs=12, validation_fraction=0.3).fit(X, given)
    assert np.array_equal(again.score_samples(X[:9]), model.score_samples(X[:9]))
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    assert np.array_equal(loaded.score_samples(X[:9]), model.score_samples(X[:9]))


# ---- what was fitted stays what was fitted ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["digits", "real"])
def test_new_parameters_change_nothing_before_the_next_fit(family, kind, labels, tmp_path):
    X = make_data(kind)
    model = fast_model(family).fit(X)
    samples = model.sample(3, random_state=0)
    answers = {name: getattr(model, name)(X[:5]) for name in PER_IMAGE if hasattr(model, name)}
    new = {
        "conditional": True,
        "precision": "float64",
        "levels": 99,
        "latent_dim": 1,
        "likelihood": "normal",
        "width": 3,
    }
    model.set_params(**{name: value for name, value in new.items() if name in model.get_params()})
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    for fitted_model in (model, loaded):
        assert np.array_equal(fitted_model.sample(3, random_state=0), samples)
        for name, answer in answers.items():
            assert np.array_equal(getattr(fitted_model, name)(X[:5]), answer), name


def test_a_fit_that_fails_leaves_no_mixture_of_two(family):
    model = fast_model(family).fit(make_data("digits"))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((10, 4, 4), np.nan))
    with pytest.raises(NotFittedError):
        model.sample()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_fit_works_where_gradients_are_off(family, mode):
    with mode():
        assert fast_model(family, max_epochs=1).fit(make_data("digits")).n_epochs_ == 1


def test_changes_of_a_copy_on_write_map_are_kept(family, tmp_path):
    np.save(tmp_path / "images.npy", make_data("uint8"))
    X = np.load(tmp_path / "images.npy", mmap_mode="c")
    X[0] = 77
    fast_model(family, max_epochs=1).fit(X)
    assert (X[0] == 77).all()


@pytest.mark.parametrize("random_state", [5, None, check_random_state(1)])
def test_a_finished_fit_is_found_again(family, random_state, tmp_path):
    """Also with a generator or no seed at all: the checkpoint's seed follows from the data then."""
    models = [
        fast_model(family, random_state=random_state, checkpoint_dir=tmp_path).fit(make_data("digits"))
        for _ in range(2)
    ]
    assert models[0].seed_ == models[1].seed_
    assert np.array_equal(models[0].sample(3, random_state=0), models[1].sample(3, random_state=0))


# ---- determinism -----------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_fit_bit_for_bit(family, fitted):
    again = fast_model(family).fit(make_data("digits"))
    for name, tensor in fitted.module_.state_dict().items():
        assert torch.equal(tensor, again.module_.state_dict()[name]), name
    assert again.history_.without_timing() == fitted.history_.without_timing()
    assert np.array_equal(again.sample(4), fitted.sample(4))
    other = fast_model(family, random_state=1).fit(make_data("digits"))
    assert not np.array_equal(other.sample(4), fitted.sample(4))


def global_states():
    return torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002


@pytest.mark.parametrize("random_state", [0, None])
def test_global_generators_are_left_alone(family, random_state):
    before = global_states()
    model = fast_model(family, random_state=random_state).fit(make_data("digits"))
    model.sample(3)
    for method in PER_IMAGE:
        if hasattr(model, method):
            getattr(model, method)(make_data("digits")[:3])
    after = global_states()
    assert torch.equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_a_mapped_array_is_fitted_and_scored_like_one_in_memory(family, tmp_path):
    X = make_data("uint8")
    np.save(tmp_path / "images.npy", X)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    in_memory, on_disk = fast_model(family).fit(X), fast_model(family).fit(mapped)
    assert np.array_equal(call(on_disk, "score_samples", mapped), in_memory.score_samples(X))


# ---- labels ----------------------------------------------------------------------------------------------------------


def test_a_conditional_fit_needs_labels(family):
    with pytest.raises(ValueError, match="requires y"):
        fast_model(family, conditional=True).fit(make_data("digits"))


def test_the_marginal_is_the_sum_over_classes(conditional, labels):
    X = make_data("digits")[:10]
    marginal = call(conditional, "score_samples", X)
    joint = [
        np.log(prior) + conditional.score_samples(X, np.full(10, label))
        for label, prior in zip(conditional.classes_, conditional.class_prior_, strict=True)
    ]
    # Bounds are estimated from parts of the draws each time, so that their marginal is an unbiased bound as well.
    tolerance = {"rel": 1e-6} if conditional.density == "exact" else {"rel": 0.02}
    assert marginal == pytest.approx(np.logaddexp.reduce(joint, axis=0), **tolerance)


def test_frequencies_of_the_classes(conditional, labels):
    assert conditional.classes_.tolist() == sorted(set(labels.tolist()))
    assert conditional.class_prior_ == pytest.approx(np.bincount(labels) / len(labels))


@pytest.mark.parametrize("method", PER_IMAGE)
def test_a_conditional_model_answers_with_and_without_labels(conditional, labels, method):
    X = make_data("digits")[:10]
    with_labels, without = call(conditional, method, X, labels[:10]), call(conditional, method, X)
    assert with_labels.shape == without.shape
    assert np.isfinite(without).all()
    others = call(conditional, method, X, (labels[:10] + 1) % 10)
    if method == "transform" and np.array_equal(with_labels, without):
        assert np.array_equal(with_labels, others)  # features of the image alone
    else:
        assert not np.array_equal(with_labels, others)


def test_a_conditional_model_draws_what_it_is_asked_for(conditional):
    assert conditional.sample(3, y=7, random_state=0).shape == (3, 8, 8)
    assert conditional.sample(3, y=[1, 2, 3], random_state=0).shape == (3, 8, 8)
    assert conditional.sample(3, random_state=0).shape == (3, 8, 8)
    with pytest.raises(ValueError, match="inconsistent"):
        conditional.sample(3, y=[1, 2])


def test_labels_mean_nothing_to_a_model_without_classes(fitted):
    with pytest.raises(ValueError, match="not conditional"):
        fitted.sample(2, y=3)


@pytest.mark.parametrize("bad", [np.nan, None])
def test_missing_labels_are_refused(family, bad):
    y = np.array(["a", "b", bad] * 40, dtype=object)
    with pytest.raises(ValueError, match="NaN"):
        fast_model(family, conditional=True).fit(make_data("digits"), y)


def test_unknown_labels_are_named(conditional):
    with pytest.raises(ValueError, match="11"):
        conditional.sample(2, y=11)


def test_labels_may_be_words(family, labels, tmp_path):
    words = np.array(["even", "odd"])[labels % 2]
    model = fast_model(family, conditional=True).fit(make_data("digits"), words)
    model.save(tmp_path / "words.pofx")
    loaded = pofx.load(tmp_path / "words.pofx")
    assert loaded.classes_.tolist() == ["even", "odd"]
    assert np.array_equal(loaded.sample(2, y="odd", random_state=0), model.sample(2, y="odd", random_state=0))


# ---- files and copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["digits", "colour", "real rows float32"])
def test_a_saved_model_is_the_same_model(family, kind, tmp_path):
    X = make_data(kind)
    model = fast_model(family, image_shape=X.shape[1:] if X.ndim > 2 else None).fit(X)
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    assert {name: value for name, value in loaded.get_params().items() if name != "image_shape"} == {
        name: value for name, value in model.get_params().items() if name != "image_shape"
    }
    for method in PER_IMAGE:
        if hasattr(model, method):
            assert np.array_equal(getattr(loaded, method)(X), getattr(model, method)(X)), method
    assert np.array_equal(loaded.sample(5), model.sample(5))
    assert loaded.history_ == model.history_
    assert loaded.provenance_ == model.provenance_
    assert loaded.spec_ == model.spec_


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_the_same_model(fitted, copied):
    assert np.array_equal(copied(fitted).sample(5), fitted.sample(5))


def test_a_clone_is_not_fitted(fitted):
    with pytest.raises(NotFittedError):
        clone(fitted).sample()


def test_an_unregistered_class_says_how_to_register(fitted, tmp_path):
    class Mine(type(fitted)):
        pass

    model = copy.deepcopy(fitted)
    model.__class__ = Mine
    with pytest.raises(KeyError, match=r"pofx\.register"):
        model.save(tmp_path / "mine.pofx")


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sample", "score_samples", "transform", "complete", "save"])
def test_an_unfitted_model_says_so(family, method, tmp_path):
    model = fast_model(family)
    if not hasattr(model, method):
        pytest.skip(f"no {method}")
    arguments = {
        "sample": (),
        "save": (tmp_path / "x.pofx",),
        "complete": (make_data("digits"), np.ones((8, 8), dtype=bool)),
    }.get(method, (make_data("digits"),))
    with pytest.raises(NotFittedError):
        getattr(model, method)(*arguments)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda X: X + 1, "levels=17"),
        (lambda X: X - 1, "levels=17"),
        (lambda X: X + 0.5, "levels=17"),
        (lambda X: X[:, :7], "63|56|features|shape"),
        (lambda X: X.reshape(-1, 4, 16), "shape"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: np.where(X > 15, np.nan, X), "NaN"),
        (lambda X: np.where(X > 15, np.inf, X), "infinity"),
        (lambda X: X.astype(complex), "Complex"),
        (lambda X: X[0, 0], "2D array"),
    ],
)
def test_bad_images_are_refused_when_scored(fitted, bad, message):
    if not hasattr(fitted, "score_samples"):
        pytest.skip("no score")
    with pytest.raises(ValueError, match=message):
        fitted.score_samples(bad(make_data("digits")))


@pytest.mark.parametrize(
    "bad",
    [
        {"levels": 1}, {"max_epochs": 0}, {"max_minutes": 0}, {"batch_size": 0}, {"learning_rate": 0.0},
        {"validation_fraction": 1.0}, {"early_stopping": 0}, {"early_stopping": True}, {"ema_half_life": 0},
        {"precision": "float16"}, {"conditional": "yes"}, {"random_state": -1}, {"device": "abacus"},
        {"image_shape": (3, 3)},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused_by_name(family, bad):
    name = next(iter(bad))
    with pytest.raises((ValueError, InvalidParameterError), match=name):
        fast_model(family, **bad).fit(make_data("digits"))


@pytest.mark.parametrize("n_samples", [0, -1, 2.5])
def test_bad_numbers_of_samples_are_refused(fitted, n_samples):
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample(n_samples)


def test_there_are_families():
    assert pofx.family_names() == FAMILIES
