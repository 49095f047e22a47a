"""What is true of `GAN` alone; the contract suite has the rest."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.datasets import load_digits

import pofx
from pofx.engine.rollback import TrainingDiverged
from pofx.families.adversarial.estimator import GAMMA_A_DIMENSION
from pofx.families.adversarial.module import within_range
from pofx.families.adversarial.networks import CellDiscriminator, MLPDiscriminator, ResidualDiscriminator
from pofx.families.adversarial.training import held_out_divergence

X, Y = load_digits().images[:300], load_digits().target[:300]
FAST = {"width": 16, "depth": 1, "latent_dim": 4, "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def gan():
    return pofx.GAN(**FAST).fit(X)


@pytest.fixture(scope="module")
def encoded():
    return pofx.GAN(encoder=True, **(FAST | {"max_epochs": 150})).fit(X)


def weights(model):
    return b"".join(p.detach().numpy().tobytes() for p in model.module_.parameters())


# ---- the density that there is not --------------------


@pytest.mark.parametrize("name", ["score_samples", "score", "bits_per_dim"])
def test_no_density_and_the_error_says_what_to_use(gan, name):
    assert gan.density == "none" and not hasattr(gan, name)
    with pytest.raises(AttributeError, match=r"PixelCNN.*VAE.*pofx evaluate"):
        getattr(gan, name)


# ---- the state that is kept --------------------


def test_the_state_of_the_least_divergence_is_kept(gan):
    scores, noise = gan.history_["held_out_score"], gan.history_["held_out_noise"]
    assert (noise > 0).all()
    as_good = np.flatnonzero((scores == scores.max()) | (scores > scores.max() - noise))
    assert gan.held_out_score_ == scores[as_good[-1]]
    reader = gan._checked_reader(X[np.sort(gan.held_out_indices_)], None)
    with torch.no_grad():
        assert held_out_divergence(gan.module_, reader).score == pytest.approx(gan.held_out_score_, rel=1e-4)


# ---- black and white -----------------------------


def test_an_end_that_is_reached_cuts_off_and_the_other_is_neared():
    v = torch.tensor([-3.0, -1.0, -0.25, 0.0, 0.25, 3.0], dtype=torch.float64)
    black = within_range(v, torch.tensor([True, False]))
    assert black[:3].tolist() == [-1, -1, -0.25] and torch.equal(black[3:], torch.tanh(v[3:]))
    white = within_range(v, torch.tensor([False, True]))
    assert torch.equal(white, -within_range(-v, torch.tensor([True, False])))


@pytest.mark.parametrize(("levels_there", "reached"), [((0, 9), [True, False]), ((1, 16), [False, True])])
def test_what_end_is_reached_is_read_off_the_images_and_kept_in_the_file(levels_there, reached, tmp_path):
    images = np.random.default_rng(0).integers(*levels_there, size=(60, 4, 4), endpoint=True).astype(np.uint8)
    model = pofx.GAN(levels=17, **FAST).fit(images)
    assert model.module_.ends_are_reached.tolist() == reached
    assert pofx.load(model.save(tmp_path / "m.pofx")).module_.ends_are_reached.tolist() == reached


def test_without_held_out_images_the_last_state_is_kept_and_nothing_is_calibrated():
    model = pofx.GAN(validation_fraction=0.0, **FAST).fit(X)
    assert model.held_out_score_ is None and model.rejection_ is None
    with pytest.raises(ValueError, match="validation_fraction"):
        model.sample(2, reject=True)


def test_the_history_tells_of_both_players(gan):
    expected = {"discriminator/game", "discriminator/r1", "discriminator/r2", "generator/loss"}
    assert expected <= set(gan.history_.columns)
    assert (gan.history_["discriminator/r1"] > 0).all() and (gan.history_["discriminator/r2"] > 0).all()


def test_a_fit_that_diverges_says_so_or_recovers():
    model = pofx.GAN(**(FAST | {"learning_rate": 1e6, "gamma": 1e30}))
    try:
        model.fit(X)
    except TrainingDiverged as error:
        assert "learning rate" in str(error)
        return
    assert all(p.isfinite().all() for p in model.module_.parameters())


# ---- the parameters --------------------


@pytest.mark.parametrize(("objective", "gamma"), [("relativistic", 64 * GAMMA_A_DIMENSION), ("minimax", 0.0)])
def test_gamma_of_its_own(objective, gamma):
    """A fit without gamma is that with the number that the documentation tells, bit for bit."""
    first, second = (pofx.GAN(objective=objective, gamma=g, **FAST).fit(X) for g in (None, gamma))
    other = pofx.GAN(objective=objective, gamma=gamma + 0.5, **FAST).fit(X)
    assert weights(first) == weights(second) != weights(other)


def test_objectives_and_augmentation_make_different_models():
    models = [
        pofx.GAN(objective=objective, gamma=0.1, augmentation=augmentation, **FAST).fit(X)
        for objective, augmentation in [
            ("relativistic", False),
            ("non_saturating", False),
            ("minimax", False),
            ("minimax", True),
        ]
    ]
    assert len({weights(model) for model in models}) == 4


def test_augmentation_is_for_images():
    with pytest.raises(ValueError, match="real-valued data have neither"):
        pofx.GAN(augmentation=True, **FAST).fit(np.random.default_rng(0).normal(size=(50, 2)))


def test_networks_without_normalisation_layers_of_any_size():
    for shape in [(16, 16), (17, 23, 3), (28, 28), (5, 4), (1, 9)]:
        images = np.random.default_rng(0).integers(0, 256, size=(30, *shape), dtype=np.uint8)
        model = pofx.GAN(**(FAST | {"max_epochs": 1, "width": 4})).fit(images)
        assert model.sample(2).shape == (2, *shape) and model.sample(2).dtype == np.uint8
        kinds = {type(part).__name__ for part in model.module_.modules()}
        assert not any("Norm" in kind for kind in kinds)
        convolutional = isinstance(model.module_.discriminator, CellDiscriminator)
        assert convolutional == (min(shape[:2]) >= 16)
        assert convolutional or isinstance(model.module_.discriminator, MLPDiscriminator)


def test_architectures_by_name_and_a_depth_that_they_cannot_have():
    images = np.random.default_rng(0).integers(0, 256, size=(30, 17, 16), dtype=np.uint8)
    small = FAST | {"max_epochs": 1, "width": 4, "depth": 1, "encoder": True}
    for name, kind in [
        ("mlp", MLPDiscriminator),
        ("convolutional", CellDiscriminator),
        ("residual", ResidualDiscriminator),
    ]:
        model = pofx.GAN(architecture=name, **small).fit(images)
        assert isinstance(model.module_.discriminator, kind)
        assert model.reconstruct(images[:3]).shape == (3, 17, 16)
    with pytest.raises(ValueError, match="depth must be at least 1"):
        pofx.GAN(architecture="convolutional", **(small | {"depth": 0})).fit(images)


# ---- real numbers --------------------


def test_real_numbers_are_learned_as_they_are():
    """Samples are no steps of a grid, and lie where the data do."""
    rows = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 0.1] + [50.0, -3.0]
    model = pofx.GAN(gamma=1.0, **(FAST | {"max_epochs": 20, "width": 32})).fit(rows)
    drawn = model.sample(500)
    assert model.continuous_ and len(np.unique(drawn[:, 0])) == 500
    assert np.abs((drawn.mean(axis=0) - [50.0, -3.0]) / [1.0, 0.1]).max() < 0.5


# ---- rejection --------------------


def test_rejection_keeps_what_the_discriminator_takes_for_real(gan):
    plain, chosen = gan.sample(400, random_state=0), gan.sample(400, reject=True, random_state=0)
    with torch.no_grad():
        logits = [gan._logits(torch.from_numpy(images.astype(np.int64))[:, None], None) for images in (plain, chosen)]
    assert (logits[1].mean() - logits[0].mean()) * gan.rejection_.slope > 0
    assert np.array_equal(chosen, gan.sample(400, reject=True, random_state=0))


def test_the_acceptance_rate_is_that_of_new_samples(gan):
    generator, found = torch.Generator().manual_seed(5), gan.rejection_
    with torch.no_grad():
        logits = gan._logits(gan._draw(4000, None, generator), None)
    chance = np.exp(np.minimum(found.slope * logits + found.intercept - found.log_bound, 0))
    passed = int(found.accepts(logits, np.random.default_rng(0).random(4000)).sum())
    assert binomtest(passed, 4000, chance.mean()).pvalue > 1e-3
    # What the fit tells was measured on 30 images.
    assert abs(chance.mean() - found.acceptance) < 4 * chance.std() / np.sqrt(30)


def test_rejection_of_a_conditional_model_keeps_the_classes(monkeypatch):
    model = pofx.GAN(conditional=True, **FAST).fit(X, Y)

    def image_of_its_class(n, codes, generator):
        return codes[:, None, None, None].repeat(1, 1, 8, 8)

    rounds = []

    def half_pass(logits, uniform):
        rounds.append(len(logits))
        return uniform < 0.5

    monkeypatch.setattr(model, "_draw", image_of_its_class)
    monkeypatch.setattr(type(model.rejection_), "accepts", lambda self, *numbers: half_pass(*numbers))
    y = np.arange(40) % 10
    np.testing.assert_array_equal(model.sample(40, y=y, reject=True, random_state=0)[:, 0, 0], y)
    assert len(rounds) > 2 and rounds == sorted(rounds, reverse=True)


# ---- features and latents --------------------


def test_without_an_encoder_features_are_the_discriminators(gan):
    features = gan.transform(X[:5])
    assert features.shape == (5, 16) == (5, len(gan.get_feature_names_out()))
    for name in ("inverse_transform", "reconstruct", "refine_latents"):
        assert not hasattr(gan, name)
        with pytest.raises(AttributeError, match="has no attribute"):
            getattr(gan, name)


def test_with_an_encoder_there_is_a_way_back(encoded):
    Z = encoded.transform(X[:20])
    assert Z.shape == (20, 4) and encoded.latent_importance_.shape == (4,)
    again, refined = encoded.reconstruct(X[:20]), encoded.refine_latents(X[:20], Z, n_steps=50)
    assert np.array_equal(again, encoded.inverse_transform(Z))
    errors = [((encoded.inverse_transform(z) - X[:20]) ** 2).mean() for z in (Z, refined)]
    assert errors[1] < errors[0]


def test_the_encoder_learns_latents(encoded):
    """Of generated images the latent is found better than by the mean of all latents."""
    z = np.random.default_rng(0).normal(size=(200, 4))
    found = encoded.transform(np.rint(encoded.inverse_transform(z)).clip(0, 16))
    assert ((found - z) ** 2).mean() < 0.9 * (z**2).mean()


def test_the_edits_of_an_editor_work(encoded):
    editor = pofx.LatentEditor(encoded).fit(X, {"zero": (Y == 0).astype(float)})
    assert editor.edit(X[:3], {"zero": 1.0}).shape == (3, 8, 8)


def test_a_conditional_model_without_labels_answers_for_the_mean_of_its_classes():
    model = pofx.GAN(conditional=True, encoder=True, **FAST).fit(X, Y)
    Z = model.transform(X[:4])
    of_class = np.stack([model.inverse_transform(Z, np.full(4, label)) for label in model.classes_])
    mean = np.tensordot(model.class_prior_, of_class, axes=1)
    np.testing.assert_allclose(model.inverse_transform(Z), mean, rtol=1e-5)
    assert model.refine_latents(X[:4], Z, n_steps=2).shape == Z.shape
    assert np.array_equal(model.transform(X[:4], Y[:4]), Z)


# ---- files --------------------


def test_a_file_holds_calibration_and_encoder(encoded, tmp_path):
    loaded = pofx.load(encoded.save(tmp_path / "gan.pofx"))
    assert loaded.rejection_ == encoded.rejection_ and loaded.error_variance_ == encoded.error_variance_
    assert np.array_equal(loaded.sample(3, reject=True, random_state=1), encoded.sample(3, reject=True, random_state=1))
    assert np.array_equal(
        loaded.refine_latents(X[:2], np.zeros((2, 4))), encoded.refine_latents(X[:2], np.zeros((2, 4)))
    )


def test_a_killed_fit_goes_on(tmp_path):
    """Both trainings, the game and the encoder's, have a folder of their own."""
    whole = pofx.GAN(encoder=True, checkpoint_dir=tmp_path, **FAST).fit(X)
    assert (tmp_path / "encoder").is_dir()
    again = pofx.GAN(encoder=True, checkpoint_dir=tmp_path, **FAST).fit(X)
    assert np.array_equal(whole.transform(X[:3]), again.transform(X[:3]))
