"""``pofx report``: one page from images, or from models that were fitted to them."""

import csv
import html
import json
import re

import numpy as np
import pytest

import fourth_family  # noqa: F401 - registers it
import pofx
from pofx.cli import main
from pofx.report import sections_of as all_sections

SECTIONS = ["collection", "models", "samples", "rebuilt", "latents", "atypical", "features", "classes", "again"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    digits = pofx.load_source("digits")
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, x=digits.images[:400], y=digits.labels[:400])
    return path


@pytest.fixture(scope="module")
def small():
    """Fits cut short: what is tested is that all is there."""
    with pytest.MonkeyPatch.context() as patch:
        for name, words in {
            "vae": {"width": 16, "depth": 1, "latent_dim": 3},
            "pixelcnn": {"n_layers": 1, "n_channels": 6},
            "gan": {"width": 16, "depth": 1, "latent_dim": 3},
        }.items():
            family = pofx.family(name)
            patch.setattr(
                family, "fit", lambda self, X, y=None, fit=family.fit, words=words: fit(
                    self.set_params(**words, max_epochs=1, verbose=False), X, y
                )
            )  # fmt: skip
        yield


@pytest.fixture(scope="module")
def report(images, small, tmp_path_factory):
    """The page of the three families, and the folder beside it."""
    page = tmp_path_factory.mktemp("report") / "page.html"
    assert main(["report", str(images), "-o", str(page), "--max-minutes", "0.3", "--no-verbose"]) == 0
    return words_of(page), page.with_name("page_files")


@pytest.fixture
def without_long_sections(monkeypatch):
    """For what is not about them: those that draw, complete and probe."""
    for name in ("samples", "rebuilt", "features"):
        monkeypatch.setattr(all_sections, name, lambda study, seconds: None)


def table(folder, name):
    with (folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_all_sections_are_there_and_none_failed(report):
    text, _ = report
    assert re.findall('<section id="([^"]+)">', text) == SECTIONS
    assert "failed" not in text and "interrupted" not in text


def test_beside_it_lie_models_tables_pictures_and_images(report):
    _, folder = report
    for name in ("VAE", "PixelCNN", "GAN"):
        assert type(pofx.load(folder / f"{name.lower()}.pofx")).__name__ == name
    divided = np.load(folder / "images.npz")
    assert len(divided["x_train"]) == 320 and len(divided["x_test"]) == 80
    assert (folder / "samples_gan.png").exists() and (folder / "atypical_vae.png").exists()


def test_its_figures_are_those_of_the_models(report):
    _, folder = report
    divided = np.load(folder / "images.npz")
    rows = {row["name"]: row for row in table(folder, "likelihoods")}
    assert {"VAE", "PixelCNN", "independent pixels", "uniform"} <= set(rows) and "GAN" not in rows
    model = pofx.load(folder / "pixelcnn.pofx")
    if int(rows["PixelCNN"]["images"]) == 80:
        assert float(rows["PixelCNN"]["log_p_nats"]) == pytest.approx(model.score(divided["x_test"]), rel=1e-6)
    assert {row["model"]: row["p_x"] for row in table(folder, "models")} == {
        "VAE": "lower bound", "PixelCNN": "exact", "GAN": "none", "HistogramModel": "exact",  # found by itself
    }  # fmt: skip
    judged = [row for row in table(folder, "atypical") if row["model"] == "VAE"]
    detector = pofx.load(folder / "detector_vae.pofx")
    held_out = [row for row in judged if row["held_out"] == "True"]
    p = detector.p_values(divided["x_test"])
    assert {float(row["p_value"]) for row in held_out} <= set(p.tolist())


def words_of(page):
    """What a page says; its pictures, in which any letters may come in a row, left out."""
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.read_text())


def test_fitted_models_make_the_page_again(report, tmp_path, without_long_sections):
    _, folder = report
    words = [word for name in ("vae", "pixelcnn") for word in ("--models", str(folder / f"{name}.pofx"))]
    page = tmp_path / "again.html"
    assert main(["report", str(folder / "images.npz"), *words, "-o", str(page), "--max-minutes", "0.2"]) == 0
    again = page.with_name("again_files")
    first, second = ({row["name"]: row for row in table(some, "likelihoods")} for some in (folder, again))
    if first["VAE"]["images"] == second["VAE"]["images"]:
        assert first["VAE"]["log_p_nats"] == second["VAE"]["log_p_nats"]
    assert "GAN" not in words_of(page)


