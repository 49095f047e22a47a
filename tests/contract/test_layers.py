"""`layer_features`, for every family: what the layers of its network see in an image."""

import itertools

import numpy as np
import pytest
from fast_models import KINDS, fast_model, make_data
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pofx

X = make_data("digits")


@pytest.fixture(autouse=True)
def has_layers(family):
    if not hasattr(pofx.family(family), "layer_features"):
        pytest.skip(f"{family} has no layers")


def test_layers_have_names(family, fitted):
    names = fitted.feature_layers_
    assert isinstance(names, tuple) and len(names) > 0 and len(set(names)) == len(names)
    with pytest.raises(NotFittedError):
        _ = fast_model(family).feature_layers_
    with pytest.raises(NotFittedError):
        fast_model(family).layer_features(X, names[0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_gives_features_of_every_kind_of_image(family, kind):
    images = make_data(kind)
    model = fast_model(family, max_epochs=1).fit(images)
    for name in model.feature_layers_:
        features = model.layer_features(images[:5], name)
        assert features.ndim == 2 and len(features) == 5 and features.shape[1] > 0
        assert np.isfinite(features).all()
        assert features.dtype == (np.float32 if images.dtype == np.float32 else np.float64)


def test_an_image_gets_the_same_bits_whatever_it_is_asked_beside(fitted):
    for name in fitted.feature_layers_:
        together = fitted.layer_features(X, name)
        assert np.array_equal(fitted.layer_features(X, name), together)
        assert np.array_equal(fitted.layer_features(X[::-1], name)[::-1], together)
        assert np.array_equal(fitted.layer_features(X[70:71], name), together[70:71])
        assert np.array_equal(fitted.layer_features(X[3:100], name), together[3:100])


def test_layers_say_different_things_of_different_images(fitted):
    all_layers = [fitted.layer_features(X, name) for name in fitted.feature_layers_]
    for features in all_layers:
        assert (features.std(axis=0) > 0).any()
    for one, other in itertools.pairwise(all_layers):
        assert one.shape != other.shape or not np.array_equal(one, other)


def test_several_layers_stand_side_by_side(fitted):
    names = fitted.feature_layers_[::-1]
    one_by_one = [fitted.layer_features(X[:9], name) for name in names]
    assert np.array_equal(fitted.layer_features(X[:9], names), np.concatenate(one_by_one, axis=1))


def test_fewer_fields_are_fewer_features(family):
    """Of images large enough for convolutions."""
    images = np.random.default_rng(0).integers(0, 4, size=(30, 16, 16))
    model = fast_model(family, max_epochs=1).fit(images)
    name = model.feature_layers_[0]
    whole, quarters = (model.layer_features(images[:5], name, fields=n) for n in (1, 2))
    assert quarters.shape == (5, 4 * whole.shape[1])
    # Channel after channel, the fields of each together.
    assert quarters.reshape(5, -1, 4).mean(axis=2) == pytest.approx(whole, abs=1e-6)
    assert model.layer_features(images[:5], name).shape == model.layer_features(images[:5], name, fields=4).shape


def test_what_was_fitted_stays_and_is_saved(family, tmp_path):
    model = fast_model(family).fit(X)
    answers = {name: model.layer_features(X[:5], name) for name in model.feature_layers_}
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    assert loaded.feature_layers_ == model.feature_layers_
    new = {"width": 3, "depth": 2, "n_layers": 4, "encoder": True}
    model.set_params(**{name: value for name, value in new.items() if name in model.get_params()})
    assert model.feature_layers_ == loaded.feature_layers_
    for name, answer in answers.items():
        assert np.array_equal(model.layer_features(X[:5], name), answer)
        assert np.array_equal(loaded.layer_features(X[:5], name), answer)


def test_a_conditional_model_answers_with_and_without_labels(conditional, labels):
    for name in conditional.feature_layers_:
        given, without = (conditional.layer_features(X[:10], name, y) for y in (labels[:10], None))
        others = conditional.layer_features(X[:10], name, (labels[:10] + 1) % 10)
        assert given.shape == without.shape and np.isfinite(without).all()
        if np.array_equal(given, others):
            assert without == pytest.approx(given, abs=1e-9)  # of the image alone


def test_a_layer_in_a_pipeline(fitted, labels):
    name = fitted.feature_layers_[0]
    pipeline = make_pipeline(
        FunctionTransformer(fitted.layer_features, kw_args={"layer": name}), LogisticRegression(max_iter=1000)
    )
    assert pipeline.fit(X, labels).score(X, labels) > 0.9


@pytest.mark.parametrize("layer", ["layer_99", ["layer_99"], []])
def test_unknown_layers_are_named_beside_those_that_exist(fitted, layer):
    with pytest.raises(ValueError, match=fitted.feature_layers_[-1]):
        fitted.layer_features(X, layer)


@pytest.mark.parametrize("fields", [0, 1.5, True, "4"])
def test_fields_are_a_number(fitted, fields):
    with pytest.raises(ValueError, match="fields must be an integer"):
        fitted.layer_features(X, fitted.feature_layers_[0], fields=fields)
