"""``pofx fit``."""

import numpy as np
import pytest
from cli_runs import FAST, same_weights, write_pictures
from PIL import Image

import pofx
from pofx.cli import main
from pofx.cli.fit import parse_shape
from pofx.cli.fit_options import command_for_all, parameter_help
from pofx.cli.options import parse_size, writable
from pofx.data.collection import Collection


def test_the_floors_are_printed_beside_the_model(tmp_path, capsys):
    assert main(["fit", "digits", "-o", str(tmp_path / "m.pofx"), *FAST]) == 0
    captured = capsys.readouterr()
    for text in ("8 x 8, 17 levels", "VAE", "lower bound", "PCA + Gaussian mixture", "independent pixels", "uniform"):
        assert text in captured.out
    assert captured.err == ""
    assert pofx.load(tmp_path / "m.pofx").get_params()["latent_dim"] == 3


def test_progress_goes_to_stderr(tmp_path, capsys):
    assert main(["fit", "digits", "-o", str(tmp_path / "m.pofx"), *FAST[:-1]]) == 0
    captured = capsys.readouterr()
    assert "ended by max_epochs" in captured.err
    assert "held-out score" not in captured.out


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    assert main(["fit", "digits", "-o", "/proc/model.pofx"]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["fit", "digits", "-o", str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_sub_folders_are_classes(pets_model, capsys):
    assert main(["info", str(pets_model)]) == 0
    assert "cat, dog" in capsys.readouterr().out


def test_classes_need_labels(tmp_path, capsys):
    write_pictures(tmp_path / "photos", ["a.png", "b.png"])
    assert main(["fit", str(tmp_path / "photos"), "-o", str(tmp_path / "m.pofx"), "--conditional", *FAST]) == 1
    assert "sub-folders give labels" in capsys.readouterr().err


def test_images_are_brought_to_a_size(tmp_path, capsys):
    write_pictures(tmp_path / "photos", [f"{index}.png" for index in range(12)], shape=(12, 10))
    path = tmp_path / "m.pofx"
    assert main(["fit", str(tmp_path / "photos"), "-o", str(path), "--size", "6x5", *FAST]) == 0
    assert "Converted: resampled to 6x5 (Lanczos) (12 images, as 0.png)" in capsys.readouterr().out
    model = pofx.load(path)
    assert model.spec_.shape_HWC == (6, 5, 1)
    assert model.provenance_["source"] == f"{tmp_path / 'photos'} --size 6x5"


@pytest.mark.parametrize(("given", "levels"), [([], 64), (["--levels", "32"], 32)])
def test_levels_are_those_of_the_source_unless_given(given, levels, tmp_path, monkeypatch):
    images = pofx.load_source("digits").images.astype("uint8")
    source = Collection(images, None, None, None, "a source that knows its levels", levels=64)
    monkeypatch.setattr(pofx, "load_source", lambda *_, **__: source)
    assert main(["fit", "digits", "-o", str(tmp_path / "m.pofx"), *FAST, *given]) == 0
    assert pofx.load(tmp_path / "m.pofx").spec_.levels == levels


def test_none_can_be_said(tmp_path):
    options = ["--early-stopping", "none", "--image-shape", "none", "--size", "none", "--max-minutes", "none"]
    assert main(["fit", "digits", "-o", str(tmp_path / "m.pofx"), *FAST, *options]) == 0
    model = pofx.load(tmp_path / "m.pofx")
    assert model.get_params()["early_stopping"] is None
    assert model.provenance_["source"] == "digits"


def test_without_a_seed_it_follows_from_the_data(tmp_path):
    without = [word for word in FAST if word not in ("--seed", "0")]
    for name in ("a.pofx", "b.pofx"):
        assert main(["fit", "digits", "-o", str(tmp_path / name), *without]) == 0
    assert same_weights(tmp_path / "a.pofx", tmp_path / "b.pofx")


def test_the_help_has_every_parameter_with_its_text(capsys):
    main(["fit", "--help"])
    out = capsys.readouterr().out
    for name in set(pofx.VAE().get_params()) - {"random_state"}:
        assert f"--{name.replace('_', '-')}" in out
    for text in ("--seed", "--config", "--resume", "--size", "--errors", "Weight of the KL"):
        assert text in out
    panels = [line for line in out.splitlines() if line.startswith("╭─")]
    assert [line.split("─ ")[1].split(" ─")[0] for line in panels] == [
        "Source and output", "The model (VAE)", "Training",
    ]  # fmt: skip
    own, training = out.index(panels[1]), out.index(panels[2])
    assert out.index("--conditional") < own < out.index("--latent-dim") < training < out.index("--batch-size")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert parameter_help(pofx.VAE)["beta"].startswith("weight of the KL term")


def test_choices_of_all_families_are_joined(monkeypatch):
    import typing

    from sklearn.utils._param_validation import StrOptions

    from pofx import registry

    def constructor(self, likelihood: str = "auto", rings: int = 3):
        raise NotImplementedError

    constraints = {"likelihood": [StrOptions({"auto", "poisson"})]}
    Other = type("Other", (pofx.VAE,), {"__init__": constructor, "_parameter_constraints": constraints})
    monkeypatch.setattr(registry, "_registered", {"other": Other})
    options = command_for_all().__annotations__
    assert {"rings", "latent_dim", "source", "output"} <= set(options)
    assert {"poisson", "bernoulli"} <= set(typing.get_args(typing.get_args(options["likelihood"])[0]))


@pytest.mark.parametrize(
    ("text", "shape"), [("28x28", (28, 28)), ("32x32x3", (32, 32, 3)), ("none", None), (None, None)]
)
def test_shapes_are_written_with_an_x(text, shape):
    assert parse_shape(text) == shape


@pytest.mark.parametrize(("text", "size"), [("32", (32, 32)), ("32x48", (32, 48)), ("Null", None), (None, None)])
def test_sizes_are_height_by_width(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0x3", "3x", "x3", "3x3x3", "-3", "3.5", "3 x 3", "123456", "３"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="32x48"):
        parse_size(text)


def test_a_suffix_is_added_but_not_replaced(tmp_path):
    assert writable(tmp_path / "new" / "model", ".pofx") == tmp_path / "new" / "model.pofx"
    assert (tmp_path / "new").is_dir()
    with pytest.raises(ValueError, match="should end in"):
        writable(tmp_path / "model.png", ".pofx")


def test_bits_fitted_with_more_levels_are_black_and_white(tmp_path):
    """What is written can be read again, and the folder scores as it was fitted."""
    (tmp_path / "bits").mkdir()
    for index in range(30):
        Image.fromarray(np.random.default_rng(index).random((6, 5)) < 0.5).save(tmp_path / "bits" / f"{index}.png")
    command = ["fit", str(tmp_path / "bits"), "-o", str(tmp_path / "m.pofx"), "--levels", "256", *FAST]
    assert main(command) == 0
    assert main(["score", str(tmp_path / "m.pofx"), str(tmp_path / "bits")]) == 0
    X = np.random.default_rng(0).random((30, 6, 5)) < 0.5
    with pytest.raises(ValueError, match="two levels"):
        pofx.VAE(levels=256, max_epochs=1).fit(X)
