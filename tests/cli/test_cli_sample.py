"""``pofx sample`` and ``pofx reconstruct``."""

import numpy as np
import pytest
from cli_runs import write_pictures
from PIL import Image

import pofx
from pofx.cli import main


@pytest.mark.parametrize(
    "command",
    [
        ["sample", "MODEL", "-n", "9", "--seed", "1"],
        ["reconstruct", "MODEL", "digits", "-n", "5"],
        ["reconstruct", "MODEL", "digits", "-n", "5", "--sample"],
    ],
)
def test_pictures_are_pictures(command, model_path, tmp_path, capsys):
    path = tmp_path / "picture.png"
    arguments = [str(model_path) if word == "MODEL" else word for word in command]
    assert main([*arguments, "-o", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"Written: {path}\n" and captured.err == ""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 50


def test_samples_as_an_array(model_path, tmp_path, capsys):
    path, picture = tmp_path / "x.npz", tmp_path / "x.png"
    assert main(["sample", str(model_path), "-n", "70", "--seed", "3", "--npz", str(path), "-o", str(picture)]) == 0
    assert capsys.readouterr().out == f"Written: {picture}\nWritten: {path}\n"
    with np.load(path) as arrays:
        assert arrays.files == ["x"]
        np.testing.assert_array_equal(arrays["x"], pofx.load(model_path).sample(70, random_state=3))
        assert arrays["x"].dtype == np.int64
    assert len(pofx.load_source(path)) == 70


def test_samples_of_one_class(pets_model, tmp_path, capsys):
    path = tmp_path / "cats.npz"
    assert main(["sample", str(pets_model), "--label", "cat", "-n", "4", "--npz", str(path), "--seed", "0"]) == 0
    with np.load(path) as arrays:
        assert arrays["y"].tolist() == ["cat"] * 4
        cats = pofx.load(pets_model).sample(4, y="cat", random_state=0)
        np.testing.assert_array_equal(arrays["x"], cats)
    # Which labels were drawn is not known.
    assert main(["sample", str(pets_model), "--npz", str(path)]) == 0
    with np.load(path) as arrays:
        assert arrays.files == ["x"]


def test_how_an_autoregressive_model_draws(pixelcnn_path, tmp_path):
    model = pofx.load(pixelcnn_path)
    for options, words in (
        (["--method", "cached"], {"method": "cached"}),
        (["--method", "naive", "--temperature", "0.5"], {"method": "naive", "temperature": 0.5}),
        (["--temperature", "0.2"], {"temperature": 0.2}),
    ):
        command = ["sample", str(pixelcnn_path), "-n", "3", "--seed", "1", "--npz", str(tmp_path / "x.npz")]
        assert main([*command, *options]) == 0
        with np.load(tmp_path / "x.npz") as arrays:
            np.testing.assert_array_equal(arrays["x"], model.sample(3, random_state=1, **words))
    hot = model.sample(3, random_state=1, temperature=5.0)
    assert (hot != model.sample(3, random_state=1, temperature=0.2)).any()


def test_the_methods_of_the_option_are_those_of_the_sampler():
    from typing import get_args

    from pofx.cli.options import Method
    from pofx.families.autoregressive.sampling import METHODS

    literal, none = get_args(get_args(Method)[0])
    assert get_args(literal) == METHODS and none is type(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "cached"], "VAE has no --method: leave it out"),
        (["--temperature", "0.5"], "VAE has no --temperature: leave it out"),
    ],
)
def test_options_that_a_model_lacks_are_refused(options, message, model_path, tmp_path, capsys):
    assert main(["sample", str(model_path), "-o", str(tmp_path / "x.png"), *options]) == 1
    assert capsys.readouterr().err == f"pofx: {message}\n"


def test_temperatures_are_positive(pixelcnn_path, tmp_path, capsys):
    assert main(["sample", str(pixelcnn_path), "-o", str(tmp_path / "x.png"), "--temperature", "0"]) == 1
    assert "temperature must be a positive number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "cta", "-o", "x.png"], "there is no class 'cta'; the classes of this model are cat, dog. Did you"),
        ([], "-o PICTURE.png, --npz FILE.npz or both"),
        (["--npz", "x.png"], "should end in .npz"),
        (["-o", "x.npz"], "should end in .png"),
    ],
)
def test_what_cannot_be_sampled(options, message, pets_model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(pets_model), *options]) == 1
    assert message in capsys.readouterr().err


def test_a_model_of_no_classes_has_no_label(model_path, tmp_path, capsys):
    assert main(["sample", str(model_path), "--label", "3", "-o", str(tmp_path / "x.png")]) == 1
    assert "--conditional" in capsys.readouterr().err


def test_reconstruction_tells_what_was_left_out(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "b.png"])
    (tmp_path / "new" / "c.png").write_bytes(b"")
    command = ["reconstruct", str(pets_model), str(tmp_path / "new"), "-o", str(tmp_path / "x.png")]
    assert main(command) == 1
    assert "c.png" in capsys.readouterr().err
    assert main([*command, "--errors", "skip"]) == 0
    assert "Left out: 1 file\n" in capsys.readouterr().out


def test_reconstruction_needs_an_encoder(model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.cli.loading.load_model", lambda *_, **__: type("PixelCNN", (), {})())
    assert main(["reconstruct", str(model_path), "digits", "-o", str(tmp_path / "x.png")]) == 1
    assert "PixelCNN has no encoder" in capsys.readouterr().err
    assert main(["reconstruct", str(model_path), "digits", "-o", str(tmp_path / "x.png"), "-n", "0"]) == 1
    assert "-n must be at least 1" in capsys.readouterr().err


@pytest.fixture(scope="module")
def gan_path(tmp_path_factory):
    images = pofx.load_source("digits").images[:300]
    model = pofx.GAN(width=16, depth=1, max_epochs=2, random_state=0, encoder=True).fit(images)
    return model.save(tmp_path_factory.mktemp("gan") / "gan.pofx")


def test_rejection_tells_what_it_did(gan_path, tmp_path, capsys):
    path = tmp_path / "chosen.npz"
    assert main(["sample", str(gan_path), "--reject", "-n", "5", "--seed", "2", "--npz", str(path)]) == 0
    assert "% of generated images are accepted" in " ".join(capsys.readouterr().out.split())
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["x"], pofx.load(gan_path).sample(5, reject=True, random_state=2))


def test_only_a_gan_rejects(model_path, tmp_path, capsys):
    assert main(["sample", str(model_path), "--reject", "-o", str(tmp_path / "x.png")]) == 1
    assert "VAE has no --reject" in capsys.readouterr().err


def test_a_gan_rebuilds_images_but_draws_none_of_their_latents(gan_path, tmp_path, capsys):
    assert main(["reconstruct", str(gan_path), "digits", "-n", "3", "-o", str(tmp_path / "x.png")]) == 0
    assert main(["reconstruct", str(gan_path), "digits", "--sample", "-o", str(tmp_path / "y.png")]) == 1
    assert "GAN has no --sample" in capsys.readouterr().err
