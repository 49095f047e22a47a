"""``pofx bounds`` and ``pofx certify``."""

import numpy as np
import pytest
from cli_runs import read_csv, write_pictures

import pofx
from pofx.cli import main

SHORT = ["--n-samples", "2", "--n-temperatures", "3", "--n-leapfrog", "2"]


def test_bounds_go_to_a_table(model_path, tmp_path, capsys):
    table = tmp_path / "bounds.csv"
    command = ["bounds", str(model_path), "digits", "-o", str(table), "-n", "5", "--n-samples", "30", "--seed", "3"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "log p(x) (lower bound, iw: n_samples 30), mean over 5 images" in out
    assert out.endswith(f"Written: {table}\n")
    rows = read_csv(table)
    assert list(rows[0]) == ["image", "label", "lower_nats", "std_error_nats", "kind", "error"]
    X = pofx.load_source("digits").images[[int(row["image"]) for row in rows]]
    expected = pofx.load(model_path).log_prob_bounds(X, n_samples=30, random_state=3)
    assert [float(row["lower_nats"]) for row in rows] == expected.lower.tolist()
    assert [float(row["std_error_nats"]) for row in rows] == expected.std_error.tolist()
    assert {row["kind"] for row in rows} == {"lower bound on log p(x), iw"}
    assert {row["error"] for row in rows} == {row["label"] for row in rows} == {""}


def test_annealed_bounds_of_files(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "b.png"])
    (tmp_path / "new" / "c.png").write_bytes(b"")
    command = ["bounds", str(pets_model), str(tmp_path / "new"), "--method", "ais", *SHORT]
    assert main([*command, "--errors", "skip", "-o", str(tmp_path / "b.csv")]) == 0
    out = capsys.readouterr().out
    assert "ais: n_samples 2, n_temperatures 3, n_leapfrog 2" in out and "c.png" in out
    rows = read_csv(tmp_path / "b.csv")
    assert [row["image"] for row in rows] == ["a.png", "b.png", "c.png"]
    assert [bool(row["lower_nats"]) for row in rows] == [True, True, False] and rows[2]["error"]


@pytest.mark.parametrize("options", [[], ["--label", "dog"], ["--source-labels"]])
def test_bounds_of_a_conditional_model(options, pets, pets_model, tmp_path, capsys):
    """Without labels log p(x), as `pofx score` has it, else log p(x|y), as `pofx certify` has it."""
    table = tmp_path / "b.csv"
    command = ["bounds", str(pets_model), str(pets), "-o", str(table), "-n", "6", "--n-samples", "20"]
    assert main([*command, *options]) == 0
    quantity = "log p(x|y)" if options else "log p(x)"
    assert capsys.readouterr().out.startswith(f"{quantity} (lower bound, iw: n_samples 20), mean over 6 images")
    rows = read_csv(table)
    source = pofx.load_source(pets)
    chosen = [source.names.index(row["image"]) for row in rows]
    y = {0: None, 1: source.named_labels[chosen], 2: np.full(6, "dog")}[len(options)]
    expected = pofx.load(pets_model).log_prob_bounds(source.images[chosen], y, n_samples=20)
    assert [float(row["lower_nats"]) for row in rows] == expected.lower.tolist()
    assert [row["label"] for row in rows] == ([""] * 6 if y is None else y.tolist())
    assert {row["kind"] for row in rows} == {f"lower bound on {quantity}, iw"}
    if "--source-labels" in options:
        assert {row["label"] for row in rows} == {"cat", "dog"}


def test_a_single_draw_has_no_standard_error(model_path, tmp_path, capsys):
    table = tmp_path / "b.csv"
    command = ["bounds", str(model_path), "digits", "-o", str(table), "-n", "3", "--method", "elbo"]
    assert main([*command, "--n-samples", "1"]) == 0
    out = capsys.readouterr().out
    assert "nan" not in out and "standard error" not in out and "nats\n" in out
    rows = read_csv(table)
    assert [row["std_error_nats"] for row in rows] == [""] * 3 and all(row["lower_nats"] for row in rows)


def test_labels_that_are_not_there_are_refused(pets, pets_model, model_path, tmp_path, capsys):
    np.save(tmp_path / "bare.npy", pofx.load_source(pets).images)
    for model, source, options, said in (
        (pets_model, tmp_path / "bare.npy", ["--source-labels"], "has no labels"),
        (pets_model, pets, ["--source-labels", "--label", "cat"], "choose one of them"),
        (pets_model, pets, ["--label", "cta"], "Did you mean 'cat'"),
        (model_path, "digits", ["--label", "3"], "--label needs a model that was fitted with --conditional"),
        (model_path, "digits", ["--source-labels"], "--source-labels needs a model that was fitted with --conditional"),
    ):
        assert main(["bounds", str(model), str(source), "-n", "2", *options]) == 1
        assert said in " ".join(capsys.readouterr().err.split())


def test_a_certificate_is_told_in_words(model_path, tmp_path, capsys):
    table = tmp_path / "certificate.csv"
    command = ["certify", str(model_path), "-n", "4", *SHORT, "--seed", "1", "--confidence", "0.9", "-o", str(table)]
    assert main(command) == 0
    expected = pofx.load(model_path).certify(
        4, n_samples=2, n_temperatures=3, n_leapfrog=2, confidence=0.9, random_state=1
    )
    assert expected.statement in capsys.readouterr().out
    rows = read_csv(table)
    assert [float(row["lower_nats"]) for row in rows] == expected.lower.tolist()
    assert [float(row["upper_nats"]) for row in rows] == expected.upper.tolist()
    intervals = [[float(row["interval_low_nats"]), float(row["interval_high_nats"])] for row in rows]
    assert np.array_equal(intervals, expected.interval)
    assert {row["label"] for row in rows} == {""}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["bounds", "MODEL", "digits", "--n-temperatures", "5"], "n_temperatures is no setting of method='iw'"),
        (["bounds", "MODEL", "digits", "-n", "0"], "--n-images must be at least 1"),
        (["certify", "MODEL", "-n", "0"], "--n-images must be at least 1"),
        (["certify", "MODEL", "--confidence", "1"], "confidence must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(command, said, model_path, capsys):
    assert main([str(model_path) if word == "MODEL" else word for word in command]) == 1
    assert said in capsys.readouterr().err


def test_a_model_without_an_encoder_has_no_bounds(pixelcnn_path, capsys):
    assert main(["bounds", str(pixelcnn_path), "digits"]) == 1
    assert "PixelCNN (density: exact) has no bounds" in capsys.readouterr().err
    assert main(["certify", str(pixelcnn_path)]) == 1
    assert "PixelCNN (density: exact) has no bounds" in capsys.readouterr().err
