"""`complete` of the estimators: masks in every form, known values kept, what is refused."""

import numpy as np
import pytest
from enumerated import chi_square_p_value
from fitted_models import KINDS, colour_crops, crops, fitted, images_of, make_model
from scipy.sparse import csr_array

every_kind = pytest.mark.parametrize("kind", KINDS)


def upper(shape, rows=3):
    """A mask that knows the first rows of images of this shape."""
    mask = np.zeros(shape, dtype=bool)
    mask[:rows] = True
    return mask


def scattered(shape, seed=0):
    return np.random.default_rng(seed).random(shape) < 0.5


@every_kind
@pytest.mark.parametrize("what", ["gray", "colour", "conditional", "mixture"])
@pytest.mark.parametrize("make_mask", [upper, scattered])
def test_known_values_are_kept_and_the_rest_is_drawn(kind, what, make_mask):
    model, X = fitted(kind, what), images_of(what)[:20]
    mask = make_mask(X.shape[1:])
    completed = model.complete(X, mask, n_particles=4, random_state=0)
    assert completed.shape == X.shape and completed.dtype == X.dtype
    assert np.array_equal(completed[:, mask], X[:, mask])
    assert not np.array_equal(completed[:, ~mask], X[:, ~mask])
    assert np.isfinite(model.score_samples(completed)).all()  # levels of the support
    assert np.array_equal(completed, model.complete(X, mask, n_particles=4, random_state=0))
    assert not np.array_equal(completed, model.complete(X, mask, n_particles=4, random_state=1))


@every_kind
def test_what_stands_at_unknown_places_is_not_looked_at(kind):
    """Also not NaN, infinities or values outside the support."""
    model, X = fitted(kind), crops()[0][:5]
    mask = scattered(X.shape[1:])
    completed = model.complete(X, mask, n_particles=4, random_state=0)
    for value in (np.nan, np.inf, -7.5):
        again = model.complete(np.where(mask, X, value), mask, n_particles=4, random_state=0)
        assert np.array_equal(again, completed)


def test_forms_of_masks():
    """(H, W), (H, W, C), (H, W, 1), (d,) or the shape of X."""
    model, X = fitted("gated", "colour"), colour_crops()[:8]
    mask = scattered((6, 4))
    in_colour = np.repeat(mask[..., None], 3, axis=2)
    completed = model.complete(X, mask, random_state=0)
    assert np.array_equal(completed[:, mask], X[:, mask])
    for same in (in_colour, mask[..., None], np.broadcast_to(in_colour, X.shape)):
        assert np.array_equal(model.complete(X, same, random_state=0), completed)
    rows = model.complete(X.reshape(8, -1), in_colour.ravel(), random_state=0)
    assert rows.shape == (8, 72)
    assert np.array_equal(rows.reshape(X.shape), completed)
    assert np.array_equal(rows, model.complete(X.reshape(8, -1), np.tile(in_colour.ravel(), (8, 1)), random_state=0))


def test_a_mask_for_each_image_and_for_each_colour():
    model, X = fitted("gated", "colour"), colour_crops()[:8]
    mask = scattered(X.shape)
    completed = model.complete(X, mask, random_state=0)
    assert np.array_equal(completed[mask], X[mask])
    alone = model.complete(X[..., :], np.zeros((6, 4, 3), dtype=bool) | [True, False, False], random_state=0)
    assert np.array_equal(alone[..., 0], X[..., 0])


def test_a_model_of_rows_takes_masks_of_rows():
    X = crops()[0].reshape(300, 24)
    model = make_model("gated", image_shape=(6, 4)).fit(X)
    mask = upper((24,), 12)
    completed = model.complete(X[:5], mask, random_state=0)
    assert completed.shape == (5, 24) and np.array_equal(completed[:, :12], X[:5, :12])
    images = fitted("gated").complete(crops()[0][:5], mask.reshape(6, 4), random_state=0)
    assert np.array_equal(completed.reshape(5, 6, 4), images)  # the same network, the same noise


