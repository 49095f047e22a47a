"""``pofx complete``."""

import numpy as np
import pytest
from cli_runs import write_pictures
from PIL import Image

import pofx
from pofx.cli import main
from pofx.files.pictures import sheet
from pofx.pages.completions import UNKNOWN, comes_first, completion_page

EXACT, APPROXIMATE, AHEAD = "Exact draws", "Sequential Monte Carlo with 5 particles", "(one particle)"


@pytest.fixture
def command(pixelcnn_path):
    return ["complete", str(pixelcnn_path), str(pixelcnn_path.with_name("digits.npz"))]


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ([], EXACT),
        (["--known", "top", "--fraction", "0.25"], EXACT),
        (["--known", "left", "--n-particles", "5"], APPROXIMATE),
        (["--known", "centre", "--n-particles", "1"], AHEAD),
        (["--known", "bottom"], "Sequential Monte Carlo with 16 particles"),
    ],
)
def test_the_output_says_what_kind_of_draws_they_are(options, note, command, tmp_path, capsys):
    path = tmp_path / "c.png"
    assert main([*command, "-o", str(path), "-n", "3", "--seed", "0", *options]) == 0
    captured = capsys.readouterr()
    first, *rest = captured.out.splitlines()
    assert note in first and rest == [f"Written: {path}"] and captured.err == ""
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_the_arrays_are_what_the_model_draws(command, pixelcnn_path, tmp_path):
    path = tmp_path / "c.npz"
    options = ["-n", "4", "--n-completions", "3", "--known", "right", "--fraction", "0.3", "--n-particles", "5"]
    assert main([*command, *options, "--method", "cached", "--seed", "2", "--npz", str(path)]) == 0
    X = pofx.load_source("digits").images[:200]
    with np.load(path) as arrays:
        assert set(arrays.files) == {"x", "index", "known"}
        x, index, known = arrays["x"], arrays["index"], arrays["known"]
    assert x.shape == (12, 8, 8) and known.shape == (8, 8) and known[:, 6:].all() and known.sum() == 16
    assert (index == np.tile(index[:4], 3)).all() and len(set(index)) == 4
    assert (x[:, known] == X[index][:, known]).all()
    model = pofx.load(pixelcnn_path)
    np.testing.assert_array_equal(x, model.complete(X[index], known, method="cached", n_particles=5, random_state=2))
    assert len(pofx.load_source(path)) == 12


def test_the_most_central_of_several_draws(command, pixelcnn_path, tmp_path, capsys):
    path = tmp_path / "c.npz"
    words = [
        "-n",
        "3",
        "--n-completions",
        "2",
        "--n-draws",
        "4",
        "--temperature",
        "0.9",
        "--seed",
        "2",
        "--npz",
        str(path),
    ]
    assert main([*command, *words]) == 0
    assert "Each is the most central of 4 completions. Of these: at temperature 0.9" in capsys.readouterr().out
    X = pofx.load_source("digits").images[:200]
    with np.load(path) as arrays:
        x, index, known = arrays["x"], arrays["index"], arrays["known"]
    model = pofx.load(pixelcnn_path)
    drawn = model.central_completion(X[index], known, n_draws=4, temperature=0.9, random_state=2)
    assert np.array_equal(x, drawn) and not np.array_equal(x[:3], x[3:])
    assert main([*command, "--n-draws", "0", "--npz", str(path)]) != 0
    assert "--n-draws must be at least 1" in capsys.readouterr().err


