"""Editing with a VAE: refinement, labels of conditional models, colours, dead dimensions, grids."""

import numpy as np
import pytest
from linear_models import LinearModel, linear_model
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pofx
from pofx.applications.attributes import class_attributes
from pofx.applications.latent_grid import latent_grid

DIGITS = load_digits()
X, Y = DIGITS.images[:600], DIGITS.target[:600]
FAST = {"width": 64, "depth": 1, "latent_dim": 12, "max_epochs": 25, "batch_size": 32, "random_state": 0}

HARDLY_TRAINED = pytest.mark.filterwarnings("ignore:The posterior collapsed")


@pytest.fixture(scope="module")
def vae():
    return pofx.VAE(**FAST).fit(X)


@pytest.fixture(scope="module")
def editor(vae):
    return pofx.LatentEditor(vae).fit(X, class_attributes(Y))


@pytest.fixture(scope="module")
def conditional():
    return pofx.VAE(conditional=True, **FAST | {"max_epochs": 2}).fit(X, Y)


def test_an_edit_makes_images_more_like_the_class(vae, editor):
    assert min(editor.scores_.values()) > 0.7
    sixes = X[Y == 6]
    zero, six = X[Y == 0].mean(axis=0), X[Y == 6].mean(axis=0)

    def nearer_zero(images):
        return ((images - six) ** 2).sum(axis=(1, 2)) - ((images - zero) ** 2).sum(axis=(1, 2))

    edited = editor.edit(sixes, {"0": 1.0, "6": -1.0})
    assert (nearer_zero(edited) > nearer_zero(editor.edit(sixes, {}))).mean() > 0.95


def test_refinement_lowers_the_error_that_is_reported(vae, editor):
    edited, report = editor.edit(X[:10], {"0": 0.5}, refine=True, return_report=True)
    assert report.error.mean() < report.error_encoded.mean()
    rebuilt = vae.reconstruct(X[:10])
    np.testing.assert_allclose(report.error_encoded, np.sqrt(((X[:10] - rebuilt) ** 2).mean(axis=(1, 2))), rtol=1e-5)
    refined = vae.refine_latents(X[:10], vae.transform(X[:10]))
    np.testing.assert_array_equal(report.latents, refined)
    np.testing.assert_allclose(edited, vae.inverse_transform(report.edited_latents))
    np.testing.assert_allclose(editor.edit(X[:10], {}, refine=True), vae.inverse_transform(refined))
    path = editor.interpolate(X[:2], X[2:4], 3, refine=True)
    np.testing.assert_allclose(path[:, 0], vae.inverse_transform(refined[:2]), atol=1e-4)


@HARDLY_TRAINED
def test_dead_dimensions_are_hidden_unless_named(vae):
    vae = pofx.VAE(**FAST | {"max_epochs": 1}).fit(X)
    vae.latent_importance_ = np.array([0.0, 2, 0.009, 0.5, 1.1, 0.02, *[0.001] * 6])
    editor = pofx.LatentEditor(vae).fit(X)
    assert editor.live_dims_.tolist() == [1, 4, 3, 5]
    assert editor.traverse(X[:2]).shape == (2, 4, 7, 8, 8)
    assert editor.traverse(X[:2], [0, 2], [1.0]).shape == (2, 2, 1, 8, 8)
    vae.latent_importance_ = np.zeros(12)
    with pytest.raises(ValueError, match="no dimensions to traverse"):
        pofx.LatentEditor(vae).fit(X).traverse()


@HARDLY_TRAINED
def test_labels_go_to_a_conditional_model(conditional):
    editor = pofx.LatentEditor(conditional).fit(X, {"bright": X.mean(axis=(1, 2))}, y=Y)
    expected = conditional.inverse_transform(conditional.transform(X[:4], Y[:4]), Y[:4])
    np.testing.assert_allclose(editor.edit(X[:4], {}, y=Y[:4]), expected)
    pictures = editor.traverse(X[:4], [0], [0.0, 1.0], y=Y[:4])
    Z = conditional.transform(X[:4], Y[:4])
    Z[:, 0] = editor.latent_mean_[0] + editor.latent_std_[0]
    np.testing.assert_allclose(pictures[:, 0, 1], conditional.inverse_transform(Z, Y[:4]))
    from_mean = editor.traverse(dims=[0], values=[0.0], y=3)
    np.testing.assert_allclose(from_mean[0, 0], conditional.inverse_transform(editor.latent_mean_[None], [3]))
    path = editor.interpolate(X[:2], X[2:4], 3, y=[7, 8])
    ends = [conditional.transform(part, [7, 8]) for part in (X[:2], X[2:4])]
    np.testing.assert_allclose(path[:, 1], conditional.inverse_transform((ends[0] + ends[1]) / 2, [7, 8]))
    assert editor.edit(X[:4], {"bright": 1}, y=Y[:4], refine=True).shape == (4, 8, 8)
    examples = {"eight": (X[Y == 8], X[Y == 3])}
    taught = pofx.LatentEditor(conditional).fit_examples(examples, y={"eight": (Y[Y == 8], Y[Y == 3])})
    np.testing.assert_allclose(
        taught.latent_mean_,
        conditional.transform(np.concatenate(examples["eight"]), np.concatenate([Y[Y == 8], Y[Y == 3]])).mean(axis=0),
    )
    with pytest.raises(ValueError, match="under the same names"):
        pofx.LatentEditor(conditional).fit_examples(examples, y={})
    with pytest.raises(ValueError, match="not conditional"):
        pofx.LatentEditor(pofx.VAE(**FAST | {"max_epochs": 1}).fit(X)).fit(X).edit(X[:2], {}, y=[0, 1])