def test_masks_of_images_for_rows_and_of_pixels_for_each_colour_image():
    X, rng = colour_crops()[:8], np.random.default_rng(0)
    model, rows = fitted("gated", "colour"), X.reshape(8, -1)
    pixels, colours, of_each = rng.random((6, 4)) < 0.5, rng.random((6, 4, 3)) < 0.5, rng.random((8, 6, 4)) < 0.5
    everywhere = np.broadcast_to(of_each[..., None], X.shape)
    for mask, same in [
        (pixels, np.repeat(pixels[..., None], 3, axis=2)),
        (pixels[..., None], np.repeat(pixels[..., None], 3, axis=2)),
        (colours, colours),
        (of_each, everywhere),
        (of_each[..., None], everywhere),
        (everywhere, everywhere),
    ]:
        completed = model.complete(X, same, n_particles=2, random_state=0)
        assert np.array_equal(model.complete(X, mask, n_particles=2, random_state=0), completed)
        of_rows = model.complete(rows, mask, n_particles=2, random_state=0)
        assert np.array_equal(of_rows, completed.reshape(8, -1))
    gray, mask = crops()[0][:5], upper((6, 4))
    completed = fitted("gated").complete(gray, mask, random_state=0)
    for form in (mask, mask[..., None], np.broadcast_to(mask, (5, 6, 4))):
        assert np.array_equal(
            fitted("gated").complete(gray.reshape(5, 24), form, random_state=0), completed.reshape(5, 24)
        )


def test_a_table_keeps_its_names():
    pandas = pytest.importorskip("pandas")
    names = [f"pixel {i}" for i in range(24)]
    X = pandas.DataFrame(crops()[0].reshape(300, 24), columns=names)
    model, mask = make_model("gated", image_shape=(6, 4), max_epochs=1).fit(X), upper((24,), 12)
    completed = model.complete(X[:5].where(np.tile(mask, (5, 1))), mask, random_state=0)
    assert completed.shape == (5, 24) and np.array_equal(completed[:, :12], X[:5].to_numpy()[:, :12])
    with pytest.raises(ValueError, match="feature names"):
        model.complete(X[:5].rename(columns={"pixel 3": "pixel three"}), mask)


def test_truth_values_stay_truth_values():
    X = crops(2)[0] > 0
    model = make_model("gated").fit(X)
    completed = model.complete(X[:5], upper((6, 4)), random_state=0)
    assert completed.dtype == bool and np.array_equal(completed[:, :3], X[:5, :3])
    holes = np.where(upper((6, 4)), X[:5], np.nan)  # an array of truth values cannot hold NaN, one of numbers can
    assert np.array_equal(model.complete(holes, upper((6, 4)), random_state=0), completed)


def test_real_numbers_are_kept_to_the_last_digit():
    X = np.random.default_rng(0).normal(size=(100, 4, 3)) * 3 - 5
    model, mask = make_model("gated").fit(X), scattered((4, 3))
    completed = model.complete(np.where(mask, X, np.nan)[:20], mask, random_state=0)
    assert np.array_equal(completed[:, mask], X[:20, mask])
    assert np.isfinite(completed).all() and len(np.unique(completed[:, ~mask])) == (~mask).sum() * 20


def test_methods_agree_and_more_images_than_one_chunk():
    model, X = fitted("row_lstm", "float64"), crops()[0][:70]
    drawn = [
        model.complete(X, upper((6, 4)), method=method, random_state=0)
        for method in ("naive", "cached", "jacobi", "auto")
    ]
    assert all(np.array_equal(drawn[0], other) for other in drawn[1:])
    smc = [model.complete(X, scattered((6, 4)), method=method, random_state=0) for method in ("cached", "jacobi")]
    assert np.array_equal(*smc)


def test_completions_follow_the_conditional():
    """2,000 completions of the first row of one image, against p(x) / p(first row) by `score_samples`."""
    X = (crops(2)[0][:, 2:4, :3]).astype(np.uint8)
    model = make_model("gated", precision="float64", max_epochs=5).fit(X)
    rests = np.array([[(i >> j) & 1 for j in (2, 1, 0)] for i in range(8)], dtype=np.uint8)
    for first in ([0, 0, 0], [1, 0, 1]):
        images = np.stack([np.broadcast_to(np.array(first, dtype=np.uint8), (8, 3)), rests], axis=1)
        p = np.exp(model.score_samples(images))
        completed = model.complete(np.repeat(images[:1], 2000, axis=0), upper((2, 3), 1), random_state=0)
        numbers = completed[:, 1].astype(int) @ [4, 2, 1]
        assert chi_square_p_value(numbers, p) > 1e-3