def test_a_family_from_outside_takes_part(images, tmp_path):
    page = tmp_path / "fourth.html"
    words = ["--models", "histograms", "--max-minutes", "0.1", "--no-verbose"]
    assert main(["report", str(images), *words, "-o", str(page)]) == 0
    rows = {row["name"] for row in table(tmp_path / "fourth_files", "likelihoods")}
    assert "HistogramModel" in rows
    assert "histograms" in pofx.load(tmp_path / "fourth_files" / "histogrammodel.pofx").save(
        tmp_path / "x"
    ).read_bytes()[:4000].decode(errors="replace")


def test_a_family_that_fails_is_told_in_place(images, small, tmp_path, monkeypatch, without_long_sections):
    def fail(self, X, y=None):
        raise RuntimeError("the network went up in smoke")

    monkeypatch.setattr(pofx.family("gan"), "fit", fail)
    page = tmp_path / "page.html"
    words = ["--models", "gan", "--models", "histograms", "--max-minutes", "0.1", "--no-verbose"]
    assert main(["report", str(images), *words, "-o", str(page)]) == 0
    text = words_of(page)
    assert "GAN: no model. RuntimeError: the network went up in smoke" in text and "HistogramModel" in text


def test_ctrl_c_during_a_fit_gives_a_page_of_what_there_is(images, small, tmp_path, monkeypatch, without_long_sections):
    def interrupted(self, X, y=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(pofx.family("gan"), "fit", interrupted)
    page = tmp_path / "page.html"
    words = ["--models", "histograms", "--models", "gan", "--models", "vae", "--max-minutes", "0.1", "--no-verbose"]
    assert main(["report", str(images), *words, "-o", str(page)]) == 0
    text = words_of(page)
    assert "interrupted" in text and "HistogramModel" in text
    assert not (tmp_path / "page_files" / "vae.pofx").exists()


def test_a_section_that_fails_says_so_and_the_others_stand(images, tmp_path, monkeypatch):
    def fail(study, seconds):
        raise ValueError("no such thing")

    monkeypatch.setattr(all_sections, "samples", fail)
    page = tmp_path / "page.html"
    words = ["--models", "histograms", "--max-minutes", "0.1", "--no-verbose"]
    assert main(["report", str(images), *words, "-o", str(page)]) == 0
    text = words_of(page)
    assert "It failed. ValueError: no such thing" in text and 'id="atypical"' in text


def test_what_cannot_be_is_refused(images, tmp_path, capsys):
    page = str(tmp_path / "page.html")
    for words, said in (
        (["--models", "no_family"], "no model family"),
        (["--models", "histograms", "--models", "no_family"], "no model family"),
        (["--models", "histograms", "--models", str(tmp_path / "A.POFX")], "not both"),
        *((["--holdout", share], "--holdout is a share") for share in ("1.5", "0", "1", "inf", "nan")),
        (["--max-minutes", "inf"], "--max-minutes"),
        (["--models", str(tmp_path / "none.pofx")], "none.pofx"),
    ):
        assert main(["report", str(images), "-o", page, "--no-verbose", "--max-minutes", "0.1", *words]) != 0
        assert said in capsys.readouterr().err
    assert main(["report", str(images), "-o", str(tmp_path / "page.txt")]) != 0
    assert "should end in .html" in capsys.readouterr().err
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == "[]"


def test_what_cannot_be_is_refused_before_the_first_fit(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pofx.family("histograms"), "fit", lambda self, X, y=None: pytest.fail("it was fitted"))
    (tmp_path / "page_files").write_text("no folder")
    other, model = tmp_path / "other.npz", tmp_path / "model.pofx"
    np.savez(other, x_train=np.zeros((30, 8, 8), np.uint8), x_test=np.zeros((9, 6, 6), np.uint8))
    pofx.VAE(width=8, depth=1, latent_dim=2, max_epochs=1).fit(np.zeros((20, 4, 4), dtype=np.uint8)).save(model)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    here = str(tmp_path / "page.html")
    for words, said in (
        ([str(images), "-o", here], "page_files, the folder beside the page, cannot be written"),
        ([str(other), "-o", here], "8 x 8, and the held-out ones 6 x 6"),
        ([str(images), "--models", str(model), "-o", here], "VAE was fitted to images of 4 x 4 x 1"),
        ([str(pictures), "-o", str(pictures / "page.html")], "would lie among the images"),
    ):
        models = [] if "--models" in words else ["--models", "histograms"]
        assert main(["report", *words, *models, "--no-verbose"]) != 0
        assert said in " ".join(capsys.readouterr().err.split())


def test_a_model_is_kept_as_soon_as_it_is_fitted(images, small, tmp_path, monkeypatch):
    def ended(self, X, y=None):
        raise SystemExit(143)

    monkeypatch.setattr(pofx.family("gan"), "fit", ended)
    words = ["--models", "histograms", "--models", "gan", "--max-minutes", "0.1", "--no-verbose"]
    with pytest.raises(SystemExit):
        main(["report", str(images), *words, "-o", str(tmp_path / "page.html")])
    assert (tmp_path / "page_files" / "histogrammodel.pofx").exists()


def test_two_models_of_a_class_have_names_of_their_own(report, tmp_path, without_long_sections):
    _, folder = report
    other = tmp_path / "other.pofx"
    other.write_bytes((folder / "vae.pofx").read_bytes())
    words = [word for path in (folder / "vae.pofx", other, other) for word in ("--models", str(path))]
    page = tmp_path / "page.html"
    assert main(["report", str(folder / "images.npz"), *words, "-o", str(page), "--max-minutes", "0.1"]) == 0
    assert [row["model"] for row in table(tmp_path / "page_files", "models")] == ["VAE", "VAE_2"]
    assert (tmp_path / "page_files" / "vae_2.pofx").exists()
    assert "fitted before" in words_of(page)


def test_the_commands_of_the_page_run(report, tmp_path, monkeypatch):
    text, folder = report
    monkeypatch.chdir(folder.parent)
    commands = re.findall(r"(pofx (?:info|sample|outliers) [^<\n]*)", html.unescape(text))
    assert [command.split()[1] for command in commands] == ["info", "sample", "outliers"]
    for command in commands:
        assert main([*command.split()[1:]]) == 0


def test_a_share_comes_before_the_test_images_of_a_file(tmp_path, small, without_long_sections):
    digits = pofx.load_source("digits").images
    np.savez(tmp_path / "a.npz", x_train=digits[:100], x_test=digits[100:110])
    words = ["--models", "histograms", "--max-minutes", "0.05", "--no-verbose"]
    for holdout, n in ((["--holdout", "0.3"], 30), ([], 10)):
        assert main(["report", str(tmp_path / "a.npz"), *holdout, *words, "-o", str(tmp_path / "page.html")]) == 0
        assert len(np.load(tmp_path / "page_files" / "images.npz")["x_test"]) == n


def test_a_class_that_no_model_learned_from_does_not_say_what_is_ordinary(tmp_path, without_long_sections):
    digits = pofx.load_source("digits").images
    X_test, y_test = np.concatenate([digits[300:400], 16 - digits[300:500]]), np.repeat([0, 1], [100, 200])
    np.savez(tmp_path / "a.npz", x_train=digits[:300], y_train=np.zeros(300, int), x_test=X_test, y_test=y_test)
    words = ["--models", "histograms", "--max-minutes", "0.5", "--no-verbose"]
    assert main(["report", str(tmp_path / "a.npz"), *words, "-o", str(tmp_path / "page.html")]) == 0
    assert "Of the 100 held-out images of the classes that the models learned from up to 50" in words_of(
        tmp_path / "page.html"
    )
    rows = {row["image"]: row["flagged"] for row in table(tmp_path / "page_files", "atypical")}
    assert all(rows[f"test {i}"] == "True" for i in range(100, 300))


def test_what_it_reads_is_not_written_over(images, tmp_path, capsys):
    folder = tmp_path / "page_files"
    folder.mkdir()
    inside = folder / "images.npz"
    inside.write_bytes(images.read_bytes())
    for words in ([str(inside)], [str(folder)], [str(images), "--holdout", str(inside)]):
        assert main(["report", *words, "-o", str(tmp_path / "page.html"), "--max-minutes", "0.1"]) != 0
        assert "would be written over" in " ".join(capsys.readouterr().err.split())
    assert inside.read_bytes() == images.read_bytes()


def test_nothing_of_an_earlier_page_lies_beside_a_page(images, tmp_path, without_long_sections):
    words = ["--models", "histograms", "--max-minutes", "0.1", "--no-verbose", "-o", str(tmp_path / "page.html")]
    folder = tmp_path / "page_files"
    assert main(["report", str(images), *words]) == 0
    assert (folder / "classes.csv").exists()
    (folder / "detector_old.pofx").write_bytes(b"of other images")
    (folder / "mine.csv").write_text("a user's own")
    np.savez(tmp_path / "others.npz", x=np.load(images)["x"])  # without labels
    assert main(["report", str(tmp_path / "others.npz"), *words]) == 0
    assert not (folder / "classes.csv").exists() and not (folder / "detector_old.pofx").exists()
    assert (folder / "mine.csv").read_text() == "a user's own" and (folder / "histogrammodel.pofx").exists()


def test_held_out_images_that_are_the_others_are_refused(images, tmp_path, capsys):
    words = ["--models", "histograms", "--max-minutes", "0.1", "-o", str(tmp_path / "page.html")]
    assert main(["report", str(images), "--holdout", str(images), *words]) != 0
    assert "are among those to learn from" in " ".join(capsys.readouterr().err.split())


def test_fitted_models_are_of_these_images_and_of_one_kind(report, tmp_path, capsys):
    _, folder = report
    digits = pofx.load_source("digits").images
    np.savez(tmp_path / "flat.npz", x=digits[:60].reshape(60, 4, 16))
    other = tmp_path / "other.pofx"
    pofx.VAE(width=8, depth=1, latent_dim=2, max_epochs=1, levels=40, random_state=0).fit(digits[:50]).save(other)
    mine = str(folder / "vae.pofx")
    for source, models, told in (
        (tmp_path / "flat.npz", [mine], "was fitted to images of 8 x 8 x 1"),
        (folder / "images.npz", [mine, str(other)], "40 levels"),
    ):
        words = [word for model in models for word in ("--models", model)]
        assert main(["report", str(source), *words, "-o", str(tmp_path / "page.html")]) != 0
        assert told in " ".join(capsys.readouterr().err.split())


def test_ctrl_c_before_there_is_a_model_is_told_as_what_it_is(images, tmp_path, monkeypatch, capsys):
    def interrupted(self, X, y=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(pofx.family("gan"), "fit", interrupted)
    words = ["--models", "gan", "--max-minutes", "0.1", "--no-verbose", "-o", str(tmp_path / "page.html")]
    assert main(["report", str(images), *words]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_label_of_the_held_out_images_alone_is_none_of_the_classes(tmp_path, small, without_long_sections):
    digits = pofx.load_source("digits")
    known = np.flatnonzero(digits.labels < 2)
    X, y = digits.images[known], digits.labels[known]
    x_test, y_test = np.concatenate([X[200:320], digits.images[digits.labels == 7][:40]]), np.r_[y[200:320], [7] * 40]
    np.savez(tmp_path / "a.npz", x_train=X[:200], y_train=y[:200], x_test=x_test, y_test=y_test)
    words = ["--models", "vae", "--max-minutes", "0.1", "--no-verbose", "-o", str(tmp_path / "page.html")]
    assert main(["report", str(tmp_path / "a.npz"), *words]) == 0
    assert "It failed" not in words_of(tmp_path / "page.html")
    rows = table(tmp_path / "page_files", "classification")
    assert len(rows) == 2 and all(0 <= float(row["accuracy"]) <= 1 for row in rows)


def test_copies_are_named_up_to_a_number(tmp_path, without_long_sections):
    np.savez(tmp_path / "a.npz", x=np.zeros((60, 4, 4), np.uint8))
    words = ["--models", "histograms", "--max-minutes", "0.1", "--no-verbose", "-o", str(tmp_path / "page.html")]
    assert main(["report", str(tmp_path / "a.npz"), *words]) == 0
    assert " = 55 others" in words_of(tmp_path / "page.html")
