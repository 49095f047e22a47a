"""``pofx score --map`` and ``--map-npz``."""

import numpy as np
import pytest
from cli_runs import read_csv
from PIL import Image

import pofx
from pofx.cli import main
from pofx.files import pictures
from pofx.files.colours import BLUE, RED, diverging, round_limit
from pofx.pages.surprise import surprise_page


@pytest.fixture
def pages(monkeypatch):
    """The (images, options) of every sheet that is drawn."""
    drawn = []
    monkeypatch.setattr(
        "pofx.pages.surprise.sheet",
        lambda images, **options: drawn.append((images, options)) or pictures.sheet(images, **options),
    )
    return drawn


def test_the_least_likely_come_first(model_path, tmp_path, capsys, pages):
    path = tmp_path / "map.png"
    assert main(["score", str(model_path), "digits", "--map", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"Written: {path}\n")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    model, X = pofx.load(model_path), pofx.load_source("digits").images
    log_p = model.score_samples(X)
    least = np.argsort(log_p)[:10]
    ((images, options),) = pages
    names = [str(i) for i in least]
    assert options["captions"] == [*names, *(f"log p {log_p[i]:.1f}" for i in least)]
    assert options["row_labels"] == ["image", "surprise"] and options["n_columns"] == 10
    assert "nats" in options["note"] and "a lower bound" in options["note"]
    surprise = model.surprise_map(X[least])
    assert np.array_equal(images[10:], diverging(surprise, round_limit(surprise)))
    assert f"at {round_limit(surprise):g} nats" in options["note"]


def test_red_is_what_surprises(pages):
    class Model:
        density = "exact"
        spec_ = pofx.ImageSpec(2, 2, 3, 256)
        image_format_ = None

        def surprise_map(self, images):
            # Of each colour: the pixel's number is the sum.
            return np.broadcast_to(np.array([[1.0, -1.0], [0.0, 0.5]])[None, :, :, None] / 3, (1, 2, 2, 3))

    from pofx.data.images import ImageFormat
    from pofx.data.levels import IntegerLevels

    model = Model()
    model.image_format_ = ImageFormat(model.spec_, 4, "|u1", IntegerLevels(256))
    X = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    surprise_page(model, X, np.array([-3.0]), title="t")
    ((images, options),) = pages
    assert tuple(images[1, 0, 0]) == RED and tuple(images[1, 0, 1]) == BLUE
    assert options["captions"] == ["log p -3.0", ""] and "log p(x) is exact" in options["note"]


def test_numbers_of_single_pixels(pixelcnn_path, model_path, tmp_path, capsys):
    path, source = tmp_path / "maps.npz", pixelcnn_path.with_name("digits.npz")
    model, X = pofx.load(pixelcnn_path), pofx.load_source(source).images
    assert main(["score", str(pixelcnn_path), str(source), "--map-npz", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"Written: {path}\n")
    with np.load(path) as arrays:
        assert set(arrays.files) == {"surprise", "log_p"}
        np.testing.assert_array_equal(arrays["surprise"], model.surprise_map(X))
        np.testing.assert_allclose(arrays["log_p"].sum(axis=(1, 2)), model.score_samples(X))
    assert main(["score", str(model_path), str(source), "--map-npz", str(path)]) == 0
    with np.load(path) as arrays:
        assert arrays.files == ["surprise"]


def test_log_p_is_the_sum_of_its_map(pixelcnn_path, tmp_path, monkeypatch):
    """The network is not run again for what is known already."""
    source, table = str(pixelcnn_path.with_name("digits.npz")), tmp_path / "s.csv"
    expected = pofx.load(pixelcnn_path).score_samples(pofx.load_source(source).images)
    monkeypatch.delattr("pofx.density.DensityModel.score_samples")
    command = ["score", str(pixelcnn_path), source, "--map-npz", str(tmp_path / "m.npz"), "-o", str(table)]
    assert main(command) == 0
    np.testing.assert_allclose([float(row["log_p_nats"]) for row in read_csv(table)], expected, rtol=1e-12)


def test_names_of_files_and_colours(colour_pixelcnn, tmp_path, pages):
    command = ["score", str(colour_pixelcnn), str(colour_pixelcnn.with_suffix("")), "--map", str(tmp_path / "m.png")]
    assert main(command) == 0
    ((images, options),) = pages
    assert images.shape == (20, 4, 6, 3)
    assert {name.split("/")[0] for name in options["captions"][:10]} == {"owl", "tit"}


@pytest.mark.parametrize("option", ["--map", "--map-npz"])
def test_a_model_without_them(option, model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.delattr("pofx.families.variational.scores.BoundScores.surprise_map")
    suffix = ".png" if option == "--map" else ".npz"
    assert main(["score", str(model_path), "digits", option, str(tmp_path / f"x{suffix}")]) == 1
    assert "VAE has no numbers for single pixels: leave out --map and --map-npz" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "name"), [("--map", "x.csv"), ("--map-npz", "x.png")])
def test_files_are_refused_early(option, name, model_path, tmp_path, capsys):
    assert main(["score", str(model_path), "digits", option, str(tmp_path / name)]) == 1
    assert "should end in" in capsys.readouterr().err