def test_labels_steer_and_unknown_labels_are_refused():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = (rng.random((200, 4, 3)) < np.where(y[:, None, None], 0.9, 0.1)).astype(np.uint8)
    model = make_model("gated", conditional=True, n_layers=1, max_epochs=15, learning_rate=3e-2).fit(X, y)
    nothing, one_row = np.zeros((4, 3), dtype=bool), upper((4, 3), 1)
    for label in (0, 1):
        drawn = model.complete(X[:40], nothing, np.full(40, label), random_state=0)
        assert abs(drawn.mean() - (0.1, 0.9)[label]) < 0.1
        # Without labels the known row tells the class.
        steered = model.complete(np.full((40, 4, 3), label, dtype=np.uint8), one_row, random_state=0)
        assert abs(steered[:, 1:].mean() - (0.1, 0.9)[label]) < 0.15
    assert 0.3 < model.complete(X[:40], nothing, random_state=0).mean() < 0.7
    with pytest.raises(ValueError, match="not fitted to"):
        model.complete(X[:2], nothing, [0, 5])


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [upper((6, 4)).astype(int), upper((6, 4)).astype(float), "known"])
def test_masks_hold_truth_values(mask):
    with pytest.raises(ValueError, match="mask must hold truth values, True where X is known"):
        fitted("gated").complete(crops()[0][:2], mask)


@pytest.mark.parametrize("shape", [(4, 6), (6,), (3, 6, 4), (24,), (), (6, 1), (2, 6, 1), (1,)])
def test_masks_fit_the_images(shape):
    with pytest.raises(ValueError, match=r"mask has the shape .*; X holds images of shape \(6, 4\)"):
        fitted("gated").complete(crops()[0][:2], np.ones(shape, dtype=bool))


@pytest.mark.parametrize("shape", [(1,), (2, 1), (4, 6), (4, 6, 1), (6, 4, 3), (3, 6, 4), (72,)])
def test_masks_fit_the_rows(shape):
    with pytest.raises(ValueError, match=r"mask has the shape .*; X holds images of shape \(24,\)"):
        fitted("gated").complete(crops()[0][:2].reshape(2, 24), np.ones(shape, dtype=bool))


def test_labels_for_a_model_without_classes_are_refused():
    with pytest.raises(ValueError, match="this model is not conditional"):
        fitted("gated").complete(crops()[0][:2], upper((6, 4)), [0, 1])


def test_sparse_images_are_refused_in_the_usual_words():
    with pytest.raises(TypeError, match="parse data was passed"):
        fitted("gated").complete(csr_array(crops()[0][:2].reshape(2, 24)), upper((24,), 12))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 5, 4)), "20 features"),
        (np.zeros((2, 4, 6)), "shape"),
        (np.zeros((2, 25)), "25 features"),
        (np.zeros((0, 6, 4)), "0 sample"),
        (np.zeros(24), "2D array"),
        (np.full((2, 6, 4), np.nan), "NaN"),
        (np.full((2, 6, 4), 9.0), "levels=4"),
        (np.full((2, 6, 4), 0.5), "not integers"),
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_images_that_do_not_fit_are_refused_in_the_usual_words(X, message):
    with pytest.raises(ValueError, match=message):
        fitted("gated").complete(X, np.ones(X.shape, dtype=bool))


@pytest.mark.parametrize("n_particles", [0, -1, 2.0, "many"])
def test_particles_are_counted(n_particles):
    with pytest.raises(ValueError, match="n_particles must be an integer of at least 1"):
        fitted("gated").complete(crops()[0][:2], upper((6, 4)), n_particles=n_particles)


def test_methods_are_checked():
    with pytest.raises(ValueError, match="method must be one of"):
        fitted("gated").complete(crops()[0][:2], upper((6, 4)), method="smc")
    with pytest.raises(ValueError, match="draws no particles"):
        fitted("gated").complete(crops()[0][:2], scattered((6, 4)), method="naive")


@every_kind
def test_at_a_low_temperature_the_likeliest_is_drawn_whatever_the_seed(kind):
    model, X = fitted(kind, "gray"), images_of("gray")[:20]
    mask = upper(X.shape[1:])
    cold = [model.complete(X, mask, temperature=1e-6, random_state=seed) for seed in (0, 1)]
    assert np.array_equal(*cold)
    plain = model.complete(X, mask, random_state=0)
    assert np.array_equal(plain, model.complete(X, mask, temperature=1.0, random_state=0))
    assert model.log_prob_of_unknown(cold[0], mask).value.mean() > model.log_prob_of_unknown(plain, mask).value.mean()
    for temperature in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature must be a positive number"):
            model.complete(X, mask, temperature=temperature)
