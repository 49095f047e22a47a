"""``pofx info``."""

import re

import numpy as np
from cli_runs import write_pictures

import pofx
from pofx.cli import main


def test_it_tells_where_a_model_comes_from(model_path, capsys):
    assert main(["info", str(model_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = {line[:37].strip(): line[37:].strip() for line in lines}
    assert facts["model"] == "VAE (density: lower bound)"
    assert facts["images"] == "8 x 8, 17 levels"
    assert facts["source"] == "digits"
    assert "latent_dim=3" in facts["parameters that are not the defaults"]
    assert {"data fingerprint", "seed", "latent dimensions in use", "active units"} <= set(facts)
    assert "image hashes" not in facts  # hundreds of numbers
    divergences = [float(value) for value in facts["KL of the dimensions in nats"].split(", ")]
    assert divergences == sorted(divergences, reverse=True) and len(divergences) == 3
    assert re.match(r"[0-3] of 3 \(", facts["active units"])


def test_it_tells_whether_the_latents_say_anything(model_path, tmp_path, capsys):
    fitted = pofx.load(model_path)
    for collapsed in (False, True):
        if collapsed:
            fitted.n_steps_, fitted.latent_activity_ = 500, np.zeros(3)
        assert main(["info", str(fitted.save(tmp_path / f"{collapsed}.pofx"))]) == 0
        out = capsys.readouterr().out
        assert re.search(rf"^KL of held-out images +{fitted.held_out_kl_:.2f} nats *$", out, re.MULTILINE)
        assert bool(re.search("^posterior +collapsed: the latents say next to nothing", out, re.MULTILINE)) == collapsed


def test_it_tells_what_a_packed_file_holds(pets, tmp_path, capsys):
    from pofx.data.packed import read_packed

    folder, path = tmp_path / "pets", tmp_path / "pets.packed"
    write_pictures(folder, ["cat/a.png", "dog/b.png", "dog/c.png"], shape=(6, 5, 3))
    (folder / "dog" / "d.png").write_bytes(b"")
    assert main(["prepare", str(folder), "-o", str(path), "--errors", "skip"]) == 0
    capsys.readouterr()
    assert main(["info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = dict(line.split("  ", 1) for line in lines if "  " in line and not set(line) & set("│┃"))
    assert {name: value.strip() for name, value in facts.items()} == {
        "packed from": str(folder),
        "images": "3",
        "shape": "6 x 5 x 3",
        "levels": "256",
        "labels": "yes",
        "classes": "cat, dog",
        "fingerprint": read_packed(path).fingerprint,
    }
    assert "Left out: 1 file" in lines and any("dog/d.png" in line for line in lines)
    assert main(["info", str(path), "--config"]) == 1
    assert "is no model" in capsys.readouterr().err


def test_of_many_dimensions_those_that_say_most_are_listed():
    from pofx.cli.info import _sorted_numbers

    assert _sorted_numbers([0.5, 2.0, 0.001]) == "2.00, 0.50, 0.00"
    assert _sorted_numbers([index / 10 for index in range(20)]).endswith("0.50, 0.40 and 4 of at most 0.30")


def test_many_classes_are_not_all_listed():
    from pofx.cli.info import _listed

    assert _listed(["a", "b"]) == "a, b"
    assert _listed([str(index) for index in range(1020)]).endswith("18, 19 and 1,000 more")
