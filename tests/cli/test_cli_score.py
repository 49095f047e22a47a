"""``pofx score``."""

import numpy as np
import pytest
from cli_runs import FAST, read_csv, write_pictures

import pofx
from pofx.cli import main


def test_scores_go_to_a_table(model_path, tmp_path, capsys):
    assert main(["score", str(model_path), "digits", "-o", str(tmp_path / "scores.csv")]) == 0
    captured = capsys.readouterr()
    assert "uniform law: -181.33 nats, 4.087 bits/dim" in captured.out
    assert captured.out.endswith(f"Written: {tmp_path / 'scores.csv'}\n")
    assert captured.err == ""
    rows = read_csv(tmp_path / "scores.csv")
    model, X = pofx.load(model_path), pofx.load_source("digits").images
    assert list(rows[0]) == ["image", "log_p_nats", "kind", "bits_per_dim", "error"]
    assert [row["image"] for row in rows] == [str(index) for index in range(len(X))]
    assert [float(row["log_p_nats"]) for row in rows] == model.score_samples(X).tolist()
    assert [float(row["bits_per_dim"]) for row in rows] == model.bits_per_dim(X).tolist()
    assert {row["kind"] for row in rows} == {"lower bound"}
    assert {row["error"] for row in rows} == {""}


def test_bits_of_real_numbers_are_those_of_the_discrete_image(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 4, 4))
    np.save(tmp_path / "x.npy", X)
    model, scores = tmp_path / "m.pofx", tmp_path / "scores.csv"
    assert main(["fit", str(tmp_path / "x.npy"), "-o", str(model), *FAST]) == 0
    assert main(["score", str(model), str(tmp_path / "x.npy"), "-o", str(scores)]) == 0
    fitted = pofx.load(model)
    assert [float(row["log_p_nats"]) for row in read_csv(scores)] == fitted.score_samples(X).tolist()
    assert [float(row["bits_per_dim"]) for row in read_csv(scores)] == fitted.bits_per_dim(X).tolist()


def test_the_network_is_run_once(model_path, monkeypatch):
    calls = []
    map_ = pofx.GenerativeModel._map
    monkeypatch.setattr(pofx.GenerativeModel, "_map", lambda *given: calls.append(1) or map_(*given))
    assert main(["score", str(model_path), "digits"]) == 0
    assert len(calls) == 1


def test_names_of_files_are_kept(pets, pets_model, tmp_path, capsys):
    assert main(["score", str(pets_model), str(pets), "-o", str(tmp_path / "scores.csv")]) == 0
    assert "[red]" in capsys.readouterr().out  # a name, not a colour
    names = [f"{kind}/[red]{index}.png" for kind in ("cat", "dog") for index in range(8)]
    assert [row["image"] for row in read_csv(tmp_path / "scores.csv")] == names


def test_files_that_do_not_fit_the_model_are_named(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "c.png"])
    write_pictures(tmp_path / "new", ["b.png"], shape=(9, 9))
    (tmp_path / "new" / "d.png").write_bytes(b"")
    scores = tmp_path / "scores.csv"
    command = ["score", str(pets_model), str(tmp_path / "new"), "-o", str(scores)]
    assert main(command) == 1
    err = capsys.readouterr().err
    assert "b.png" in err and "9x9" in err
    assert main([*command, "--errors", "skip"]) == 0
    out = capsys.readouterr().out
    assert "mean over 2 images" in out and "Left out: 2 files" in out and "b.png" in out
    rows = read_csv(scores)
    assert [row["image"] for row in rows] == ["a.png", "c.png", "b.png", "d.png"]
    assert [bool(row["log_p_nats"]) for row in rows] == [True, True, False, False]
    assert "9x9" in rows[2]["error"] and rows[3]["error"] and rows[3]["kind"] == rows[3]["bits_per_dim"] == ""