def test_a_folder_in_colour_and_a_class(colour_pixelcnn, tmp_path, capsys):
    mask = np.zeros((4, 6, 3), dtype=bool)
    mask[:2], mask[2, 0, 0] = True, True
    np.save(tmp_path / "mask.npy", mask)
    (colour_pixelcnn.with_suffix("") / "tit" / "empty.png").write_bytes(b"")
    source, npz, picture = str(colour_pixelcnn.with_suffix("")), tmp_path / "c.npz", tmp_path / "c.png"
    command = ["complete", str(colour_pixelcnn), source, "--mask", str(tmp_path / "mask.npy"), "--label", "owl"]
    try:
        assert main([*command, "--npz", str(npz)]) == 1
        assert "empty.png" in capsys.readouterr().err
        options = ["--errors", "skip", "-n", "2", "--seed", "0"]
        assert main([*command, *options, "--npz", str(npz), "-o", str(picture)]) == 0
    finally:
        (colour_pixelcnn.with_suffix("") / "tit" / "empty.png").unlink()
    out = capsys.readouterr().out
    assert EXACT in out and "Left out: 1 file\n" in out and f"Written: {picture}\nWritten: {npz}\n" in out
    X = pofx.load_source(source).images
    with np.load(npz) as arrays:
        assert arrays["y"].tolist() == ["owl", "owl"]
        expected = pofx.load(colour_pixelcnn).complete(X[arrays["index"]], mask, ["owl", "owl"], random_state=0)
        np.testing.assert_array_equal(arrays["x"], expected)


def test_images_of_another_size_are_resampled_if_asked(colour_pixelcnn, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "b.png"], (8, 12, 3))
    command = ["complete", str(colour_pixelcnn), str(tmp_path / "new"), "-o", str(tmp_path / "c.png")]
    assert main(command) == 1
    assert "8x12" in capsys.readouterr().err
    assert main([*command, "--size", "4x6"]) == 0
    assert "Converted: resampled to 4x6" in capsys.readouterr().out


@pytest.mark.parametrize("npz", [True, False])
def test_a_picture_has_a_limit_and_says_so(npz, command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.pages.completions.MOST_SHOWN", 3)
    drawn, pages = [], []
    complete = pofx.PixelCNN.complete
    monkeypatch.setattr(
        pofx.PixelCNN,
        "complete",
        # `complete` reads the default number of particles from the signature.
        lambda self, X, *rest, n_particles=16, **words: drawn.append(len(X)) or complete(self, X, *rest, **words),
    )
    monkeypatch.setattr(
        "pofx.pages.completions.sheet",
        lambda images, **options: pages.append((images, options)) or sheet(images, **options),
    )
    picture, arrays = str(tmp_path / "c.png"), str(tmp_path / "c.npz")
    options = ["-n", "5", "--n-completions", "4", "-o", picture, *(["--npz", arrays] if npz else [])]
    assert main([*command, *options]) == 0
    note = "The picture shows 3 of 5 images and 3 of 4 completions of each; --npz keeps all."
    assert capsys.readouterr().out.splitlines()[1] == note
    ((images, words),) = pages
    assert words["note"].endswith(note) and words["n_columns"] == 3
    assert len(images) == 3 * (2 + 3) and words["row_labels"] == ["image", "known", "draw 1", "draw 2", "draw 3"]
    for completion in (2, 3, 4):  # each below its own image: the upper half is known
        assert (images[3 * completion : 3 * completion + 3, :4] == images[:3, :4]).all()
    assert drawn == [20 if npz else 9]  # without a file for all, no more is drawn than is shown
    if npz:
        with np.load(arrays) as file:
            assert len(file["x"]) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "-o PICTURE.png, --npz FILE.npz or both"),
        (["-o", "x.txt"], "should end in .png"),
        (["-o", "x.png", "-n", "0"], "-n must be at least 1, not 0"),
        (["-o", "x.png", "--n-completions", "0"], "--n-completions must be at least 1, not 0"),
        (["-o", "x.png", "--n-particles", "0"], "n_particles must be an integer of at least 1"),
        (["-o", "x.png", "--temperature", "0"], "temperature must be a positive number"),
        (["-o", "x.png", "--fraction", "1"], "--fraction must lie between 0 and 1, not 1"),
        (["-o", "x.png", "--mask", "m.png", "--known", "top"], "leave out --known and --fraction"),
        (["-o", "x.png", "--mask", "m.png", "--fraction", "0.5"], "leave out --known and --fraction"),
        (["-o", "x.png", "--mask", "m.png"], "m.png does not exist"),
        (["-o", "x.png", "--label", "3"], "--conditional"),
        (["-o", "x.png", "--method", "naive", "--known", "left"], "method='naive' draws no particles"),
    ],
)
def test_what_cannot_be_completed(options, message, command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command, *options]) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_parts_are_named_in_words(command, tmp_path, capsys):
    assert main([*command, "-o", str(tmp_path / "x.png"), "--known", "tpo"]) == 2
    assert 'Did you mean "top"?' in capsys.readouterr().err


