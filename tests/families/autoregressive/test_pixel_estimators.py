"""`PixelCNN` and `PixelRNN`: log p(x) and its terms, samples, features, files."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from enumerated import chi_square_p_value
from fitted_models import KINDS, colour_crops, crops, fitted, images_of, make_model
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import pofx
from pofx import registry
from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture
from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread
from pofx.families.autoregressive.estimator import PixelCNN, PixelRNN
from pofx.families.autoregressive.model import SOFTMAX_LEVELS, chosen_law

WHAT = ["gray", "colour", "conditional", "mixture"]
every_kind = pytest.mark.parametrize("kind", KINDS)
of_everything = pytest.mark.parametrize("what", WHAT)


# ---- log p(x) and its terms ------------------------------------------------------------------------------------------


@every_kind
@of_everything
def test_the_terms_sum_to_log_p(kind, what):
    model, X = fitted(kind, what), images_of(what)[:80]
    terms = model.log_prob_map(X)
    assert terms.shape == X.shape and terms.dtype == np.float64
    assert (terms < 0).all()
    assert terms.reshape(80, -1).sum(1) == pytest.approx(model.score_samples(X), abs=1e-9)
    if what == "conditional":
        y = crops()[1][:80] % 3
        assert model.log_prob_map(X, y).reshape(80, -1).sum(1) == pytest.approx(model.score_samples(X, y), abs=1e-9)
        assert not np.allclose(model.log_prob_map(X, y), terms)


@pytest.mark.parametrize("conditional", [False, True])
@every_kind
def test_p_of_a_fitted_model_sums_to_one(kind, conditional):
    """Also the marginal over classes; and the samples follow it."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    X = (rng.random((200, 2, 3)) < np.where(y[:, None, None], 0.8, [[0.1, 0.6, 0.4], [0.4, 0.2, 0.7]])).astype(np.uint8)
    model = make_model(kind, conditional=conditional, precision="float64").fit(X, y)
    images = np.array(list(itertools.product([0, 1], repeat=6)), dtype=np.uint8).reshape(64, 2, 3)
    p = np.exp(model.score_samples(images))
    assert p.sum() == pytest.approx(1, abs=1e-9)
    numbers = model.sample(2000, random_state=1).reshape(-1, 6) @ 2 ** np.arange(5, -1, -1)
    assert chi_square_p_value(numbers, p) > 1e-3


@every_kind
def test_a_term_does_not_know_what_comes_after_it(kind):
    model, X = fitted(kind, "float64"), crops()[0][:40]
    other = X.copy()
    other[:, 3, 2:] = (other[:, 3, 2:] + 1) % 4
    other[:, 4:] = (other[:, 4:] + 2) % 4
    terms, others = model.log_prob_map(X), model.log_prob_map(other)
    assert others[:, :3] == pytest.approx(terms[:, :3], abs=1e-12)
    assert others[:, 3, :2] == pytest.approx(terms[:, 3, :2], abs=1e-12)
    assert abs(others - terms)[:, 3, 2:].max(axis=0).min() > 1e-6
    assert abs(others - terms)[:, 4:].max(axis=0).min() > 1e-6


@every_kind
@of_everything
def test_surprise_is_zero_in_the_mean_of_the_models_own_samples(kind, what):
    """-log p(x_i | x_<i) less its entropy has mean 0 under the model, at every sub-pixel."""
    model, n = fitted(kind, what), 600
    y = np.arange(n) % 3 if what == "conditional" else None
    surprise = model.surprise_map(model.sample(n, y=y, random_state=0), y)
    assert surprise.shape == (n, *images_of(what).shape[1:])
    z = surprise.mean(axis=0) / (surprise.std(axis=0) / np.sqrt(n))
    assert abs(z).max() < 4.5
    assert abs(surprise.mean()) < 4 * surprise.std() / np.sqrt(surprise.size)


MARGINALS = {
    "softmax": ((2, 2), 3, {"levels": 3}),
    "softmax of colours": ((1, 2, 3), 2, {"levels": 3, "likelihood": "softmax"}),
    "sigmoid": ((2, 3), 4, {"levels": 2}),
    "mixture of colours": ((1, 2, 3), 3, {"levels": 3, "likelihood": "logistic_mixture", "n_components": 2}),
}


