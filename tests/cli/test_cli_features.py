"""``pofx features``."""

import numpy as np
import pytest
from cli_runs import read_csv, write_pictures
from PIL import Image

import pofx
from pofx.cli import features as command
from pofx.cli import main


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A hundred digits with their classes."""
    path = tmp_path_factory.mktemp("features") / "digits.npz"
    source = pofx.load_source("digits")
    np.savez(path, x=source.images[:100], y=source.labels[:100])
    return path


def test_features_go_to_an_array(model_path, digits, tmp_path, capsys):
    assert main(["features", str(model_path), str(digits), "-o", str(tmp_path / "f.npy")]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "VAE features: 3 numbers for each of 100 images\nlayers: layer_1, latent\n" in captured.out
    assert captured.out.endswith(f"Written: {tmp_path / 'f.npy'}\n")
    expected = pofx.load(model_path).transform(pofx.load_source(digits).images)
    assert np.array_equal(np.load(tmp_path / "f.npy", allow_pickle=False), expected)


def test_features_go_to_a_table(model_path, digits, tmp_path):
    assert main(["features", str(model_path), str(digits), "-o", str(tmp_path / "f.csv")]) == 0
    model, source = pofx.load(model_path), pofx.load_source(digits)
    rows, values = read_csv(tmp_path / "f.csv"), model.transform(source.images)
    assert list(rows[0]) == ["image", "label", "vae0", "vae1", "vae2", "error"]
    assert [row["image"] for row in rows] == [str(index) for index in range(100)]
    assert [row["label"] for row in rows] == [str(label) for label in source.labels]
    assert [[float(row[f"vae{j}"]) for j in range(3)] for row in rows] == values.tolist()


def test_a_layer_can_be_asked_for(model_path, pixelcnn_path, digits, tmp_path, capsys):
    images = pofx.load_source(digits).images
    for path, layer, options, words in (
        (model_path, "layer_1", [], {}),
        (pixelcnn_path, "layer_1", ["--fields", "2"], {"fields": 2}),
    ):
        command_line = ["features", str(path), str(digits), "--layer", layer, *options, "-o", str(tmp_path / "f.npy")]
        assert main(command_line) == 0
        assert np.array_equal(np.load(tmp_path / "f.npy"), pofx.load(path).layer_features(images, layer, **words))
    assert "PixelCNN layer_1: 48 numbers for each of 100 images\nlayers: input, layer_1\n" in capsys.readouterr().out
    assert main(["features", str(pixelcnn_path), str(digits), "--layer", "layer_1", "-o", str(tmp_path / "f.csv")]) == 0
    assert list(read_csv(tmp_path / "f.csv")[0])[2:4] == ["pixelcnn_layer_1_0", "pixelcnn_layer_1_1"]


def test_names_of_files_are_kept_and_files_left_out_are_listed(pets, pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["cat/a.png", "dog/b.png"])
    (tmp_path / "new" / "dog" / "c.png").write_bytes(b"")
    table = tmp_path / "f.csv"
    assert main(["features", str(pets_model), str(tmp_path / "new"), "-o", str(table), "--errors", "skip"]) == 0
    rows = read_csv(table)
    assert [(row["image"], row["label"]) for row in rows] == [
        ("cat/a.png", "cat"),
        ("dog/b.png", "dog"),
        ("dog/c.png", ""),
    ]
    assert rows[2]["vae0"] == "" and rows[2]["error"] == "is empty" and rows[0]["error"] == ""
    assert "Left out: 1 file" in capsys.readouterr().out


def test_labels_are_not_looked_at(pets, pets_model, tmp_path):
    """Also of a conditional model: features that know the class would tell it."""
    assert main(["features", str(pets_model), str(pets), "-o", str(tmp_path / "f.npy")]) == 0
    images = pofx.load_source(pets).images
    assert np.array_equal(np.load(tmp_path / "f.npy"), pofx.load(pets_model).transform(images))


def test_a_map_shows_features_beside_pixels(model_path, digits, tmp_path, monkeypatch):
    monkeypatch.setattr("pofx.pages.feature_map.MAPPED", 40)
    assert main(["features", str(model_path), str(digits), "--map", str(tmp_path / "map.png")]) == 0
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width > 880  # two panels


def test_a_probe_measures_beside_floors(model_path, digits, capsys):
    assert main(["features", str(model_path), str(digits), "--layer", "layer_1", "--probe", "--no-verbose"]) == 0
    out = capsys.readouterr().out
    rows = [line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│")]
    assert rows == [
        "VAE layer_1 (16)", "raw pixels (64)", "PCA (16)", "a plain autoencoder (16)", "random features (1,024)"
    ]  # fmt: skip
    assert "linear, 80 labels" in out and "20 test images" in out and "3 seeds" in out
    assert "Beware" not in out


def test_a_model_that_was_told_labels_says_so(pets, pets_model, monkeypatch, capsys):
    monkeypatch.setattr(command, "FEWEST_PROBED", 10)
    assert main(["features", str(pets_model), str(pets), "--probe", "--no-verbose"]) == 0
    assert "Beware: this model was fitted with labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layer", "layer_9"], "there is no layer 'layer_9'; those of this VAE are layer_1, latent"),
        (["--fields", "2"], "choose one with --layer"),
        (["-o", "f.txt"], "should end in .npy or .csv"),
        (["--map", "map.gif"], "should end in .png"),
    ],
)
def test_what_cannot_be_is_said(model_path, digits, options, said, capsys):
    assert main(["features", str(model_path), str(digits), *options]) == 1
    assert said in capsys.readouterr().err


def test_what_needs_classes_or_images_says_so(model_path, tmp_path, capsys):
    X = pofx.load_source("digits").images
    np.savez(tmp_path / "bare.npz", x=X[:3])
    assert main(["features", str(model_path), str(tmp_path / "bare.npz"), "--probe"]) == 1
    assert "has no classes" in capsys.readouterr().err
    assert main(["features", str(model_path), str(tmp_path / "bare.npz"), "--map", str(tmp_path / "m.png")]) == 1
    assert "at least 4 images" in capsys.readouterr().err
    np.savez(tmp_path / "few.npz", x=X[:12], y=np.arange(12) % 2)
    assert main(["features", str(model_path), str(tmp_path / "few.npz"), "--probe"]) == 1
    assert "at least 20 images" in capsys.readouterr().err
