"""``pofx edit``, ``interpolate``, ``traverse`` and ``latent-grid``."""

import csv

import numpy as np
import pytest
from cli_runs import FAST, write_pictures
from PIL import Image

import pofx
from pofx.cli import main
from pofx.cli.attribute_table import parse_strengths, read_attributes
from pofx.data.collection import Collection
from pofx.files.pictures import sheet

DIGITS = pofx.load_source("digits")


@pytest.fixture
def pages(monkeypatch):
    """What is drawn: (images, options) of each page."""
    drawn = []
    monkeypatch.setattr(
        "pofx.pages.latents.sheet",
        lambda images, **options: drawn.append((images, options)) or sheet(images, **options),
    )
    return drawn


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """200 digits in a file, with their labels."""
    path = tmp_path_factory.mktemp("latents") / "digits.npz"
    np.savez(path, x=DIGITS.images[:200], y=DIGITS.labels[:200])
    return str(path)


def displayed(model, images):
    from pofx.pages.display import displayed

    return displayed(model, images)


def test_an_edit_shows_images_what_is_made_of_them_and_the_edit(model_path, small, pages, tmp_path, capsys):
    path = tmp_path / "e.png"
    command = ["edit", str(model_path), small, "--set", "0=1.5", "--set", "z1=-1", "-n", "4", "--seed", "3"]
    assert main([*command, "-o", str(path)]) == 0
    ((images, options),) = pages
    model = pofx.load(model_path)
    chosen = np.sort(np.random.default_rng(3).permutation(200)[:4])
    begun = DIGITS.images[chosen]
    attributes = {"0": (DIGITS.labels[:200] == 0).astype(float)}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        editor = pofx.LatentEditor(model).fit(DIGITS.images[:200], attributes)
    expected = [begun, editor.edit(begun, {}), editor.edit(begun, {"0": 1.5, "z1": -1})]
    np.testing.assert_array_equal(images, displayed(model, np.concatenate(expected)))
    assert options["row_labels"] == ["image", "rebuilt", "0 +1.5, z1 -1"] and options["n_columns"] == 4
    out = capsys.readouterr().out
    assert "0 +1.5: tells " in out and "(chance: 50%)" in out and "z1 -1: a single dimension of the latents" in out
    assert "root mean squared error of" in out and "refined" not in out and out.endswith(f"Written: {path}\n")
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_steps_refinement_and_animations(model_path, small, pages, tmp_path, capsys):
    command = ["edit", str(model_path), small, "--set", "pc1=2", "-n", "2", "--seed", "0", "--no-verbose"]
    assert main([*command, "--steps", "4", "--refine", "-o", str(tmp_path / "e")]) == 0
    assert (tmp_path / "e.png").exists() and len(pages[0][0]) == 2 * (2 + 4)
    assert pages[0][1]["row_labels"][2:] == ["25%", "50%", "75%", "100%"]
    assert ", refined of " in capsys.readouterr().out
    model = pofx.load(model_path)
    editor = pofx.LatentEditor(model).fit(DIGITS.images[:200])
    begun = DIGITS.images[np.sort(np.random.default_rng(0).permutation(200)[:2])]
    refined = editor.edit(begun, {"pc1": 2}, refine=True)
    assert not np.array_equal(refined, editor.edit(begun, {"pc1": 2}))
    np.testing.assert_array_equal(pages[0][0][-2:], displayed(model, refined))
    del pages[:]
    assert main([*command, "--steps", "3", "-o", str(tmp_path / "e.gif")]) == 0
    for (images, _), strength in zip(pages, (0, 1, 2), strict=True):
        expected = np.concatenate([begun, editor.edit(begun, {"pc1": strength})])
        np.testing.assert_array_equal(images, displayed(model, expected))
    with Image.open(tmp_path / "e.gif") as picture:
        assert picture.format == "GIF" and picture.n_frames > 1


def test_attributes_from_a_table(model_path, small, tmp_path, capsys):
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "ink", "round"])
        for index in range(0, 200, 2):
            writer.writerow([index, DIGITS.images[index].sum(), ["no", "True", ""][index % 3]])
    command = ["edit", str(model_path), small, "--attributes", str(path), "-n", "2", "-o", str(tmp_path / "x.png")]
    assert main([*command, "--set", "ink=1", "--orthogonal", "round", "--directions", "logistic", "--seed", "0"]) == 0
    assert "ink +1: explains" in capsys.readouterr().out
    assert main([*command, "--set", "inc=1"]) == 1
    assert "no attribute 'inc'; there is ink, round, pc1, pc2, ..., z0, z1, ...." in capsys.readouterr().err


