"""The command line as a person at a terminal finds it."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pofx
from pofx.cli import COMMANDS, main
from pofx.cli.fit import parameter_help, parse_shape

FAST = ["--max-epochs", "2", "--width", "16", "--depth", "1", "--latent-dim", "3", "--seed", "0", "--no-verbose"]


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "digits.pofx"
    assert main(["fit", "digits", "-o", str(path), *FAST]) == 0
    return path


def test_fitting_prints_the_floors_beside_the_model(tmp_path, capsys):
    assert main(["fit", "digits", "-o", str(tmp_path / "m.pofx"), *FAST]) == 0
    out = capsys.readouterr().out
    for text in ("8 x 8, 17 levels", "VAE", "lower bound", "PCA + Gaussian mixture", "independent pixels", "uniform"):
        assert text in out
    assert pofx.load(tmp_path / "m.pofx").get_params()["latent_dim"] == 3


def test_scores_go_to_a_table(model_path, tmp_path, capsys):
    assert main(["score", str(model_path), "digits", "-o", str(tmp_path / "scores.csv")]) == 0
    assert "uniform law" in capsys.readouterr().out
    rows = read_csv(tmp_path / "scores.csv")
    model, X = pofx.load(model_path), pofx.load_source("digits").images
    assert [float(row["log_p_nats"]) for row in rows] == model.score_samples(X).tolist()
    assert [float(row["bits_per_dim"]) for row in rows] == model.bits_per_dim(X).tolist()
    assert {row["kind"] for row in rows} == {"lower bound"}


def test_names_of_files_are_kept(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        Image.fromarray(rng.integers(0, 256, size=(6, 5), dtype=np.uint8)).save(folder / f"photo{index:02}.png")
    assert main(["fit", str(folder), "-o", str(tmp_path / "m.pofx"), *FAST]) == 0
    assert main(["score", str(tmp_path / "m.pofx"), str(folder), "-o", str(tmp_path / "scores.csv")]) == 0
    rows = read_csv(tmp_path / "scores.csv")
    assert [row["image"] for row in rows] == [f"photo{index:02}.png" for index in range(12)]


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
    assert str(path) in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 50


def test_info_tells_where_a_model_comes_from(model_path, capsys):
    assert main(["info", str(model_path)]) == 0
    out = capsys.readouterr().out
    for text in ("lower bound", "8 x 8, 17 levels", "latent_dim=3", "data fingerprint", "seed"):
        assert text in out


def test_folders_give_classes_their_names(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(8):
            picture = rng.integers(0, 256, size=(6, 5), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "pets" / name / f"[red]{index}.png")
    path = tmp_path / "pets.pofx"
    assert main(["fit", str(tmp_path / "pets"), "-o", str(path), "--conditional", *FAST]) == 0
    assert main(["info", str(path)]) == 0
    assert "cat, dog" in capsys.readouterr().out
    assert main(["sample", str(path), "--label", "cat", "-o", str(tmp_path / "cats.png")]) == 0
    assert main(["score", str(path), str(tmp_path / "pets")]) == 0
    assert "[red]" in capsys.readouterr().out  # a name, not a colour


def test_a_place_that_cannot_be_written_is_refused_before_the_work(capsys):
    assert main(["fit", "digits", "-o", "/proc/model.pofx"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_samples_of_one_class(tmp_path, capsys):
    path = tmp_path / "c.pofx"
    assert main(["fit", "digits", "-o", str(path), "--conditional", *FAST]) == 0
    assert main(["sample", str(path), "--label", "3", "-n", "4", "-o", str(tmp_path / "threes.png")]) == 0
    assert main(["sample", str(path), "--label", "12", "-n", "4", "-o", str(tmp_path / "x.png")]) == 1
    assert "12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["fit", "digitz", "-o", "OUT.pofx"], 1, "digits"),
        (["fit", "digits", "-o", "OUT.txt"], 1, ".pofx"),
        (["fit", "digits", "-o", "OUT.pofx", "--latnt-dim", "3"], 2, "--latent-dim"),
        (["fit", "digits", "-o", "OUT.pofx", "--latent-dim", "0"], 1, "latent_dim"),
        (["fit", "digits", "-o", "OUT.pofx", "--image-shape", "9"], 1, "28x28"),
        (["fit", "digits", "-o", "OUT.pofx", "--model", "vea"], 1, "vae"),
        (["fit", "digits"], 2, "output"),
        (["score", "MISSING.pofx", "digits"], 1, "MISSING.pofx"),
        (["sampel"], 2, "sample"),
        (["sample", "PNG", "-o", "OUT.png"], 1, "not a pofx model file"),
        (["sample", "MODEL", "-o", "OUT.png", "-n", "0"], 1, "n_samples"),
        (["sample", "MODEL", "-o", "OUT.png", "--label", "3"], 1, "conditional"),
        (["sample", "MODEL", "-o", "OUT.png", "--device", "abacus"], 1, "abacus"),
    ],
)
def test_errors_are_one_readable_line(arguments, status, message, model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (3, 3)).save("PNG", format="png")
    arguments = [str(model_path) if word == "MODEL" else word for word in arguments]
    assert main(arguments) == status
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    if status == 1:
        assert err.startswith("pofx: ")


def test_a_traceback_can_be_had(tmp_path):
    with pytest.raises(FileNotFoundError):
        main(["score", str(tmp_path / "missing.pofx"), "digits", "--traceback"])


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    assert "Usage: pofx" in capsys.readouterr().out


def test_the_help_of_fit_has_every_parameter_with_its_text(capsys):
    main(["fit", "--help"])
    out = capsys.readouterr().out
    for name in set(pofx.VAE().get_params()) - {"random_state"}:
        assert f"--{name.replace('_', '-')}" in out
    assert "--seed" in out
    assert parameter_help(pofx.VAE)["beta"].startswith("weight of the KL term")


@pytest.mark.parametrize(("text", "shape"), [("28x28", (28, 28)), ("32x32x3", (32, 32, 3))])
def test_shapes_are_written_with_an_x(text, shape):
    assert parse_shape(text) == shape


def test_importing_is_quick():
    """`import pofx` loads no torch; `pofx --help` neither torch nor scikit-learn."""
    check = "import pofx, sys; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pofx", "--help"], capture_output=True, text=True, check=True
    )
    assert "torch" not in done.stderr
    assert "sklearn" not in done.stderr


def test_the_demo_leaves_its_results(tmp_path, capsys, monkeypatch):
    """With a training cut short: what is tested is that everything is there."""
    import pofx.families.variational.estimator as estimator

    full = estimator.VAE.fit
    monkeypatch.setattr(estimator.VAE, "fit", lambda self, X: full(self.set_params(max_epochs=2, verbose=False), X))
    assert main(["demo", "-o", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for text in ("VAE", "independent pixels", "raw pixels", "PCA", "autoencoder"):
        assert text in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "digits.pofx", "samples.png", "reconstructions.png", "likely.png",
    }  # fmt: skip