@pytest.mark.parametrize("what", MARGINALS)
def test_surprise_without_labels_is_that_of_the_marginal(what):
    """-log p(x_i | x_<i) - H(X_i | x_<i), both counted out from p(x) of all images of a small space."""
    shape, n_classes, parameters = MARGINALS[what]
    levels, d = parameters["levels"], int(np.prod(shape))
    rng = np.random.default_rng(0)
    y = np.arange(60) % n_classes
    X = np.minimum(rng.integers(0, levels, (60, *shape)), y.reshape(-1, *[1] * len(shape))) % levels
    model = make_model("gated", conditional=True, precision="float64", max_epochs=20, **parameters).fit(X, y)
    # The first sub-pixel is the first axis: an index of p is an image.
    images = np.array(list(itertools.product(range(levels), repeat=d))).reshape(-1, *shape)
    p = np.exp(model.score_samples(images)).reshape([levels] * d)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    expected = np.empty((len(images), d))
    for i in range(d):
        upto = p.sum(axis=tuple(range(i + 1, d)))  # p(x_<=i)
        conditional = upto / upto.sum(axis=-1, keepdims=True)
        surprise = -np.log(conditional) + (conditional * np.log(conditional)).sum(axis=-1, keepdims=True)
        expected[:, i] = surprise[tuple(images.reshape(-1, d)[:, : i + 1].T)]
    found = model.surprise_map(images)
    assert found.reshape(-1, d) == pytest.approx(expected, abs=1e-9)
    labelled = np.stack([model.surprise_map(images, np.full(len(images), label)) for label in range(n_classes)])
    assert abs(labelled - found).max() > 0.05  # the label counts


@every_kind
@of_everything
def test_typicality_statistics_are_those_of_the_terms(kind, what):
    model, X = fitted(kind, what), images_of(what)[:30]
    values, names = model.typicality_statistics(X)
    assert names == ("log_p", *SPREAD_NAMES)
    assert values.shape == (30, 4)
    assert values[:, 0] == pytest.approx(model.score_samples(X), abs=1e-9)
    surprise = -torch.from_numpy(model.log_prob_map(X)).reshape(30, 1, -1, 1)
    assert values[:, 1:] == pytest.approx(surprise_spread(surprise).numpy(), abs=1e-9)


@every_kind
def test_a_fit_learns(kind):
    """Rows that repeat their first pixel, and colours that repeat R: 6 bits an image of 72 binary sub-pixels."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.integers(0, 2, size=(300, 6, 1, 1), dtype=np.uint8), 4, axis=2).repeat(3, axis=3)
    width = {name: 2 * value for name, value in KINDS[kind][1].items() if name in ("n_channels", "n_hidden")}
    model = make_model(kind, n_layers=1, max_epochs=30, learning_rate=2e-2, batch_size=32, **width).fit(X)
    assert -1.6 * 6 * np.log(2) < model.score(X) < -0.95 * 6 * np.log(2)
    samples = model.sample(100, random_state=0)
    assert (samples == samples[:, :, :1, :1]).mean() > 0.95
    noise = rng.integers(0, 2, size=(100, 6, 4, 3), dtype=np.uint8)
    assert abs(model.surprise_map(samples).mean()) < 0.05
    assert model.surprise_map(noise).mean() > 0.5
    assert model.surprise_map(noise)[:, :, 0, 0].mean() < 0.3  # the first of a row is noise


# ---- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 70])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@every_kind
def test_all_methods_give_the_same_samples(kind, temperature, n):
    """70 images are more than are drawn together."""
    model = fitted(kind, "float64")
    naive = model.sample(n, method="naive", temperature=temperature, random_state=0)
    assert naive.shape == (n, 6, 4) and len(np.unique(naive)) == 4
    for method in ("cached", "jacobi", "auto"):
        assert np.array_equal(model.sample(n, method=method, temperature=temperature, random_state=0), naive), method
    assert np.array_equal(naive, model.sample(n, random_state=0)) == (temperature == 1.0)


def test_cold_samples_are_likelier():
    model = fitted("gated")
    scores = [model.score(model.sample(200, temperature=t, random_state=0)) for t in (0.3, 1.0, 3.0)]
    assert scores[0] > scores[1] + 0.5 > scores[2] + 1


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf])
def test_bad_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        fitted("gated").sample(2, temperature=temperature)


@pytest.mark.parametrize("method", ["fast", "", None])
def test_unknown_methods_are_refused(method):
    with pytest.raises(ValueError, match="method must be one of auto, naive, cached, jacobi"):
        fitted("gated").sample(2, method=method)


# ---- features --------------------------------------------------------------------------------------------------------


@every_kind
@of_everything
def test_features_have_shapes_and_names(kind, what):
    """4 x 4 fields of the layer's features, of which the recurrent networks have 2h."""
    model, X = fitted(kind, what), images_of(what)[:20]
    Z, names = model.transform(X), model.get_feature_names_out()
    assert Z.shape == (20, len(names)) == (20, 4 * 4 * 6)
    assert Z.dtype == np.float64
    assert len(set(names)) == len(names) and names[0] == type(model).__name__.lower() + "0"
    assert np.isfinite(Z).all() and (Z.std(axis=0) > 0).mean() > 0.9
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_features_are_field_means_of_the_middle_layer():
    model, X = fitted("plain", "float64"), crops()[0][:5]
    with torch.no_grad():
        h = model.module_.hidden(torch.from_numpy(X)[:, None], None, 1)[0].numpy()
    # 6 rows in 4 fields that overlap, as torch cuts them: rows 0-1, 1-2, 3-4, 4-5.
    fields = np.stack([h[:, :, a : a + 2].mean(axis=2) for a in (0, 1, 3, 4)], axis=2)
    assert model.transform(X) == pytest.approx(fields.reshape(5, -1), abs=1e-12)


