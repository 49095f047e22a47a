"""``pofx outliers``."""

from pathlib import Path

import numpy as np
import pytest
from cli_runs import FAST, read_csv, write_pictures
from PIL import Image

import pofx
from pofx.applications.conformal import benjamini_hochberg, false_alarm_rate
from pofx.applications.outlier_answers import Assessment
from pofx.applications.outlier_file import to_attachment
from pofx.cli import main
from pofx.cli.outlier_detector import lowest_p
from pofx.cli.outlier_report import said_of
from pofx.files.colours import diverging
from pofx.pages.gallery import OVERVIEW, from_most_atypical

FOREIGN = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`ordinary.npz`, digits with labels, and `new.npz`, others of which the last six are inverted."""
    path = tmp_path_factory.mktemp("outliers")
    digits = pofx.load_source("digits")
    order = np.random.default_rng(0).permutation(len(digits))
    X, y = digits.images[order], digits.labels[order]
    np.savez(path / "ordinary.npz", x=X[:300], y=y[:300])
    np.savez(path / "new.npz", x=np.concatenate([X[300:360], 16 - X[360 : 360 + FOREIGN]]), y=y[300 : 360 + FOREIGN])
    np.save(path / "others.npy", X[360 + FOREIGN :])
    return path


@pytest.fixture(scope="module")
def model_path(folder):
    """A model of the other digits, hardly trained."""
    path = folder / "model.pofx"
    assert main(["fit", str(folder / "others.npy"), "-o", str(path), *FAST]) == 0
    return path


@pytest.fixture(scope="module")
def new(folder):
    return str(folder / "new.npz")


@pytest.fixture(scope="module")
def ordinary(folder):
    return str(folder / "ordinary.npz")


@pytest.fixture(scope="module")
def detector_path(folder, model_path, ordinary, new):
    """A detector around a model of digits that is hardly trained."""
    path = folder / "detector.pofx"
    assert main(["outliers", str(model_path), new, "--ordinary", ordinary, "--seed", "0", "--save", str(path)]) == 0
    return path


@pytest.fixture
def short_fits(monkeypatch):
    """The models that are fitted, all of them small and hardly trained."""
    fitted = []

    def short(cls, **small):
        full = cls.fit

        def fit(self, X, y=None):
            fitted.append((self.get_params(), len(X)))
            return full(self.set_params(max_epochs=1, **small), X, y)

        monkeypatch.setattr(cls, "fit", fit)

    short(pofx.VAE, width=16, depth=1, latent_dim=3)
    short(pofx.PixelCNN, n_layers=1, n_channels=6)
    return fitted


@pytest.fixture
def sheets(monkeypatch):
    """The (images, options) of every sheet that is drawn."""
    from pofx.files import pictures

    drawn = []
    monkeypatch.setattr(
        "pofx.pages.surprise.sheet",
        lambda images, **options: drawn.append((images, options)) or pictures.sheet(images, **options),
    )
    return drawn


def test_a_detector_around_a_model(model_path, ordinary, new, tmp_path, capsys):
    table, saved = tmp_path / "report.csv", tmp_path / "detector"
    command = ["outliers", str(model_path), new, "--ordinary", ordinary, "-o", str(table), "--save", str(saved)]
    assert main([*command, "--seed", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    expected = pofx.OutlierDetector(pofx.load(model_path), random_state=3).fit(pofx.load_source(ordinary).images)
    found = expected.assess(pofx.load_source(new).images)
    rows = read_csv(table)
    assert list(rows[0]) == ["image", "p_value", "score", "flagged", "error"]
    assert [row["image"] for row in rows] == [str(index) for index in range(60 + FOREIGN)]
    assert [float(row["p_value"]) for row in rows] == found.p_values.tolist()
    assert [float(row["score"]) for row in rows] == found.scores.tolist()
    assert [row["flagged"] for row in rows] == [str(flag) for flag in found.is_outlier]
    assert found.is_outlier[-FOREIGN:].all()
    lines = captured.out.splitlines()
    assert lines[0].startswith(f"Flagged: {found.is_outlier.sum()} of 66 images, at a false-alarm rate of 5 %. ")
    assert f"about {66 * expected.report_rate().expected:.3g} would be flagged by chance" in lines[0]
    sentence = str(expected.report_rate())
    assert lines[1] == f"{sentence[0].upper()}{sentence[1:]}." and "(95 %)" in sentence
    least = int(np.lexsort((found.scores, found.p_values))[0])
    assert lines[2].startswith(f"most atypical: {least} (p {found.p_values[least]:.3g}), ")
    assert lines[3:] == [f"Written: {table}", f"Written: {saved}.pofx"]
    assert isinstance(pofx.load(f"{saved}.pofx"), pofx.OutlierDetector)


def test_a_detector_file_judges_as_it_did(detector_path, new, tmp_path, monkeypatch):
    calls = []
    assess = pofx.OutlierDetector.assess
    monkeypatch.setattr(pofx.OutlierDetector, "assess", lambda *given: calls.append(1) or assess(*given))
    assert main(["outliers", str(detector_path), new, "-o", str(tmp_path / "r.csv")]) == 0
    assert len(calls) == 1
    expected = pofx.load(detector_path).p_values(pofx.load_source(new).images)
    assert [float(row["p_value"]) for row in read_csv(tmp_path / "r.csv")] == expected.tolist()


def test_another_false_alarm_rate_of_a_detector_file(detector_path, new, tmp_path, capsys):
    p = pofx.load(detector_path).p_values(pofx.load_source(new).images)
    sizes = []
    for rate in (0.01, 0.2):
        assert (
            main(["outliers", str(detector_path), new, "-o", str(tmp_path / "r.csv"), "--false-alarm-rate", str(rate)])
            == 0
        )
        flagged = [row["flagged"] == "True" for row in read_csv(tmp_path / "r.csv")]
        assert flagged == (p <= rate).tolist()
        sizes.append(sum(flagged))
        out = capsys.readouterr().out
        assert f"at a false-alarm rate of {100 * rate:g} %" in out
        n_calibration = pofx.load(detector_path).report_rate().n_calibration
        assert str(false_alarm_rate(n_calibration, rate))[3:] in out
    assert sizes[0] < sizes[1]


def test_the_false_discovery_rate(detector_path, new, tmp_path, capsys):
    command = ["outliers", str(detector_path), new, "-o", str(tmp_path / "r.csv"), "--false-discovery-rate", "0.2"]
    assert main(command) == 0
    p = pofx.load(detector_path).p_values(pofx.load_source(new).images)
    expected = benjamini_hochberg(p, 0.2)
    assert [row["flagged"] == "True" for row in read_csv(tmp_path / "r.csv")] == expected.tolist()
    n_flagged = expected.sum()
    assert n_flagged >= FOREIGN
    assert (
        f"Flagged: {n_flagged} of 66 images, at a false discovery rate of 20 %: on average at most "
        f"{0.2 * n_flagged:.3g} of so many are ordinary.\n" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("n", "lowest_p", "said"),
    [
        (10, 0.001, None),
        (100, 0.01, "no p-value is below 0.01: fewer than 10 outliers among them cannot be found at this rate."),
        (100, 0.5, "no p-value is below 0.5: nothing can be found at this rate."),
    ],
)
def test_too_few_calibration_images_for_a_false_discovery_rate(n, lowest_p, said):
    rate = false_alarm_rate(99, 0.05)
    lines = said_of(rate, 0.1, n_flagged=0, n=n, lowest_p=lowest_p, per_class=False)
    assert lines[0] == f"Flagged: 0 of {n} images, at a false discovery rate of 10 %."
    assert lines[1:] == ([] if said is None else [f"With these calibration images {said}"])


def test_what_is_said_of_one_image_and_of_classes():
    rate = false_alarm_rate(30, 0.05)
    lines = said_of(rate, None, n_flagged=1, n=1, lowest_p=0.01, per_class=True)
    assert (
        lines[0].startswith("Flagged: 1 of 1 image, at a false-alarm rate of 5 %.") and "about 0.05 would" in lines[0]
    )
    assert lines[1] == f"In the class with the fewest calibration images, {rate}."


def test_the_gallery(detector_path, new, tmp_path, capsys, sheets, monkeypatch):
    limits = []
    monkeypatch.setattr("pofx.pages.gallery.round_limit", lambda values: limits.append(values) or 3.0)
    monkeypatch.setattr("pofx.pages.gallery.MAPPED_AT_ONCE", 4)
    gallery = tmp_path / "gallery"
    assert main(["outliers", str(detector_path), new, "--gallery", str(gallery)]) == 0
    detector, X = pofx.load(detector_path), pofx.load_source(new).images
    found = detector.assess(X)
    order = np.lexsort((found.scores, found.p_values))
    n_flagged = int(found.is_outlier.sum())
    assert n_flagged > 4
    assert capsys.readouterr().out.endswith(f"Written: {gallery} ({n_flagged + 1} pictures)\n")
    digits = len(str(n_flagged))
    names = [f"{rank + 1:0{digits}}_{index}.png" for rank, index in enumerate(order[:n_flagged])]
    assert sorted(path.name for path in gallery.iterdir()) == sorted([OVERVIEW, *names])
    (images, page), *singles = sheets
    assert page["n_columns"] == 10 and page["row_labels"] == ["image", "surprise"]
    assert page["captions"] == [*map(str, order[:10]), *(f"p {p:.3g}" for p in found.p_values[order[:10]])]
    assert page["title"] == f"The most atypical images of {new}" and "deepest at 3 nats" in page["note"]
    maps = detector.explain(X[order])
    assert np.array_equal(images[10:], diverging(maps[:10], 3.0))
    assert all(np.array_equal(values, maps[:10]) for values in limits)
    # Colours mean the same on all pages.
    assert len(singles) == n_flagged
    for k, (pictures, words) in enumerate(singles):
        assert np.array_equal(pictures[1], diverging(maps[k], 3.0))
        assert words["captions"] == [str(order[k]), f"p {found.p_values[order[k]]:.3g}"] and words["note"] is None
        if k < 10:
            assert np.array_equal(pictures[0], images[k])


def test_the_most_atypical_come_first():
    found = Assessment(np.array([3.0, 1.0, 0.0, 2.0]), np.array([0.1, 0.5, 0.5, 0.1]), np.zeros(4, dtype=bool))
    assert from_most_atypical(found).tolist() == [3, 0, 2, 1]


def test_the_overview_is_there_where_nothing_is_flagged(detector_path, new, tmp_path, capsys):
    gallery = tmp_path / "gallery"
    assert main(["outliers", str(detector_path), new, "--gallery", str(gallery), "--false-alarm-rate", "0.0001"]) == 0
    assert [path.name for path in gallery.iterdir()] == [OVERVIEW]
    out = capsys.readouterr().out
    assert "Flagged: 0 of 66 images" in out and "no image can be flagged at a false-alarm rate of 0.01 %" in out
    assert out.endswith("(1 picture)\n")


def test_a_gallery_of_a_model_without_maps(detector_path, new, tmp_path, monkeypatch, sheets):
    monkeypatch.delattr("pofx.families.variational.scores.BoundScores.surprise_map")
    assert main(["outliers", str(detector_path), new, "--gallery", str(tmp_path / "gallery")]) == 0
    images, page = sheets[0]
    assert images.shape == (10, 8, 8, 3) and page["row_labels"] == ["image"]
    assert all("\np 0.0" in caption for caption in page["captions"]) and "deepest" not in page["note"]


def test_a_folder_that_holds_something_is_no_gallery(detector_path, new, tmp_path, capsys):
    (tmp_path / "note.txt").touch()
    assert main(["outliers", str(detector_path), new, "--gallery", str(tmp_path)]) == 1
    assert "is not empty: --gallery needs a folder of its own" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["vae", "pixelcnn"])
def test_a_detector_fitted_to_a_source(model, ordinary, new, short_fits, tmp_path, capsys):
    command = ["outliers", ordinary, new, "--model", model, "--seed", "7", "--max-minutes", "5", "--no-verbose"]
    assert main([*command, "--false-alarm-rate", "0.1", "--save", str(tmp_path / "d.pofx")]) == 0
    ((parameters, n_training),) = short_fits
    assert n_training == 180  # three parts in five
    assert parameters["random_state"] == 7 and parameters["max_minutes"] == 5 and not parameters["verbose"]
    loaded = pofx.load(tmp_path / "d.pofx")
    assert isinstance(loaded.model_, pofx.registry.family(model)) and loaded.false_alarm_rate == 0.1
    out = capsys.readouterr().out
    assert "of 66 images, at a false-alarm rate of 10 %" in out and "these very images" not in out


def test_the_levels_are_those_of_the_source(ordinary, short_fits, tmp_path):
    packed = str(tmp_path / "x.packed")
    assert main(["prepare", ordinary, "-o", packed]) == 0
    for source in (packed, ordinary):
        assert main(["outliers", source, source, "--no-verbose"]) == 0
    assert [parameters["levels"] for parameters, _ in short_fits] == [17, None]


def test_images_that_the_detector_was_fitted_to(ordinary, short_fits, capsys):
    assert main(["outliers", ordinary, ordinary, "--no-verbose"]) == 0
    assert "The detector was fitted to these very images, and flags fewer" in capsys.readouterr().out


def test_the_test_images_of_the_same_file_are_new(short_fits, tmp_path, capsys):
    X = pofx.load_source("digits").images
    np.savez(tmp_path / "both.npz", x_train=X[:200], x_test=X[200:230])
    both = str(tmp_path / "both.npz")
    assert main(["outliers", both, both, "--split", "test", "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "of 30 images" in out and "these very images" not in out


def test_folds_calibrate_with_all_images(ordinary, new, short_fits, tmp_path, capsys, monkeypatch):
    saved = tmp_path / "folds.pofx"
    command = ["outliers", ordinary, new, "--folds", "3", "--score", "likelihood_ratio", "--no-verbose"]
    assert main([*command, "--save", str(saved)]) == 0
    assert len(short_fits) == 6  # a model and one to compare with, for each fold
    assert "these 300 calibration images" in capsys.readouterr().out
    # Every model in the file is set to work where and as loudly as was said.
    loaded = pofx.load(saved)
    monkeypatch.setattr(pofx, "load", lambda path: loaded)
    assert main(["outliers", str(saved), new, "--device", "cpu", "--no-verbose"]) == 0
    capsys.readouterr()
    assert main(["outliers", str(saved), new, "--false-alarm-rate", "0.1", "--device", "cpu", "--no-verbose"]) == 0
    assert "over several folds only 20 % is guaranteed" in capsys.readouterr().out
    models = [loaded.model_, *to_attachment(loaded).models.values()]
    assert [(model.device, model.verbose) for model in models] == [("cpu", False)] * 6


def test_calibration_within_each_class(model_path, ordinary, new, tmp_path, capsys):
    command = ["outliers", str(model_path), new, "--ordinary", ordinary, "--calibration", "per_class", "--seed", "0"]
    command += ["--score", "log_prob", "--false-alarm-rate", "0.2", "-o", str(tmp_path / "r.csv")]
    assert main([*command, "--gallery", str(tmp_path / "gallery")]) == 0
    assert "In the class with the fewest calibration images, " in capsys.readouterr().out
    images, labels = (getattr(pofx.load_source(ordinary), name) for name in ("images", "labels"))
    detector = pofx.OutlierDetector(
        pofx.load(model_path), "log_prob", calibration="per_class", false_alarm_rate=0.2, random_state=0
    ).fit(images, labels)
    collection = pofx.load_source(new)
    expected = detector.p_values(collection.images, collection.labels)
    assert [float(row["p_value"]) for row in read_csv(tmp_path / "r.csv")] == expected.tolist()
    assert not np.array_equal(expected, detector.p_values(collection.images))
    assert detector.p_values(16 - images, labels).min() == lowest_p(detector)


def test_classes_need_labels(model_path, tmp_path, capsys):
    np.save(tmp_path / "x.npy", pofx.load_source("digits").images[:100])
    source = str(tmp_path / "x.npy")
    assert main(["outliers", str(model_path), source, "--ordinary", source, "--calibration", "per_class"]) == 1
    assert "--calibration per_class needs labels, and" in capsys.readouterr().err


@pytest.mark.parametrize("tile", ["8", "8x8", "model"])
def test_tiles_of_larger_images(tile, model_path, tmp_path, capsys, sheets):
    X = pofx.load_source("digits").images
    large = X[:600].reshape(150, 2, 2, 8, 8).transpose(0, 1, 3, 2, 4).reshape(150, 16, 16)
    np.save(tmp_path / "ordinary.npy", large[:120])
    np.save(tmp_path / "new.npy", large[120:])
    saved, gallery, table = tmp_path / "d.pofx", tmp_path / "gallery", tmp_path / "r.csv"
    command = ["outliers", str(model_path), str(tmp_path / "new.npy"), "--ordinary", str(tmp_path / "ordinary.npy")]
    command += ["--seed", "0"]
    assert main([*command, "--tile", tile, "--save", str(saved), "--gallery", str(gallery), "-o", str(table)]) == 0
    assert sheets[0][0].shape == (20, 16, 16, 3)
    expected = pofx.OutlierDetector(pofx.load(model_path), tile=8, random_state=0).fit(large[:120])
    assert [float(row["p_value"]) for row in read_csv(table)] == expected.p_values(large[120:]).tolist()
    assert pofx.load(saved).explain(large[120:]).shape == (30, 16, 16)
    assert main(["outliers", str(saved), str(tmp_path / "new.npy")]) == 0
    capsys.readouterr()
    assert main(["info", str(saved)]) == 0
    assert "16 x 16, by tiles of the size below" in capsys.readouterr().out
    assert main(["outliers", str(saved), "digits"]) == 1
    assert "64 features" in capsys.readouterr().err


def test_files_must_have_the_size_of_the_images_and_not_of_the_tiles(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "other", [f"{index}.png" for index in range(60)], (12, 10))
    write_pictures(tmp_path / "new", ["a.png"], (12, 10))
    write_pictures(tmp_path / "new", ["b.png"], (6, 5))
    saved, new = str(tmp_path / "d.pofx"), str(tmp_path / "new")
    command = ["outliers", str(pets_model), new, "--ordinary", str(tmp_path / "other"), "--tile", "model"]
    assert main([*command, "--errors", "skip", "--save", saved]) == 0
    assert "of 1 image, at" in capsys.readouterr().out
    assert main(["outliers", saved, new]) == 1
    err = capsys.readouterr().err
    assert "b.png" in err and "6x5" in err
    assert main(["outliers", saved, new, "--errors", "skip"]) == 0
    assert "Left out: 1 file" in capsys.readouterr().out


def test_tiles_of_a_model_that_is_fitted(new, ordinary, short_fits, capsys):
    assert main(["outliers", ordinary, new, "--tile", "4", "--no-verbose"]) == 0
    ((_, n_tiles),) = short_fits
    assert n_tiles == 180 * 9
    assert main(["outliers", ordinary, new, "--tile", "model"]) == 1
    assert "--tile model needs the file of a fitted model" in capsys.readouterr().err


def test_names_of_files_and_files_left_out(pets, pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "other", [f"dog/{index}.png" for index in range(60)])
    write_pictures(tmp_path / "new", ["a [red].png", "sub/b.png", "ä.b.png"])
    write_pictures(tmp_path / "new", ["c.png"], shape=(9, 9))
    table, gallery = tmp_path / "r.csv", tmp_path / "gallery"
    command = ["outliers", str(pets_model), str(tmp_path / "new"), "--ordinary", str(tmp_path / "other")]
    command += ["-o", str(table), "--gallery", str(gallery), "--false-alarm-rate", "0.99"]
    assert main(command) == 1
    err = capsys.readouterr().err
    assert "c.png" in err and "9x9" in err
    (tmp_path / "gallery").rmdir()
    assert main([*command, "--errors", "skip"]) == 0
    out = capsys.readouterr().out
    assert "Left out: 1 file" in out and "a [red].png (p " in out
    rows = read_csv(table)
    assert [row["image"] for row in rows] == ["a [red].png", "sub/b.png", "ä.b.png", "c.png"]
    assert "9x9" in rows[3]["error"] and {rows[3][name] for name in ("p_value", "score", "flagged")} == {""}
    written = {path.name[2:] for path in gallery.iterdir() if path.name != OVERVIEW}
    assert written <= {"a_red_.png", "sub_b.png", "ä.b.png"} and written


def test_colour_images(colour_pixelcnn, tmp_path, sheets):
    write_pictures(tmp_path / "other", [f"{index}.png" for index in range(60)], (4, 6, 3))
    birds = str(colour_pixelcnn.with_suffix(""))
    command = ["outliers", str(colour_pixelcnn), birds, "--ordinary", str(tmp_path / "other")]
    assert main([*command, "--gallery", str(tmp_path / "gallery")]) == 0
    assert sheets[0][0].shape == (20, 4, 6, 3)
    with Image.open(tmp_path / "gallery" / OVERVIEW) as page:
        assert page.format == "PNG"


def test_rows_of_numbers_are_images_too(tmp_path, short_fits, sheets):
    X = pofx.load_source("digits").images.reshape(-1, 64)
    np.save(tmp_path / "x.npy", X[:300])
    np.save(tmp_path / "new.npy", X[300:330])
    command = ["outliers", str(tmp_path / "x.npy"), str(tmp_path / "new.npy"), "--no-verbose"]
    assert main([*command, "--gallery", str(tmp_path / "gallery")]) == 0
    assert sheets[0][0].shape == (20, 8, 8, 3)


def test_too_few_images_are_told_in_words(model_path, ordinary, new, tmp_path, capsys):
    np.save(tmp_path / "x.npy", pofx.load_source(ordinary).images[:20])
    assert main(["outliers", str(model_path), new, "--ordinary", str(tmp_path / "x.npy")]) == 0
    err = capsys.readouterr().err
    assert err.startswith("pofx: with 10 calibration images no p-value is as low as") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MODEL", "NEW"], "is a model and no detector yet: name ordinary images"),
        (["MODEL", "NEW", "--ordinary", "digits"], "the images that the VAE was fitted to"),
        (
            ["MODEL", "NEW", "--ordinary", "ORDINARY", "--model", "vae", "--max-minutes", "1"],
            "leave out --model, --max-min",
        ),
        (["ORDINARY", "NEW", "--ordinary", "digits"], "leave out --ordinary"),
        (["ORDINARY", "NEW", "--model", "vea"], "Did you mean 'vae'?"),
        (["ORDINARY", "NEW", "--model", "gan", "--score", "log_prob"], "GAN has no score_samples"),
        (["ORDINARY", "NEW", "--tile", "4by4"], "--tile is written 32 (a square), 32x48 (height x width) or model"),
        (["DETECTOR", "NEW", "--score", "log_prob", "--seed", "0"], "leave out --score, --seed"),
        (["DETECTOR", "NEW", "--save", "again.pofx"], "leave out --save"),
        (["DETECTOR", "NEW", "--tile", "none", "--max-minutes", "3"], "leave out --max-minutes, --tile"),
        (["DETECTOR", "NEW", "--false-alarm-rate", "0.1", "--false-discovery-rate", "0.1"], "choose one"),
        (["DETECTOR", "NEW", "-o", "report.png"], "should end in .csv"),
        (["DETECTOR", "nowhere"], "nowhere"),
        (["MISSING.pofx", "NEW"], "MISSING.pofx does not exist"),
    ],
)
def test_errors(arguments, message, detector_path, model_path, ordinary, new, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"MODEL": str(model_path), "DETECTOR": str(detector_path), "ORDINARY": ordinary, "NEW": new}
    assert main(["outliers", *(names.get(word, word) for word in arguments)]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.startswith("pofx: ") and captured.out == ""
    assert not Path("again.pofx").exists()


@pytest.mark.parametrize("options", [["--false-alarm-rate", "1"], ["--folds", "1"], ["--score", "entropy"]])
def test_values_that_no_option_takes(options, detector_path, new, capsys):
    assert main(["outliers", str(detector_path), new, *options]) == 2
    assert options[0] in capsys.readouterr().err


def test_info_tells_what_a_detector_is(detector_path, model_path, capsys):
    assert main(["info", str(detector_path)]) == 0
    out = capsys.readouterr().out
    rate = pofx.load(detector_path).report_rate()
    assert "score typicality, false-alarm rate 5 %" in out and str(rate) in out
    assert "VAE (density: lower bound)" in out and "judges images of" not in out
    assert main(["info", str(detector_path), "--config"]) == 0
    of_detector = capsys.readouterr().out
    assert main(["info", str(model_path), "--config"]) == 0
    assert of_detector == capsys.readouterr().out


def test_other_commands_take_the_model_of_a_detector(detector_path, model_path, new, tmp_path):
    tables = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, table in zip([detector_path, model_path], tables, strict=True):
        assert main(["score", str(path), new, "-o", str(table)]) == 0
    assert tables[0].read_text() == tables[1].read_text()
    assert main(["sample", str(detector_path), "-n", "4", "--seed", "0", "-o", str(tmp_path / "s.png")]) == 0