def test_a_model_that_cannot_complete(model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pofx.VAE, "complete", None)
    assert main(["complete", str(model_path), "digits", "-o", str(tmp_path / "x.png")]) == 1
    assert capsys.readouterr().err == "pofx: VAE cannot complete images\n"


def test_a_vae_completes_by_chains(model_path, tmp_path, capsys):
    path = tmp_path / "c.npz"
    command = ["complete", str(model_path), "digits", "--npz", str(path), "-n", "3", "--known", "left", "--seed", "1"]
    assert main([*command, "--method", "metropolis", "--n-steps", "4"]) == 0
    assert "the end of a Markov chain" in capsys.readouterr().out
    with np.load(path) as arrays:
        X = pofx.load_source("digits").images[arrays["index"]]
        expected = pofx.load(model_path).complete(X, arrays["known"], method="metropolis", n_steps=4, random_state=1)
        np.testing.assert_array_equal(arrays["x"], expected)
    assert main([*command, "--n-particles", "4"]) == 1
    assert "VAE has no --n-particles: leave it out" in capsys.readouterr().err
    assert main([*command, "--method", "cached"]) == 1
    assert "method must be one of auto, hamiltonian" in capsys.readouterr().err


def test_a_gan_seeks_and_says_that_it_does_not_draw(tmp_path, capsys, monkeypatch):
    gan, pages = tmp_path / "gan.pofx", []
    pofx.GAN(width=8, depth=1, latent_dim=2, max_epochs=1, random_state=0).fit(
        pofx.load_source("digits").images[:60]
    ).save(gan)
    monkeypatch.setattr(
        "pofx.pages.completions.sheet", lambda images, **options: pages.append(options) or sheet(images, **options)
    )
    options = ["-n", "2", "--n-completions", "2", "--n-steps", "2", "-o", str(tmp_path / "c.png")]
    assert main(["complete", str(gan), "digits", *options]) == 0
    assert "No draws" in capsys.readouterr().out
    assert pages[0]["row_labels"] == ["image", "known", "found 1", "found 2"]


@pytest.mark.parametrize(
    ("known", "first"),
    [
        ([[[1], [1]], [[1], [0]]], True),
        ([[[1], [0]], [[1], [0]]], False),
        ([[[0], [0]], [[0], [1]]], False),
        ([[[1, 1, 0], [0, 0, 0]]], True),
        ([[[1, 0, 1], [0, 0, 0]]], False),
    ],
)
def test_exact_is_what_is_known_from_the_beginning(known, first):
    assert comes_first(np.array(known, dtype=bool)) == first


def test_the_unknown_part_is_covered(pixelcnn_path):
    """With a colour that no gray image has; and no completion is covered."""
    model, X = pofx.load(pixelcnn_path), np.full((2, 8, 8), 16.0)
    known = np.ones((8, 8, 1), dtype=bool)
    known[5:, :3] = False
    page = np.asarray(completion_page(model, X, known, [X, X], title="t", note="n"))
    assert (page == UNKNOWN).all(axis=-1).sum() == 2 * 9 * 10 * 10


@pytest.mark.parametrize(("option", "shown"), [([], True), (["--no-verbose"], False)])
def test_progress_counts_rows(option, shown, command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pofx.engine.counting.QUIET_SECONDS", 0.0)
    assert main([*command, "-n", "3", "--n-completions", "2", "-o", str(tmp_path / "x.png"), *option]) == 0
    err = capsys.readouterr().err
    assert ("PixelCNN: 6 of 48 rows" in err) == ("PixelCNN: 48 rows" in err) == shown