def test_features_without_labels_are_the_mean_over_the_posterior_of_the_class():
    model, X = fitted("gated", "conditional"), crops()[0][:10]
    of_classes = np.stack([model.transform(X, np.full(10, label)) for label in range(3)])
    joint = np.stack([model.score_samples(X, np.full(10, label)) for label in range(3)])
    joint += np.log(model.class_prior_)[:, None]
    posterior = np.exp(joint - np.logaddexp.reduce(joint, axis=0))
    assert model.transform(X) == pytest.approx((posterior[..., None] * of_classes).sum(axis=0), abs=1e-6)


def test_a_pipeline_classifies_digits():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    pipeline = make_pipeline(
        PixelCNN(n_layers=3, n_channels=12, max_epochs=3, random_state=0), LogisticRegression(max_iter=2000)
    )
    assert pipeline.fit(X_train, y_train).score(X_test, y_test) > 0.9


# ---- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "message", "features"),
    [
        (PixelRNN(n_hidden=4), "n_hidden=4 is rounded up to 6, a multiple of 3", 12),
        (PixelRNN(n_hidden=4, cell="diagonal_bilstm"), "n_hidden=4 is rounded up to 6", 12),
        (PixelCNN(n_channels=8), "n_channels=8 is rounded up to 9, a multiple of 3", 9),
        (PixelCNN(n_channels=8, gated=False), "n_channels=8 is rounded up to 12, a multiple of 6", 12),
    ],
    ids=str,
)
def test_widths_are_rounded_up_to_colours_and_that_is_said(model, message, features, monkeypatch, tmp_path):
    monkeypatch.setitem(registry._registered, "under test", type(model))
    model.set_params(n_layers=1, max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(colour_crops())
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the line that calls `fit`
    assert model.module_.n_features == features
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))  # silently: warnings are errors here
    assert loaded.module_.n_features == features


@pytest.mark.parametrize(
    "model", [PixelRNN(n_hidden=4), PixelCNN(n_channels=8), PixelCNN(n_channels=7, gated=True)], ids=str
)
def test_widths_stay_where_colours_are_no_events_of_their_own(model):
    model.set_params(n_layers=1, max_epochs=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(crops()[0])
        model.set_params(likelihood="logistic_mixture", n_components=2).fit(colour_crops())


@pytest.mark.parametrize(("cls", "features"), [(PixelCNN, 33), (PixelRNN, 36)])
def test_the_default_width_is_rounded_up_silently(cls, features):
    model = cls(n_layers=1, max_epochs=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(colour_crops()[:20])
    assert model.module_.n_features == features


def test_the_law_that_a_likelihood_stands_for():
    assert chosen_law("auto", 3, 2, 5) == Bernoulli(3)
    assert chosen_law("softmax", 1, 2, 5) == Bernoulli(1)
    assert chosen_law("auto", 3, SOFTMAX_LEVELS, 5) == Categorical(3, SOFTMAX_LEVELS)
    assert chosen_law("auto", 3, SOFTMAX_LEVELS + 1, 5) == DiscretisedLogisticMixture(3, SOFTMAX_LEVELS + 1, 5)
    assert chosen_law("softmax", 1, 256, 5) == Categorical(1, 256)
    assert chosen_law("logistic_mixture", 1, 2, 5) == DiscretisedLogisticMixture(1, 2, 5)


@every_kind
@pytest.mark.parametrize("what", ["gray", "colour", "conditional"])
def test_a_saved_model_scores_the_same(kind, what, monkeypatch, tmp_path):
    model, X = fitted(kind, what), images_of(what)
    monkeypatch.setitem(registry._registered, "under test", type(model))
    loaded = pofx.load(model.save(tmp_path / "model.pofx"))
    assert np.array_equal(loaded.score_samples(X), model.score_samples(X))
    assert np.array_equal(loaded.sample(5, random_state=0), model.sample(5, random_state=0))


# ---- real numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditional", [False, True])
@every_kind
def test_terms_of_real_numbers_sum_to_their_log_density(kind, conditional):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 4, 3)) * 3 - 5, np.arange(100) % 2
    model = make_model(kind, conditional=conditional, max_epochs=1).fit(X, y)
    terms = model.log_prob_map(X)
    assert terms.shape == X.shape
    assert terms.reshape(100, -1).sum(axis=1) == pytest.approx(model.score_samples(X), abs=1e-9)
    assert model.surprise_map(X).shape == X.shape


def test_the_density_of_real_numbers_integrates_to_one():
    """Two numbers, by the midpoint rule; beyond the 14 steps to either side lies less than e^-14."""
    X = np.random.default_rng(0).normal(size=(300, 2)) * [1, 2] + [0, 1]
    model = make_model("gated", levels=4, precision="float64", n_layers=1).fit(X)
    grid = model.image_format_.grid
    edges = np.linspace(grid.low - 14 * grid.step, grid.high + 14 * grid.step, 32 * 10 + 1)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    points = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    assert np.exp(model.score_samples(points)).sum() * width**2 == pytest.approx(1, abs=2e-3)
