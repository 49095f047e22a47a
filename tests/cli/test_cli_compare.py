"""``pofx compare``: two collections, and whether they differ."""

import csv
import re

import numpy as np
import pytest

import pofx
from pofx.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three parts of the digits: two as they are, and one of which one in ten is inverted."""
    folder = tmp_path_factory.mktemp("parts")
    digits = pofx.load_source("digits").images
    digits = digits[np.random.default_rng(0).permutation(len(digits))].astype(np.uint8)
    odd = digits[600:1200].copy()
    odd[::10] = 16 - odd[::10]
    for name, images in (("one", digits[:600]), ("two", digits[600:1200]), ("odd", odd), ("wide", digits[:50, :, :7])):
        np.save(folder / f"{name}.npy", images)
    return folder


def test_two_halves_do_not_differ(folder, capsys):
    assert main(["compare", str(folder / "one.npy"), str(folder / "two.npy"), "--no-verbose"]) == 0
    out = capsys.readouterr().out
    assert "No difference found" in out and "JSD >=" in out


def test_what_was_planted_is_found_and_shown(folder, tmp_path, capsys, monkeypatch):
    fit = pofx.VAE.fit
    small = {"width": 16, "depth": 1, "latent_dim": 3, "max_epochs": 1}
    monkeypatch.setattr(pofx.VAE, "fit", lambda self, X, y=None: fit(self.set_params(**small), X, y))
    page = tmp_path / "page.html"
    assert main(["compare", str(folder / "one.npy"), str(folder / "odd.npy"), "-o", str(page), "--no-verbose"]) == 0
    assert "differ (p = " in " ".join(capsys.readouterr().out.split())
    text = page.read_text()
    assert re.findall('<section id="([^"]+)">', text) == ["collections", "difference", "likelihoods", "examples"]
    with (tmp_path / "page_files" / "examples.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["collection"].endswith("odd.npy")]
    first = sorted(rows, key=lambda row: -float(row["log_odds"]))[:40]
    assert np.mean([int(row["image"]) % 10 == 0 for row in first]) > 0.9
    with (tmp_path / "page_files" / "likelihoods.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4


def test_what_cannot_be_compared_is_refused(folder, tmp_path, capsys):
    for words, said in (
        ([str(folder / "one.npy"), str(folder / "wide.npy")], "different shapes, 8 x 8 and 8 x 7: give --size"),
        (
            [str(folder / "one.npy"), str(folder / "two.npy"), "--model", "gan", "-o", str(tmp_path / "a.html")],
            "no p(x)",
        ),
        ([str(folder / "one.npy"), str(folder / "none.npy")], "none.npy"),
    ):
        assert main(["compare", *words, "--no-verbose"]) != 0
        assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
