"""Model files whose checksum is right and whose contents are not: each is refused by name, and nothing is run."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pofx
from pofx.files import model_file


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    X = load_digits().images[:100]
    path = tmp_path_factory.mktemp("saving") / "good.pofx"
    model = pofx.VAE(width=8, depth=1, latent_dim=2, max_epochs=1, conditional=True, random_state=0)
    model.fit(X, load_digits().target[:100]).save(path)
    return model_file.read(path)


def rewritten(good, path, **changes):
    """The good file with parts of its header replaced: dicts are merged, other values taken."""
    header = {field.name: getattr(good.header, field.name) for field in dataclasses.fields(good.header)}
    for name, value in changes.items():
        header[name] = header[name] | value if isinstance(value, dict) else value
    return model_file.write(path, model_file.ModelHeader(**header), good.tensors())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_name": "os.system"}, "os.system"),
        ({"class_name": "vea"}, "Did you mean 'vae'"),
        ({"parameters": {"__reduce__": 1}}, "__reduce__"),
        ({"parameters": {"latent_dim": -1}}, "latent_dim"),
        ({"parameters": {"latent_dim": 10**9}}, "latent_importance_"),
        ({"parameters": {"depth": 10**9}}, "more|absent|shape"),
        ({"parameters": {"width": 10**12}}, "differ|fit|absent|more|shape"),
        ({"parameters": {"likelihood": "evil"}}, "likelihood"),
        ({"parameters": {"likelihood": "categorical"}}, "differ|fit|absent|shape"),
        ({"state": {"image_format": {}}}, "state"),
        ({"state": {"image_format": None}}, "state"),
        ({"state": {"n_features_in": 7}}, "state"),
        ({"state": {"n_features_in": "64"}}, "state"),
        ({"state": {"classes": {"dtype": "|O", "values": [1]}}}, "state"),
        ({"state": {"classes": {"dtype": "<i8", "values": [1, 2]}}}, "state"),
        ({"state": {"history": 3}}, "state"),
        ({"state": {"extra": {"__class__": {"dtype": "<i8", "values": 1}}}}, "state"),
        ({"state": {"extra": {"fit": {"dtype": "<i8", "values": 1}}}}, "state"),
        ({"state": {"extra": {"seed_": {"dtype": "<i8", "values": 1}}}}, "state"),
        ({"state": {"extra": {"latent_importance_": {"dtype": "<f8", "values": [0.0] * 7}}}}, "state"),
        ({"state": {"extra": {}}}, "state"),
        ({"state": {"seed": -1}}, "state"),
        ({"state": {"seed": 2**80}}, "state"),
        ({"state": {"class_prior": {"dtype": "<f8", "values": [5.0] * 10}}}, "state"),
        ({"state": {"class_prior": {"dtype": "<U1", "values": ["a"] * 10}}}, "state"),
        ({"state": {"classes": {"dtype": "<i8", "values": [3] * 10}}}, "state"),
        ({"state": {"classes": {"dtype": "<U150000000", "values": ["a", "b"]}}}, "state"),
        ({"state": {"feature_names_in": "abc"}}, "state"),
        ({"state": {"feature_names_in": ["a"]}}, "state"),
        ({"state": {"stopped_by": "evil"}}, "state"),
        ({"state": {"held_out_score": "good"}}, "state"),
        ({"state": {"held_out_indices": {"dtype": "<i8", "values": [[1]]}}}, "state"),
        ({"state": {"held_out_indices": {"dtype": "<i8", "values": [-1]}}}, "state"),
        ({"provenance": {"image_hashes": [2**64]}}, "64 bits"),
        ({"provenance": {"image_hashes": None}}, "at most"),
        ({"parameters": {"checkpoint_dir": "anywhere"}}, "checkpoint_dir"),
        ({"parameters": {"device": "cuda"}}, "device"),
    ],
)
def test_what_is_wrong_is_named(good, changes, message, tmp_path):
    path = rewritten(good, tmp_path / "bad.pofx", **changes)
    with pytest.raises(pofx.ModelFileError, match=message) as caught:
        pofx.load(path)
    assert "bad.pofx" in str(caught.value)


SMALL = {"n_layers": 1, "max_epochs": 1, "random_state": 0}

AUTOREGRESSIVE = {
    "gated": (pofx.PixelCNN, "n_channels", SMALL | {"n_channels": 3}),
    "plain": (pofx.PixelCNN, "n_channels", SMALL | {"n_channels": 6, "gated": False}),
    "mixture": (pofx.PixelCNN, "n_channels", SMALL | {"n_channels": 3, "likelihood": "logistic_mixture"}),
    "row_lstm": (pofx.PixelRNN, "n_hidden", SMALL | {"n_hidden": 3}),
    "diagonal_bilstm": (pofx.PixelRNN, "n_hidden", SMALL | {"n_hidden": 3, "cell": "diagonal_bilstm"}),
}


@pytest.fixture(scope="module", params=AUTOREGRESSIVE)
def pixel_by_pixel(request, tmp_path_factory):
    """A good file of an autoregressive model of colours, and the name of its width."""
    cls, width, parameters = AUTOREGRESSIVE[request.param]
    X = np.stack([load_digits().images[:20, 2:6, 2:5] // 6] * 3, axis=-1)
    path = tmp_path_factory.mktemp("saving") / "good.pofx"
    cls(**parameters).fit(X).save(path)
    return model_file.read(path), width


@pytest.mark.parametrize("size", [10**9, 10**12])
def test_an_autoregressive_network_of_any_width_is_refused_by_its_first_tensor(pixel_by_pixel, size, tmp_path):
    """Not for want of memory: before any is taken for groups of features and masks."""
    good, width = pixel_by_pixel
    path = rewritten(good, tmp_path / "bad.pofx", parameters={width: size})
    with pytest.raises(pofx.ModelFileError, match="which no tensor of the file has"):
        pofx.load(path)


@pytest.mark.parametrize("changes", [{"n_layers": 10**9}, {"likelihood": "logistic_mixture", "n_components": 10**12}])
def test_an_autoregressive_network_with_more_than_the_file_holds_is_refused(pixel_by_pixel, changes, tmp_path):
    path = rewritten(pixel_by_pixel[0], tmp_path / "bad.pofx", parameters=changes)
    with pytest.raises(pofx.ModelFileError, match=r"which no tensor of the file has|far more"):
        pofx.load(path)


def test_an_untouched_autoregressive_rewrite_loads(pixel_by_pixel, tmp_path):
    assert np.isfinite(pofx.load(rewritten(pixel_by_pixel[0], tmp_path / "same.pofx")).sample(2)).all()


def test_an_untouched_rewrite_loads(good, tmp_path):
    assert np.isfinite(pofx.load(rewritten(good, tmp_path / "same.pofx")).sample(2)).all()


def test_missing_and_additional_tensors_are_refused(good, tmp_path):
    tensors = good.tensors()
    name = sorted(tensors)[0]
    for changed in (
        {key: value for key, value in tensors.items() if key != name},
        {**tensors, "module.more": torch.zeros(3)},
        {**tensors, name: tensors[name].double()},
        {**tensors, name: torch.zeros(1)},
        {**tensors, name: torch.full_like(tensors[name], torch.nan)},
    ):
        path = model_file.write(tmp_path / "bad.pofx", good.header, changed)
        with pytest.raises(pofx.ModelFileError):
            pofx.load(path)


def test_a_generator_as_seed_is_saved_as_the_seed_it_gave(tmp_path):
    model = pofx.VAE(width=8, depth=1, latent_dim=2, max_epochs=1, random_state=np.random.RandomState(4))
    model.fit(load_digits().images[:50]).save(tmp_path / "m.pofx")
    assert pofx.load(tmp_path / "m.pofx").random_state == model.seed_


def test_a_file_loads_where_the_class_is_registered(good, tmp_path):
    """A family from outside is known by the name that it was registered under, and by no other."""

    @pofx.register("mine")
    class Mine(pofx.VAE):
        pass

    try:
        path = rewritten(good, tmp_path / "mine.pofx", class_name="mine")
        assert type(pofx.load(path)) is Mine
        with pytest.raises(ValueError, match="taken"):
            pofx.register("vae")(Mine)
        with pytest.raises(ValueError, match="taken"):
            pofx.register("mine")(pofx.VAE)
    finally:
        from pofx import registry

        registry._registered.clear()


def test_deviations_of_a_gan_that_are_not_positive_are_refused(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(100, 3))
    path = tmp_path / "gan.pofx"
    pofx.GAN(width=8, depth=1, latent_dim=2, max_epochs=1, random_state=0).fit(vectors).save(path)
    good = model_file.read(path)
    for value in (0.0, -1.0):
        tensors = good.tensors() | {"module.deviation_CHW": torch.full((1, 1, 3), value)}
        with pytest.raises(pofx.ModelFileError, match="deviations"):
            pofx.load(model_file.write(tmp_path / "bad.pofx", good.header, tensors))
    assert np.isfinite(pofx.load(path).sample(2)).all()