def test_images_of_another_size_are_resampled_if_asked(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png", "b.png"], shape=(12, 10))
    command = ["score", str(pets_model), str(tmp_path / "new"), "--size"]
    assert main([*command, "6x5"]) == 0
    assert "Converted: resampled to 6x5" in capsys.readouterr().out
    assert main([*command, "6x6"]) == 1
    assert "6x5" in capsys.readouterr().err


def test_names_that_are_no_text_survive(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a\udcff.png", "b.png"])
    assert main(["score", str(pets_model), str(tmp_path / "new"), "-o", str(tmp_path / "s.csv")]) == 0
    assert "a\\xff.png" in capsys.readouterr().out
    assert b"a\xff.png," in (tmp_path / "s.csv").read_bytes()


def test_a_part_of_a_file_can_be_asked_for(model_path, tmp_path, capsys):
    X = pofx.load_source("digits").images
    np.savez(tmp_path / "parts.npz", x_train=X[:30], x_test=X[30:50])
    assert main(["score", str(model_path), str(tmp_path / "parts.npz"), "--split", "test"]) == 0
    assert "mean over 20 images" in capsys.readouterr().out


def test_a_model_without_a_density_cannot_score(model_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.cli.loading.load_model", lambda *_, **__: type("GAN", (), {"density": "none"})())
    assert main(["score", str(model_path), "digits"]) == 1
    assert "GAN has no p(x)" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "shown"), [([], True), (["--no-verbose"], False)])
def test_progress_is_shown_on_stderr(option, shown, model_path, capsys, monkeypatch):
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pofx.engine.counting.QUIET_SECONDS", 0.0)
    assert main(["score", str(model_path), "digits", *option]) == 0
    captured = capsys.readouterr()
    assert ("VAE: 64 of 1,797 images" in captured.err) == shown
    assert "images/s" not in captured.out


def test_names_cannot_command_the_terminal(pets_model, tmp_path, capsys):
    name = "esc\x1b[31mRED\x07new\nline\r.png"
    write_pictures(tmp_path / "new", [name, "b.png"])
    assert main(["score", str(pets_model), str(tmp_path / "new"), "-o", str(tmp_path / "s.csv")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out and out.count("\n") == 4
    assert [row["image"] for row in read_csv(tmp_path / "s.csv")] == ["b.png", name]


def test_the_table_is_written_whoever_reads_the_summary(model_path, tmp_path, monkeypatch):
    class Closed:
        encoding, errors = "utf-8", "strict"

        def write(self, text):
            raise BrokenPipeError

        flush = write

        def isatty(self):
            return False

        def fileno(self):
            raise ValueError

    scores = tmp_path / "s.csv"
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Closed())
        patch.setattr("sys.stdout.flush", lambda: None)
        assert main(["score", str(model_path), "digits", "-o", str(scores)]) == 0
    assert len(read_csv(scores)) == 1797


def test_a_density_is_not_set_beside_a_mass(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 4, 4)))
    model = tmp_path / "m.pofx"
    assert main(["fit", str(tmp_path / "x.npy"), "-o", str(model), *FAST]) == 0
    capsys.readouterr()
    assert main(["score", str(model), str(tmp_path / "x.npy")]) == 0
    out = capsys.readouterr().out
    assert "of a density" in out and "a uniform law: 8.000 bits/dim" in out


def test_levels_that_a_file_tells_are_compared(pets_model, tmp_path, capsys):
    write_pictures(tmp_path / "new", ["a.png"])
    assert main(["prepare", str(tmp_path / "new"), "-o", str(tmp_path / "256.packed")]) == 0
    np.save(tmp_path / "x.npy", np.full((3, 6, 5), 16))
    assert main(["prepare", str(tmp_path / "x.npy"), "-o", str(tmp_path / "17.packed")]) == 0
    capsys.readouterr()
    for name, said in (("256", ""), ("17", "have 17 levels; the model was fitted to images of 256")):
        assert main(["score", str(pets_model), str(tmp_path / f"{name}.packed")]) == 0
        err = capsys.readouterr().err
        assert said in err and bool(err) == bool(said)
