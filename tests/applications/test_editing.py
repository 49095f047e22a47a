"""Editing on a linear model, whose latents, directions and images are known."""

import re

import numpy as np
import pytest
from linear_models import LinearModel, linear_model
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import pofx
from pofx.applications.attributes import class_attributes

METHODS = ("mean_difference", "logistic")
W = np.array([[3.0, 0, 0, 4, 0], [0, 0, 1, 0, 0], [1, 1, 0, 0, 0]])  # rows: the direction of each attribute
W /= np.linalg.norm(W, axis=1, keepdims=True)
N = 4000


@pytest.fixture(scope="module")
def model():
    return linear_model()


@pytest.fixture(scope="module")
def Z():
    return np.random.default_rng(1).normal(size=(N, 5))


@pytest.fixture(scope="module")
def X(model, Z):
    return model.inverse_transform(Z)


@pytest.fixture(scope="module")
def attributes(Z):
    rng = np.random.default_rng(2)
    noise = 0.3 * rng.normal(size=(N, 3))
    real = Z @ W.T + noise
    return {"smile": real[:, 0] > 0.5, "age": 10 * real[:, 1] + 40, "hat": np.where(real[:, 2] > 0, 1, -1)}


@pytest.fixture(scope="module")
def editor(model, X, attributes):
    return pofx.LatentEditor(model).fit(X, attributes)


def test_pofx_gives_the_editor_without_torch():
    import subprocess
    import sys

    code = "import sys, pofx; pofx.LatentEditor; import pofx.applications.latent_grid; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("method", METHODS)
def test_directions_are_recovered(method, model, X, attributes):
    """Of isotropic latents both methods estimate w; each coordinate to about sqrt(2 / N) times a small number."""
    editor = pofx.LatentEditor(model, method=method).fit(X, attributes)
    assert list(editor.directions_) == ["smile", "age", "hat"]
    for w, (name, direction) in zip(W, editor.directions_.items(), strict=True):
        assert np.linalg.norm(direction.vector) == pytest.approx(1)
        assert direction.vector @ w > 1 - 0.01, name
        assert direction.kind == ("real" if name == "age" else "binary")
    assert editor.scores_["smile"] > 0.95 and editor.scores_["hat"] > 0.95 and editor.scores_["age"] > 0.85


def test_strength_1_is_the_distance_of_the_class_means_and_one_standard_deviation(editor, X, Z, attributes):
    for name in ("smile", "hat"):
        has = np.asarray(attributes[name]) > 0
        direction = editor.directions_[name]
        between = Z[has].mean(axis=0) - Z[~has].mean(axis=0)
        assert direction.unit == pytest.approx(between @ direction.vector)
        # Of the mean difference: all of it.
        assert direction.unit == pytest.approx(np.linalg.norm(between))
    age = attributes["age"]
    slope = np.polyfit(age, Z @ editor.directions_["age"].vector, 1)[0]
    assert editor.directions_["age"].unit == pytest.approx(slope * age.std())


