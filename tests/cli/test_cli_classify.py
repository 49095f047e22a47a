"""``pofx classify``."""

import numpy as np
import pytest
from cli_runs import read_csv
from PIL import Image

import pofx
from pofx.cli import main
from pofx.cli.classifier_report import judged_by_labels, only_held_out, said_of
from pofx.pages.reliability import reliability_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`known.npz`, digits with labels, and `new.npz`, others of which the last ten are inverted."""
    path = tmp_path_factory.mktemp("classify")
    digits = pofx.load_source("digits")
    order = np.random.default_rng(0).permutation(len(digits))
    X, y = digits.images[order], digits.labels[order]
    np.savez(path / "known.npz", x=X[:900], y=y[:900])
    np.savez(path / "new.npz", x=np.concatenate([X[900:960], 16 - X[960:970]]), y=y[900:970])
    np.save(path / "bare.npy", X[900:910])
    return path


@pytest.fixture(scope="module")
def classifier_path(folder):
    path = folder / "classifier.pofx"
    found = pofx.GenerativeClassifier(
        pofx.VAE(width=32, depth=1, latent_dim=4, max_epochs=15, random_state=0), random_state=0
    )
    known = np.load(folder / "known.npz")
    return found.fit(known["x"], known["y"]).save(path)


def test_the_table_has_what_the_classifier_says(folder, classifier_path, capsys):
    out = folder / "labels.csv"
    assert main(["classify", str(classifier_path), str(folder / "new.npz"), "-o", str(out)]) == 0
    rows, classifier = read_csv(out), pofx.load(classifier_path)
    new = np.load(folder / "new.npz")
    assert [row["image"] for row in rows] == [str(i) for i in range(70)]
    assert [row["class"] for row in rows] == [str(label) for label in classifier.predict(new["x"])]
    np.testing.assert_array_equal([float(row["p_value"]) for row in rows], classifier.p_values(new["x"]))
    np.testing.assert_array_equal([float(row["p(3)"]) for row in rows], classifier.predict_proba(new["x"])[:, 3])
    rejected = np.array([row["rejected"] == "True" for row in rows])
    np.testing.assert_array_equal(rejected, classifier.predict_or_reject(new["x"]) == -1)
    said = capsys.readouterr().out
    assert rejected[60:].all() and f"{rejected.sum()} are rejected" in said
    assert "By the labels of the source" in said and f"Written: {out}" in said


def test_another_rate_rejects_more(folder, classifier_path, capsys):
    def rejected(*options):
        out = folder / "rate.csv"
        assert main(["classify", str(classifier_path), str(folder / "new.npz"), "-o", str(out), *options]) == 0
        return sum(row["rejected"] == "True" for row in read_csv(out))

    assert rejected("--false-alarm-rate", "0.4") > rejected()


@pytest.fixture
def short_fits(monkeypatch):
    """Models are small and their fits short; the classifiers that were fitted."""
    small, found = {"width": 16, "depth": 1, "latent_dim": 3, "max_epochs": 3}, []
    fit, classify = pofx.VAE.fit, pofx.GenerativeClassifier.fit
    monkeypatch.setattr(pofx.VAE, "fit", lambda self, X, y=None: fit(self.set_params(**small), X, y))
    monkeypatch.setattr(pofx.GenerativeClassifier, "fit", lambda self, X, y: found.append(self) or classify(self, X, y))
    return found


def test_a_source_with_labels_is_fitted_and_saved(folder, short_fits, capsys):
    saved, picture = folder / "saved.pofx", folder / "reliability.png"
    words = ["--save", str(saved), "--reliability", str(picture), "--calibrated", "--seed", "1", "--prior", "uniform"]
    assert main(["classify", str(folder / "known.npz"), str(folder / "new.npz"), *words]) == 0
    loaded = pofx.load(saved)
    assert loaded.calibrated and loaded.prior == "uniform" and loaded.temperature_ != 1.0
    with Image.open(picture) as page:
        assert page.size[0] > 200
    capsys.readouterr()
    assert main(["info", str(saved)]) == 0
    assert "uniform prior, temperature" in capsys.readouterr().out
    # Other commands work with its model and its detector.
    assert main(["outliers", str(saved), str(folder / "new.npz")]) == 0
    assert main(["score", str(saved), str(folder / "new.npz"), "-o", str(folder / "score.csv")]) == 0


def test_of_the_images_of_the_fit_those_held_out_tell_how_many_are_right(folder, short_fits, monkeypatch, capsys):
    known, out = str(folder / "known.npz"), folder / "own.csv"
    shown = []
    monkeypatch.setattr(
        "pofx.pages.reliability.reliability_page",
        lambda p, y, title: shown.append(y) or reliability_page(p, y, title=title),
    )
    words = ["-o", str(out), "--save", str(folder / "own.pofx"), "--reliability", str(folder / "own.png")]
    assert main(["classify", known, known, *words, "--seed", "1", "--no-verbose"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    (fitted,) = short_fits
    rows, y = read_csv(out), np.load(known)["y"]
    right = np.array([row["class"] == str(label) for row, label in zip(rows, y, strict=True)])
    assert len(rows) == 900 and len(shown[0]) == 180
    assert f"{100 * right[fitted.held_out_].mean():.2f} % of the classes of the 180 held-out images are right" in said
    assert "Beware" not in said
    # A file does not know which were held out.
    assert main(["classify", str(folder / "own.pofx"), known, "--no-verbose"]) == 0
    assert "Beware: the model was fitted to most of these images" in " ".join(capsys.readouterr().out.split())
    assert main(["classify", str(folder / "own.pofx"), str(folder / "new.npz"), "--no-verbose"]) == 0
    assert "Beware" not in capsys.readouterr().out


def test_a_conditional_model_needs_labelled_images_and_no_others(folder, capsys):
    model = pofx.VAE(conditional=True, width=16, depth=1, latent_dim=3, max_epochs=2, random_state=0)
    digits = pofx.load_source("digits")
    path = model.fit(digits.images[1000:], digits.labels[1000:]).save(folder / "model.pofx")
    new = str(folder / "new.npz")
    assert main(["classify", str(path), new]) == 1
    assert "--labelled SOURCE" in capsys.readouterr().err
    assert main(["classify", str(path), new, "--labelled", str(folder / "known.npz")]) == 0
    assert main(["classify", str(path), new, "--labelled", str(folder / "known.npz"), "--max-minutes", "1"]) == 1
    assert "leave out --max-minutes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{bare}", "{new}"], "has no labels"),
        (["{classifier}", "{bare}", "--reliability", "x.png"], "--reliability needs labels"),
        (["{classifier}", "{new}", "--prior", "uniform"], "leave out --prior"),
        (["{known}", "{new}", "--labelled", "{known}"], "leave out --labelled"),
        (["{known}", "{new}", "--model", "gan"], "class_log_probs"),
    ],
)
def test_what_does_not_go_together_is_refused(words, message, folder, classifier_path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    places = {"bare": folder / "bare.npy", "new": folder / "new.npz", "known": folder / "known.npz"}
    assert main(["classify", *(word.format(**places, classifier=classifier_path) for word in words)]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_only_labels_that_the_classifier_knows_are_counted():
    classes = np.array([3, 5])
    assert judged_by_labels(np.array(["5", "9", "3"]), classes).tolist() == [1, -1, 0]
    assert judged_by_labels(np.array([9]), classes) is None and judged_by_labels(None, classes) is None
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    rate = pofx.applications.conformal.false_alarm_rate(99, 0.05)
    lines = said_of(classes, p, np.array([False, True, False]), rate, np.array([0, -1, 1]))
    assert lines[0].startswith("Of 3 images 1 are rejected") and lines[1] == "The others: 3: 2."
    assert lines[2].startswith("By the labels of the source, 50.00 % of the classes are right;")
    assert only_held_out(np.array([0, 1, 2]), np.array([1])).tolist() == [-1, 1, -1]
    assert only_held_out(np.array([0, -1, 2]), np.array([1])) is None and only_held_out(None, np.array([1])) is None


def test_the_diagram_has_a_bar_as_high_as_its_images_are_right():
    p = np.tile([0.7, 0.3], (100, 1))
    page = np.asarray(reliability_page(p, np.repeat([0, 1], 50), title="t"))
    blue = (page == (70, 110, 180)).all(axis=2).sum()
    assert blue == pytest.approx(150 * 18, rel=0.02)  # half of 300 pixels, one bar of 18
