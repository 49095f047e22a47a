"""``pofx evaluate``."""

from pathlib import Path

import numpy as np
import pytest
from cli_runs import read_csv
from PIL import Image

import pofx
from pofx.cli import main
from pofx.cli.evaluate import COPY_COLUMNS
from pofx.evaluation.samples import COLUMNS, FLOOR
from pofx.files.pictures import sheet
from pofx.measures.extractors import Extractor


def test_a_model_beside_the_images_that_its_fit_held_out(model_path, tmp_path, capsys, monkeypatch):
    notes = []
    monkeypatch.setattr(
        "pofx.pages.memorisation.sheet",
        lambda *images, **texts: notes.append(texts["note"]) or sheet(*images, **texts),
    )
    picture, table = tmp_path / "samples.png", tmp_path / "samples.csv"
    command = ["evaluate", str(model_path), "digits", "-o", str(picture), "--csv", str(table), "-n", "60"]
    assert main([*command, "--seed", "0", "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "60 images drawn from digits.pofx beside images held out of the fit" in out
    assert "a classifier of 10 classes" in out and "on pixels: " in out and "log p(x) (lower bound)" in out
    assert out.endswith(f"Written: {picture}\nWritten: {table}\n")
    model, floor = read_csv(table)
    assert list(model) == [*COLUMNS, *COPY_COLUMNS, "n_images", "extractor"]
    assert (model["name"], floor["name"]) == ("digits.pofx", FLOOR)
    assert float(model["frechet_distance"]) > float(floor["frechet_distance"])
    assert model["log_p_kind"] == "lower bound" and 0 <= float(model["share_nearer_in_pixels"]) <= 1
    assert not any(floor[name] for name in COPY_COLUMNS)
    assert model["n_images"] == "60"
    assert "Under each pair its distance, on pixels. \ndigits.pofx: Fréchet " in notes[0]
    assert f"\n{FLOOR}: Fréchet " in notes[0] and ", accuracy " in notes[0]
    with Image.open(picture) as page:
        assert page.width > 800


def test_held_out_images_of_another_source(model_path, tmp_path, capsys):
    images, labels = pofx.load_source("digits").images, pofx.load_source("digits").labels
    path = tmp_path / "both.npz"
    np.savez(path, x_train=images[:900], y_train=labels[:900], x_test=images[900:1000], y_test=labels[900:1000])
    command = ["evaluate", str(model_path), str(path), "--held-out", str(path), "-n", "40"]
    # The features of a model instead of those of a classifier.
    assert main([*command, "--extractor", str(model_path), "--csv", str(tmp_path / "t.csv"), "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "40 images drawn from digits.pofx beside images of " in out and "on the features of digits.pofx" in out
    rows = read_csv(tmp_path / "t.csv")
    assert {row["extractor"] for row in rows} == {"the features of digits.pofx"}
    assert rows[0]["share_nearer_on_features"]


def test_a_source_that_the_model_was_not_fitted_to_is_new(pixelcnn_path, tmp_path, capsys):
    np.save(tmp_path / "new.npy", pofx.load_source("digits").images[300:400])
    command = ["evaluate", str(pixelcnn_path), str(tmp_path / "new.npy"), "-n", "20", "-o", str(tmp_path / "p.png")]
    assert main([*command, "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "beside half of the images of a source that it was not fitted to" in out
    assert "Nearest training images" not in out and "a plain autoencoder" in out
    assert (tmp_path / "p.png").exists()


def test_one_file_by_two_names_is_one(model_path, tmp_path, capsys):
    images = pofx.load_source("digits").images
    path, link = tmp_path / "both.npz", tmp_path / "again.npz"
    np.savez(path, x_train=images[:900], x_test=images[900:1000])
    link.symlink_to(path)
    assert main(["evaluate", str(model_path), str(path), "--held-out", str(link), "-n", "40", "--no-verbose"]) == 0
    # 100 test images and not the 900 training images again.
    assert "of 100 held-out images" in capsys.readouterr().out


def test_held_out_images_that_are_those_of_the_source_are_refused(model_path, tmp_path, capsys):
    for name in ("one.npy", "two.npy"):
        np.save(tmp_path / name, pofx.load_source("digits").images[:90])
    command = ["evaluate", str(model_path), str(tmp_path / "one.npy"), "--held-out", str(tmp_path / "two.npy")]
    assert main([*command, "-n", "40"]) == 1
    assert "nothing is held out" in capsys.readouterr().err


def test_what_would_take_too_much_memory_is_left_out_and_told(model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.cli.evaluate.MOST_BYTES", 8 * 64 * 100)
    assert main(["evaluate", str(model_path), "digits", "-n", "40", "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "Compared with 100 of 1,617 training and 100 of 180 held-out images, at random" in " ".join(out.split())
    assert "of 100 held-out images" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-n", "0"], "--n-images must be at least 1"),
        (["-n", "5"], "at least 16 images are needed"),
        (["-o", "page.txt"], "should end in .png"),
        (["--csv", "table.png"], "should end in .csv"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said, model_path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(model_path), "digits", *options]) == 1
    assert said in capsys.readouterr().err


def test_a_fit_that_held_nothing_out_needs_other_images(tmp_path, capsys):
    path = tmp_path / "all.pofx"
    model = pofx.VAE(width=8, depth=0, latent_dim=2, max_epochs=1, validation_fraction=0.0, random_state=0)
    model.fit(pofx.load_source("digits").images).save(path)
    assert main(["evaluate", str(path), "digits"]) == 1
    assert "--held-out" in capsys.readouterr().err


def test_weights_of_a_stranger_make_no_fid(model_path, tmp_path, capsys):
    path = tmp_path / "pt_inception-2015-12-05-6726825d.pth"
    path.write_bytes(b"any")
    assert main(["evaluate", str(model_path), "digits", "--extractor", str(path)]) == 1
    assert f"{path} is not the published file of Inception weights" in " ".join(capsys.readouterr().err.split())


def test_the_published_weights_make_a_fid(model_path, tmp_path, capsys, monkeypatch):
    asked = {}

    def made(path, *, levels, device, counter):
        asked.update(path=path, levels=levels, device=device)
        with counter() as count:
            count(1, 1)
        return Extractor("stands for the network", lambda images: images.reshape(len(images), -1))

    monkeypatch.setattr("pofx.measures.extractors.published_inception", made)
    command = ["evaluate", str(model_path), "digits", "-n", "20", "--no-verbose", "--extractor", "w.pth"]
    assert main(command) == 0
    assert "on stands for the network" in capsys.readouterr().out
    assert asked == {"path": Path("w.pth"), "levels": 17, "device": "cpu"}