def test_other_images_are_edited_and_classes_have_names(pets, pets_model, pages, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "b.png"])
    command = ["edit", str(pets_model), str(pets), "--images", str(tmp_path / "new"), "-o", str(tmp_path / "x.png")]
    assert main([*command, "--set", "cat=1"]) == 1  # which class the new ones are of, nobody knows
    assert "choose one with --label" in capsys.readouterr().err
    assert main([*command, "--set", "cat=1", "--label", "dog"]) == 0
    assert len(pages[-1][0]) == 3 * 2
    captured = capsys.readouterr()
    assert "cat +1: tells" in captured.out and "'cat'" in captured.err  # z does not tell the class: said as a warning


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "smile"], "--set 'smile' should be a name and a number"),
        (["--set", "0=nan"], "should be a name and a number"),
        (["--set", "0=1", "--set", "0=2"], "--set names '0' twice"),
        (["--set", "11=1"], "no attribute '11'"),
        (["--set", "z9=1"], "no direction 'z9'"),
        (["--set", "0=1", "--orthogonal", "pc1"], "no attribute 'pc1'"),
        (["--set", "0=1", "-n", "0"], "-n must be at least 1"),
        (["--set", "0=1", "--steps", "0"], "--steps must be at least 1"),
        (["--set", "0=1", "-o", "x.jpg"], "x.jpg should end in .png or .gif"),
        (["--set", "0=1", "--attributes", "no.csv"], "no.csv does not exist"),
        (["--set", "0=1", "--label", "3"], "--conditional"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_edits_that_cannot_be(options, message, model_path, small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = [] if "-o" in options else ["-o", "x.png"]
    assert main(["edit", str(model_path), small, *options, *output]) == 1
    assert message in capsys.readouterr().err


def test_a_source_without_labels_needs_a_table(model_path, tmp_path, capsys):
    np.save(tmp_path / "x.npy", DIGITS.images[:20])
    command = ["edit", str(model_path), str(tmp_path / "x.npy"), "-o", str(tmp_path / "x.png")]
    assert main([*command, "--set", "smile=1"]) == 1
    assert "has no labels: tell of 'smile' with --attributes FILE.csv" in capsys.readouterr().err
    assert main([*command, "--set", "pc2=1", "-n", "2"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table with a header"),
        ("a,a\n1,2\n", "each another one"),
        ("image\n0\n", "no column of an attribute"),
        ("a\n1\n", "has 1 rows, but three images 3 images"),
        ("image,a\n7,1\n", "line 2: three images has no image '7'"),
        ("image,a\n1,1\n\n1,0\n", "two rows about the image '1': in lines 2 and 4"),
        ("image,a\n0,1,2\n", "3 values in line 2"),
        ("a\n1\nmany\n0\n", "line 3, column 'a': 'many' is no number"),
        ("a\n\xff\n", None),
    ],
)
def test_tables_that_cannot_be_read(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    three = Collection(np.zeros((3, 2, 2)), None, None, None, "three images")
    with pytest.raises(ValueError, match=message):
        read_attributes(path, three)


def test_a_table_in_order_and_one_by_names(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a, b\n1,yes\n,No\n2.5,true\n")
    three = Collection(np.zeros((3, 2, 2)), None, ("x.png", "y.png", "z.png"), None, "three images")
    found = read_attributes(path, three)
    np.testing.assert_array_equal(found["a"], [1, np.nan, 2.5])
    np.testing.assert_array_equal(found["b"], [1, 0, 1])
    path.write_text("a,image\n1,z.png\n2,x.png\n")
    np.testing.assert_array_equal(read_attributes(path, three)["a"], [2, np.nan, 1])


def test_strengths_are_read_from_the_last_equals_sign():
    assert parse_strengths(["a=b=1", "c=-0.5"]) == {"a=b": 1.0, "c": -0.5}


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_the_way_from_one_image_to_another(mode, model_path, small, pages, tmp_path, capsys):
    path = tmp_path / "w.png"
    command = ["interpolate", str(model_path), small, "--from", "3", "--to", "8", "--mode", mode]
    assert main([*command, "--steps", "5", "-o", str(path)]) == 0
    ((images, options),) = pages
    model, X = pofx.load(model_path), DIGITS.images
    way = pofx.LatentEditor(model).interpolate(X[[3]], X[[8]], 5, mode)[0]
    np.testing.assert_array_equal(images, displayed(model, np.concatenate([X[[3]], way, X[[8]]])))
    assert options["captions"] == ["3", "0%", "25%", "50%", "75%", "100%", "8"]
    assert capsys.readouterr().out == f"Written: {path}\n"
    assert main([*command, "-o", str(tmp_path / "w.gif")]) == 0
    assert len(pages) == 1 + 24
    middles = displayed(model, pofx.LatentEditor(model).interpolate(X[[3]], X[[8]], 24, mode)[0])
    np.testing.assert_array_equal([images[1] for images, _ in pages[1:]], middles)
    with Image.open(tmp_path / "w.gif") as picture:
        assert picture.format == "GIF"


def test_images_of_folders_go_by_name(pets, pets_model, tmp_path, capsys):
    command = ["interpolate", str(pets_model), str(pets), "-o", str(tmp_path / "w.png")]
    assert main([*command, "--from", "cat/[red]1.png", "--to", "cat/[red]5.png"]) == 0
    for options, message in (
        (["--from", "cat/[red]1.png", "--to", "dog/[red]1.png"], "one class at a time: choose one with --label"),
        (["--from", "cat/[red]1.pgn", "--to", "0"], "Did you mean 'cat/[red]1.png'?"),
        (["--from", "0", "--to", "16"], "there is no image 16"),
        (["--from", "0", "--to", "1", "--steps", "1"], "--steps must be at least 2"),
    ):
        assert main([*command, *options]) == 1
        assert message in capsys.readouterr().err
    assert main([*command, "--from", "cat/[red]1.png", "--to", "dog/[red]1.png", "--label", "dog"]) == 0


def test_what_each_dimension_does(model_path, small, pages, tmp_path, capsys, monkeypatch):
    model = pofx.load(model_path)
    monkeypatch.setattr("pofx.applications.latents.DEAD_NATS", -1.0)  # hardly trained, all would be dead
    path = str(tmp_path / "t.png")
    assert main(["traverse", str(model_path), small, "-o", path, "--n-dims", "2", "--steps", "3", "--seed", "0"]) == 0
    ((images, options),) = pages
    first, second = np.argsort(-model.latent_importance_)[:2]
    editor = pofx.LatentEditor(model).fit(DIGITS.images[:200])
    expected = editor.traverse(dims=[first, second], values=[-3, 0, 3])[0].reshape(6, 8, 8)
    np.testing.assert_array_equal(images, displayed(model, expected))
    assert options["row_labels"][0] == f"z{first} {model.latent_importance_[first]:.2f}"
    assert "3 of 3 latent dimensions say something" in capsys.readouterr().out
    del pages[:]
    command = ["traverse", str(model_path), small, "--image", "7", "--dims", "1", "--dims", "pc1", "--reach", "1"]
    assert main([*command, "--steps", "2", "-o", str(tmp_path / "t.gif")]) == 0
    expected = editor.traverse(DIGITS.images[[7]], [1, "pc1"], [-1, 1])[0]
    for step, (images, _) in enumerate(pages):
        np.testing.assert_array_equal(images, displayed(model, expected[:, step]))


def test_ways_and_traversals_begin_at_refined_latents(model_path, small, pages, tmp_path):
    model = pofx.load(model_path)
    editor = pofx.LatentEditor(model).fit(DIGITS.images[:200])
    command = ["interpolate", str(model_path), small, "--from", "3", "--to", "5", "--steps", "4", "--refine"]
    assert main([*command, "-o", str(tmp_path / "i.png")]) == 0
    way = editor.interpolate(DIGITS.images[[3]], DIGITS.images[[5]], 4, refine=True)[0]
    shown = displayed(model, way)
    assert any(np.array_equal(pages[0][0][k : k + 4], shown) for k in range(len(pages[0][0]) - 3))
    command = ["traverse", str(model_path), small, "--image", "7", "--dims", "1", "--steps", "3", "--reach", "1"]
    assert main([*command, "--refine", "-o", str(tmp_path / "t.png")]) == 0
    along = editor.traverse(DIGITS.images[[7]], [1], [-1, 0, 1], refine=True)[0, 0]
    np.testing.assert_array_equal(pages[1][0][-3:], displayed(model, along))


def test_a_traversal_of_the_model_alone(model_path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pofx.cli.latents.DRAWN", 64)
    command = ["traverse", str(model_path), "prior", "--dims", "0", "--seed", "0"]
    for name in ("a.png", "b.png"):
        assert main([*command, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    for options, message in (
        (["--image", "3"], "--image needs a source"),
        (["--refine"], "--refine needs an image"),
        (["--steps", "0"], "--steps must be at least 1"),
        (["--n-dims", "0"], "--n-dims must be at least 1"),
        (["--reach", "0"], "--reach must be a positive number"),
        (["--dims", "3"], "no direction 'z3'"),
    ):
        assert main([*command, "-o", str(tmp_path / "x.png"), *options]) == 1
        assert message in capsys.readouterr().err


def test_a_grid(model_path, small, pages, tmp_path, capsys):
    path = tmp_path / "g.png"
    assert main(["latent-grid", str(model_path), "-n", "4", "-o", str(path)]) == 0
    model = pofx.load(model_path)
    from pofx.applications.latent_grid import latent_grid

    cells = displayed(model, latent_grid(model, n=4).reshape(16, 8, 8))
    ((images, _),) = pages
    scale = round(900 / 32)
    side = 8 * scale + 2
    assert images.shape == (1, 4 * side - 2, 4 * side - 2)
    np.testing.assert_array_equal(images[0, side : 2 * side - 2, 2 * side : 3 * side - 2][::scale, ::scale], cells[6])
    assert (images[0, side - 2 : side] == 255).all()
    assert capsys.readouterr().out == f"Written: {path}\n"
    assert main(["latent-grid", str(model_path), small, "--principal", "-n", "2", "-o", str(path)]) == 0
    assert main(["latent-grid", str(model_path), "--dims", "2", "0", "-n", "2", "-o", str(path)]) == 0
    assert "dimensions 2 and 0" in pages[-1][1]["note"]
    capsys.readouterr()
    for options, message in (
        (["--principal"], "--principal needs a SOURCE"),
        (["--dims", "0", "3"], "two different numbers"),
        (["-n", "0"], "n must be"),
    ):
        assert main(["latent-grid", str(model_path), "-o", str(path), *options]) == 1
        assert message in capsys.readouterr().err


def test_a_grid_lies_where_the_latents_of_a_learned_prior_do(tmp_path, pages, monkeypatch):
    monkeypatch.setattr("pofx.cli.latents.DRAWN", 64)
    model = pofx.VAE(latent_dim=3, width=16, prior="mixture", prior_components=2, max_epochs=2, random_state=0)
    model.fit(DIGITS.images[:200])
    model.save(tmp_path / "m.pofx")
    assert main(["latent-grid", str(tmp_path / "m.pofx"), "-n", "3", "-o", str(tmp_path / "g.png")]) == 0
    from pofx.applications.latent_grid import latent_grid

    cells = displayed(model, latent_grid(model, model.sample(64, random_state=0), n=3).reshape(9, 8, 8))
    ((images, options),) = pages
    assert "of the prior" not in options["note"]
    scale = round(900 / 24)
    np.testing.assert_array_equal(images[0, : 8 * scale : scale, : 8 * scale : scale], cells[0])


def test_a_conditional_model_needs_a_class(pets_model, tmp_path, capsys):
    for command in (["latent-grid"], ["traverse"]):
        line = [command[0], str(pets_model), "-o", str(tmp_path / "x.png")]
        assert main(line) == 1
        assert "one class at a time: choose one with --label" in capsys.readouterr().err
    assert main(["latent-grid", str(pets_model), "-n", "2", "--label", "dog", "-o", str(tmp_path / "x.png")]) == 0


@pytest.mark.parametrize(
    "command",
    [
        ["edit", "digits", "--set", "0=1"],
        ["interpolate", "digits", "--from", "0", "--to", "1"],
        ["traverse"],
        ["latent-grid"],
    ],
)
def test_a_model_without_latents(command, pixelcnn_path, tmp_path, capsys):
    name, *rest = command
    assert main([name, str(pixelcnn_path), *rest, "-o", str(tmp_path / "x.png")]) == 1
    assert capsys.readouterr().err == "pofx: PixelCNN has no latents that are turned into images; a VAE has\n"


def test_images_in_colour(tmp_path, pages):
    write_pictures(tmp_path / "birds", [f"{kind}/{i}.png" for kind in ("owl", "tit") for i in range(5)], (4, 6, 3))
    path = tmp_path / "birds.pofx"
    assert main(["fit", str(tmp_path / "birds"), "-o", str(path), *FAST]) == 0
    source = str(tmp_path / "birds")
    assert main(["edit", str(path), source, "--set", "owl=1", "-n", "2", "-o", str(tmp_path / "e.gif")]) == 0
    assert main(["latent-grid", str(path), "-n", "3", "-o", str(tmp_path / "g.png")]) == 0
    assert pages[-1][0].shape == (1, 3 * 200 + 4, 3 * 300 + 4, 3)