@HARDLY_TRAINED
@pytest.mark.filterwarnings("ignore:the latents do not tell", "ignore:along the direction")
def test_colour_images_and_a_pipeline():
    colour = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
    model = pofx.VAE(**FAST | {"max_epochs": 1}).fit(colour)
    model.latent_importance_ = np.linspace(1, 2, 12)
    red = {"red": colour[..., 0].mean(axis=(1, 2))}
    plain = pofx.LatentEditor(model, n_folds=2)
    turned = FunctionTransformer(lambda x: x[:, ::-1], lambda x: x[:, ::-1])
    pipeline = pofx.LatentEditor(make_pipeline(turned, model), n_folds=2)
    for editor, images in ((plain, colour), (pipeline, colour[:, ::-1])):
        editor.fit(images, red)
        assert editor.live_dims_.tolist() == list(range(12))[::-1]  # a pipeline's last step knows
    np.testing.assert_allclose(
        pipeline.edit(colour[:2, ::-1], {"red": 1.0})[:, ::-1], plain.edit(colour[:2], {"red": 1.0}), atol=1e-6
    )
    with pytest.raises(TypeError, match="Pipeline has no refine_latents"):
        pipeline.edit(colour[:2], {}, refine=True)


def test_a_pixelcnn_has_no_way_back():
    model = pofx.PixelCNN(n_layers=1, n_channels=4, max_epochs=1, random_state=0).fit(X[:60])
    for use in (lambda: pofx.LatentEditor(model).fit(X), lambda: latent_grid(model)):
        with pytest.raises(TypeError, match="PixelCNN has no inverse_transform"):
            use()


def test_a_grid_follows_the_prior(vae):
    grid = latent_grid(vae, n=5)
    assert grid.shape == (5, 5, 8, 8)
    first, second = np.argsort(-vae.latent_importance_)[:2]
    Z = np.zeros((1, 12))
    np.testing.assert_allclose(grid[2, 2], vae.inverse_transform(Z)[0])
    Z[0, first], Z[0, second] = norm.ppf(0.9), norm.ppf(0.3)  # the last column, the second row from below
    np.testing.assert_allclose(grid[3, 4], vae.inverse_transform(Z)[0], atol=1e-6)
    named = latent_grid(vae, n=3, dims=[7, 2])
    Z = np.zeros((1, 12))
    Z[0, 7], Z[0, 2] = norm.ppf(1 / 6), norm.ppf(5 / 6)
    np.testing.assert_allclose(named[0, 0], vae.inverse_transform(Z)[0], atol=1e-6)


def test_a_grid_follows_images_and_principal_directions():
    rng = np.random.default_rng(0)
    model = linear_model()
    Z = rng.normal(size=(300, 5)) * [1, 3, 0.5, 2, 0.1] + 1
    images = model.inverse_transform(Z)
    grid = model.transform(latent_grid(model, images, n=3).reshape(9, -1)).reshape(3, 3, 5)
    expected = Z.mean(axis=0) + Z.std(axis=0) * np.array([0, norm.ppf(5 / 6), 0, norm.ppf(1 / 6), 0])
    np.testing.assert_allclose(grid[2, 2], expected, atol=1e-9)
    pca = PCA(2).fit(Z)
    grid = model.transform(latent_grid(model, images, n=2, dims="principal").reshape(4, -1))
    across = (grid[1] - grid[0]) / np.linalg.norm(grid[1] - grid[0])
    assert abs(across @ pca.components_[0]) == pytest.approx(1)
    assert np.linalg.norm(grid[1] - grid[0]) == pytest.approx(2 * norm.ppf(0.75) * (Z @ across).std())


@HARDLY_TRAINED
def test_a_grid_of_one_class(conditional):
    grid = latent_grid(conditional, n=2, y=4)
    assert grid.shape == (2, 2, 8, 8)
    assert np.abs(grid - latent_grid(conditional, n=2, y=5)).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be"),
        ({"n": 2.5}, "n must be"),
        ({"dims": [0]}, "two different numbers"),
        ({"dims": [0, 0]}, "two different numbers"),
        ({"dims": [0, 12]}, r"0\.\.11"),
        ({"dims": "pca"}, "'principal'"),
        ({"dims": "principal"}, "give X"),
    ],
)
def test_grids_that_cannot_be(options, message, vae):
    with pytest.raises(ValueError, match=message):
        latent_grid(vae, **options)


def test_a_grid_needs_to_know_where():
    model = linear_model()
    with pytest.raises(ValueError, match="how many latent dimensions it has: give X"):
        latent_grid(model)
    with pytest.raises(ValueError, match="important: give dims or X"):
        latent_grid(PCA(3).fit(X.reshape(600, -1)))
    thin = LinearModel(np.ones((1, 4)), np.zeros(4))
    with pytest.raises(ValueError, match="two latent dimensions"):
        latent_grid(thin, np.ones((3, 4)))