def test_classes_count_alike(model):
    """Two groups of one class: the direction is that of the class mean, whatever the sizes of the classes."""
    Z = np.repeat([[0.0, 0, 0, 0, 0], [2, 0, 0, 0, 0], [4, 2, 0, 0, 0]], [1000, 20, 20], axis=0)
    a = np.repeat([0, 1, 1], [1000, 20, 20])
    editor = pofx.LatentEditor(model).fit(model.inverse_transform(Z), {"a": a})
    np.testing.assert_allclose(editor.directions_["a"].vector, np.array([3, 1, 0, 0, 0]) / np.sqrt(10), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_orthogonal_directions_leave_the_others_alone(method, model, X, attributes):
    raw = pofx.LatentEditor(model, method=method).fit(X, attributes).directions_
    all_of_them = pofx.LatentEditor(model, method=method, orthogonal=True).fit(X, attributes).directions_
    some = pofx.LatentEditor(model, method=method, orthogonal=["smile"]).fit(X, attributes).directions_
    for name, direction in all_of_them.items():
        for other in raw:
            if other != name:
                assert abs(direction.vector @ raw[other].vector) < 1e-12
        assert direction.vector @ raw[name].vector > 0.5
    assert abs(some["hat"].vector @ raw["smile"].vector) < 1e-12
    np.testing.assert_array_equal(some["smile"].vector, raw["smile"].vector)
    assert abs(raw["hat"].vector @ raw["smile"].vector) > 0.1


def test_edits_move_by_strength_times_unit_and_add_up(editor, model, X, Z):
    some = X[:7]
    smile, age = (editor.direction(name) for name in ("smile", "age"))
    edited = editor.edit(some, {"smile": 1.5, "age": -0.5})
    expected = Z[:7] + 1.5 * smile.unit * smile.vector - 0.5 * age.unit * age.vector
    np.testing.assert_allclose(edited, model.inverse_transform(expected), atol=1e-9)
    half = editor.edit(editor.edit(some, {"smile": 0.75}), {"smile": 0.75, "age": -0.5})
    np.testing.assert_allclose(half, edited, atol=1e-9)
    each = np.linspace(-1, 1, 7)
    own = editor.edit(some, {"smile": each})
    np.testing.assert_allclose(own[2], editor.edit(some[2:3], {"smile": each[2]})[0], atol=1e-9)


def test_an_edit_of_nothing_is_the_reconstruction(editor, model, X):
    rng = np.random.default_rng(3)
    outside = X[:5] + rng.normal(size=X[:5].shape)  # not in the range of the decoder
    rebuilt = model.inverse_transform(model.transform(outside))
    for nothing in ({}, {"smile": 0.0}):
        edited, report = editor.edit(outside, nothing, return_report=True)
        np.testing.assert_array_equal(edited, rebuilt)
    np.testing.assert_allclose(report.error, np.sqrt(((outside - rebuilt) ** 2).mean(axis=1)))
    np.testing.assert_array_equal(report.error, report.error_encoded)
    np.testing.assert_array_equal(report.latents, report.edited_latents)


def test_a_whole_unit_takes_one_class_mean_to_the_other(editor, model, X, attributes):
    has = attributes["smile"]
    edited = editor.edit(X[~has], {"smile": 1.0})
    np.testing.assert_allclose(edited.mean(axis=0), X[has].mean(axis=0), atol=1e-9)


def test_unknown_values_do_not_count(model, X, Z):
    rng = np.random.default_rng(4)
    a = (Z[:, 1] > 0).astype(float)
    a[rng.random(N) < 0.5] = np.nan
    known = ~np.isnan(a)
    part = pofx.LatentEditor(model).fit(X[known], {"a": a[known]})
    whole = pofx.LatentEditor(model).fit(X, {"a": a})
    np.testing.assert_allclose(whole.directions_["a"].vector, part.directions_["a"].vector)
    assert whole.scores_["a"] == pytest.approx(part.scores_["a"])


def test_examples_are_attributes_that_are_known_of_few(model, X, attributes, editor):
    has = attributes["smile"]
    hats = np.asarray(attributes["hat"]) > 0
    examples = {"smile": (X[has][:300], X[~has][:200]), "hat": (X[hats][:50], X[~hats][:70])}
    taught = pofx.LatentEditor(model).fit_examples(examples)
    for name in examples:
        assert taught.directions_[name].vector @ editor.directions_[name].vector > 0.9
    difference = model.transform(X[hats][:50]).mean(0) - model.transform(X[~hats][:70]).mean(0)
    np.testing.assert_allclose(taught.directions_["hat"].unit, np.linalg.norm(difference))
    for wrong, error in (({}, TypeError), ({"a": X[:3]}, ValueError), ({"a": (X[:3], X[:0])}, ValueError)):
        with pytest.raises(error):
            pofx.LatentEditor(model).fit_examples(wrong)


def test_chance_is_warned_of(model, X):
    rng = np.random.default_rng(5)
    noise = {"coin": rng.integers(0, 2, N), "dice": rng.normal(size=N)}
    with pytest.warns(UserWarning) as caught:
        editor = pofx.LatentEditor(model).fit(X, noise)
    said = r"better than chance, on images held out: 'coin' \(0\.\d\d\), 'dice' \(-?0\.\d\d\)"
    assert any(re.search(said, str(one.message)) for one in caught)
    assert abs(editor.scores_["coin"] - 0.5) < 3 * np.sqrt(1 / (3 * N)) and abs(editor.scores_["dice"]) < 0.02
    rare = np.zeros(N)
    rare[:1] = 1
    with pytest.warns(UserWarning, match=r"'rare' \(nan\)"):
        pofx.LatentEditor(model).fit(X, {"rare": rare})


def test_a_hardly_moved_attribute_has_a_standard_deviation_for_a_unit(model):
    """Made orthogonal to the direction of an attribute that all but copies it, little is left of one."""
    rng = np.random.default_rng(6)
    Z = rng.normal(size=(2000, 5))
    a = Z[:, 0] + 0.001 * rng.normal(size=2000)
    b = Z[:, 0] + 0.02 * Z[:, 1]
    with pytest.warns(UserWarning) as caught:
        editor = pofx.LatentEditor(model, orthogonal=["b"]).fit(model.inverse_transform(Z), {"a": a, "b": b})
    assert any("strength 1 is one standard deviation" in str(one.message) for one in caught)
    direction = editor.directions_["a"]
    assert direction.unit == pytest.approx((Z @ direction.vector).std())


def test_principal_directions(model, Z):
    scales = np.array([1.0, 5, 2, 0.5, 3])
    editor = pofx.LatentEditor(model).fit(model.inverse_transform(Z * scales))
    principal = editor.principal_directions(2)
    pca = PCA(2).fit(Z * scales)
    np.testing.assert_allclose(np.abs(principal.directions @ pca.components_.T), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(principal.explained_variance, pca.explained_variance_ * (N - 1) / N)
    np.testing.assert_allclose(principal.explained_variance_ratio, pca.explained_variance_ratio_)
    assert editor.principal_directions().explained_variance_ratio.sum() == pytest.approx(1)
    np.testing.assert_array_equal(editor.direction("pc2").vector, principal.directions[1])
    moved = editor.edit(model.inverse_transform(Z[:2]), {"pc1": 2.0, "z3": -1.0})
    expected = Z[:2] + 2 * np.sqrt(principal.explained_variance[0]) * principal.directions[0]
    expected[:, 3] -= editor.latent_std_[3]
    np.testing.assert_allclose(moved, model.inverse_transform(expected), atol=1e-9)
    for k in (0, 6):
        with pytest.raises(ValueError, match="k must lie between 1 and 5"):
            editor.principal_directions(k)


def test_a_traversal_sets_coordinates_and_is_ordered_by_importance(model, Z):
    scales = np.array([1.0, 5, 2, 1e-3, 3])
    rows = Z * scales + 1
    X = model.inverse_transform(rows)
    editor = pofx.LatentEditor(model).fit(X, {"two": rows[:, 2] > 1})
    assert editor.live_dims_.tolist() == [1, 4, 2, 0]  # the third hardly varies: dead
    pictures = editor.traverse(X[:2], values=[-1, 0, 2.5])
    assert pictures.shape == (2, 4, 3, 24)
    latents = model.transform(pictures.reshape(-1, 24)).reshape(2, 4, 3, 5)
    for position, j in enumerate(editor.live_dims_):
        wanted = editor.latent_mean_[j] + np.array([-1, 0, 2.5]) * editor.latent_std_[j]
        np.testing.assert_allclose(latents[:, position, :, j], np.broadcast_to(wanted, (2, 3)), atol=1e-9)
        others = np.delete(np.arange(5), j)
        expected = np.broadcast_to(rows[:2, None, others], (2, 3, 4))
        np.testing.assert_allclose(latents[:, position][..., others], expected, atol=1e-9)
    named = editor.traverse(dims=[3, "pc1", "two"], values=0.0)
    assert named.shape == (1, 3, 1, 24)  # of the mean image: its own coordinates are 0 deviations away
    np.testing.assert_allclose(named[0, :, 0], np.repeat(X.mean(axis=0)[None], 3, axis=0), atol=1e-9)
    up = model.transform(editor.traverse(dims=["two"], values=[2.0])[0, 0])
    u = editor.directions_["two"].vector
    assert (up[0] - rows.mean(axis=0)) @ u == pytest.approx(2 * (rows @ u).std())
    for wrong, message in (({"values": []}, "at least one"), ({"values": [np.nan]}, "finite"), ({"dims": []}, "empty")):
        with pytest.raises(ValueError, match=message):
            editor.traverse(X[:1], **wrong)


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolations_begin_and_end_at_the_images(mode, editor, model, X, Z):
    path = editor.interpolate(X[:4], X[4:8], 7, mode)
    assert path.shape == (4, 7, 24)
    np.testing.assert_array_equal(path[:, 0], model.inverse_transform(model.transform(X[:4])))
    np.testing.assert_array_equal(path[:, -1], model.inverse_transform(model.transform(X[4:8])))
    lengths = np.linalg.norm(model.transform(path.reshape(-1, 24)), axis=1).reshape(4, 7)
    ends = np.linalg.norm(Z[:8], axis=1)
    if mode == "spherical":
        expected = ends[:4, None] + np.linspace(0, 1, 7) * (ends[4:] - ends[:4])[:, None]
        np.testing.assert_allclose(lengths, expected)
    else:
        middle = 0.5 * (Z[:4] + Z[4:8])
        np.testing.assert_allclose(path[:, 3], model.inverse_transform(middle), atol=1e-9)


def test_interpolations_that_cannot_be(editor, model, X):
    for arguments, message in (
        ((X[:2], X[:3]), "2 images to begin from and 3 to end at"),
        ((X[:1], X[:1], 1), "steps must be"),
        ((X[:1], X[:1], 2.5), "steps must be"),
        ((X[:1], X[:1], 3, "cubic"), "mode must be"),
    ):
        with pytest.raises(ValueError, match=message):
            editor.interpolate(*arguments)
    # Needs no directions: the editor need not be fitted.
    assert pofx.LatentEditor(model).interpolate(X[:1], X[1:2]).shape == (1, 8, 24)


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        ({"a": np.ones(N)}, ValueError, "'a' is the same for all images"),
        ({"a": np.full(N, np.nan)}, ValueError, "'a' is unknown for all images"),
        ({"a": np.arange(N - 1)}, ValueError, rf"'a' has the shape \({N - 1},\), but there are {N} images"),
        ({"a": np.where(np.arange(N) == 3, np.inf, 0)}, ValueError, "infinite"),
        ({"a": ["yes", "no"] * (N // 2)}, TypeError, "class_attributes"),
        ({"a": [1j] * N}, TypeError, "'a' must be numbers"),
        ({1: np.arange(N), "1": np.arange(N)}, ValueError, "several attributes called '1'"),
        ({"": np.arange(N)}, ValueError, "needs a name"),
        ({"pc1": np.arange(N)}, ValueError, "'pc1' is the name of a direction"),
        ({"z12": np.arange(N)}, ValueError, "'z12' is the name of a direction"),
        (np.zeros((N, 2, 2)), ValueError, "must be"),
    ],
)
def test_hostile_attributes(attributes, error, message, model, X):
    with pytest.raises(error, match=message):
        pofx.LatentEditor(model).fit(X, attributes)


def test_hostile_names_strengths_and_parameters(editor, model, X, attributes):
    for wrong, message in (
        ({"smlie": 1}, r"no direction 'smlie'; there is smile, age, hat, pc1 to pc5, z0 to z4. Did you mean 'smile'"),
        ({"pc6": 1}, "no direction 'pc6'"),
        ({"z5": 1}, "no direction 'z5'"),
        ({"pc0": 1}, "no direction 'pc0'"),
        ({"smile": np.nan}, "strength of 'smile' must be a finite number"),
        ({"smile": [1.0, 2.0]}, "one for each of the 3 images"),
    ):
        with pytest.raises(ValueError, match=message):
            editor.edit(X[:3], wrong)
    with pytest.raises(ValueError, match="no attribute 'smle'"):
        pofx.LatentEditor(model, orthogonal=["smle"]).fit(X, attributes)
    with pytest.raises(ValueError, match="method"):
        pofx.LatentEditor(model, method="magic").fit(X, attributes)
    with pytest.raises(NotFittedError):
        pofx.LatentEditor(model).edit(X[:1], {})
    same = {"a": attributes["age"], "b": 2 * attributes["age"]}
    with pytest.raises(ValueError, match="'a' is a combination"):
        pofx.LatentEditor(model, orthogonal=True).fit(X, same)


def test_a_missing_capability_is_named(editor, X):
    from sklearn.manifold import MDS

    with pytest.raises(TypeError, match="MDS has no transform and no inverse_transform"):
        pofx.LatentEditor(MDS()).fit(X)
    with pytest.raises(TypeError, match="StandardScaler has no refine_latents"):
        pofx.LatentEditor(StandardScaler().fit(X)).fit(X).edit(X[:1], {}, refine=True)
    with pytest.raises(NotFittedError):
        pofx.LatentEditor(PCA()).fit(X)


def test_attributes_as_arrays_and_tables(model, X, attributes, editor):
    rows = np.column_stack([attributes["smile"], attributes["age"]])
    assert list(pofx.LatentEditor(model).fit(X, rows).directions_) == ["attribute0", "attribute1"]
    assert list(pofx.LatentEditor(model).fit(X, rows[:, 0]).directions_) == ["attribute0"]

    class Column:
        """As pandas' nullable columns: they become numbers if told what stands for a missing one."""

        def __init__(self, values):
            self.values = values

        def to_numpy(self, dtype, na_value):
            return np.array([na_value if one is None else one for one in self.values], dtype)

    class Table:
        columns = ("smile",)

        def __getitem__(self, name):
            return Column([None, *map(bool, attributes[name][1:])])

    found = pofx.LatentEditor(model).fit(X, Table()).directions_["smile"].vector
    np.testing.assert_allclose(found, editor.directions_["smile"].vector, atol=1e-2)
    assert pofx.LatentEditor(model).fit(X, {"a": [None, *attributes["age"][1:]]}).directions_["a"].kind == "real"


def test_class_attributes():
    found = class_attributes(np.array(["cat", "dog", "cat"]))
    assert {name: values.tolist() for name, values in found.items()} == {"cat": [1, 0, 1], "dog": [0, 1, 0]}
    assert list(class_attributes([3, 1])) == ["1", "3"]
    with pytest.raises(ValueError, match="labels must be"):
        class_attributes([[1, 2]])


def test_colour_images_keep_their_shape():
    model = linear_model(image_shape=(2, 4, 3))
    X = model.inverse_transform(np.random.default_rng(0).normal(size=(50, 5)))
    editor = pofx.LatentEditor(model).fit(X, {"a": model.transform(X)[:, 0]})
    assert editor.edit(X[:2], {"a": 1}).shape == (2, 2, 4, 3)
    assert editor.traverse(X[:2], [0, 1], [0.0, 1.0]).shape == (2, 2, 2, 2, 4, 3)
    assert editor.interpolate(X[:2], X[2:4], 3).shape == (2, 3, 2, 4, 3)
    _, report = editor.edit(X[:2], {}, return_report=True)
    np.testing.assert_allclose(report.error, 0, atol=1e-9)


def test_pipelines_and_digits():
    digits = load_digits()
    pipeline = make_pipeline(FunctionTransformer(lambda X: X / 16, lambda X: X * 16), PCA(20)).fit(digits.data)
    editor = pofx.LatentEditor(pipeline, method="logistic").fit(digits.data, class_attributes(digits.target))
    assert min(editor.scores_.values()) > 0.85 and editor.scores_["0"] > 0.99
    sixes = digits.data[digits.target == 6]
    zeros = editor.edit(sixes, {"0": 2.0, "6": -2.0})
    tell = editor.directions_["0"].vector
    assert ((pipeline.transform(zeros) - pipeline.transform(sixes)) @ tell > 0).all()


def test_the_example_runs():
    import doctest

    from pofx.applications import editing

    assert doctest.testmod(editing).failed == 0


def test_one_latent_dimension():
    model = LinearModel(np.ones((1, 3)), np.zeros(3))
    X = model.inverse_transform(np.arange(6.0)[:, None])
    editor = pofx.LatentEditor(model).fit(X)
    assert editor.traverse(X[:1]).shape == (1, 1, 7, 3)
    assert editor.principal_directions(1).explained_variance_ratio == pytest.approx([1])
