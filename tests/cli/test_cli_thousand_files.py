"""A folder of a thousand good pictures and a few bad files, through ``pofx fit`` and ``pofx score``."""

import numpy as np
import pytest
from cli_runs import FAST, read_csv
from PIL import Image

import pofx
from pofx.cli import main

N = 1000
#: File -> a part of what is said of it, in the order of the folder.
BAD = {
    "0100_empty.png": "empty",
    "0200_truncated.png": "",
    "0300_text.jpg": "not an image",
    "0400_film.gif": "3 frames",
    "0500_nowhere.png": "leads nowhere",
    "0600_film.mp4": "not an image",
}
GOOD = [f"{index:04}.png" for index in range(N)]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, size=(N, 6, 5), dtype=np.uint8)
    for name, image in zip(GOOD, pixels, strict=True):
        Image.fromarray(image).save(folder / name, compress_level=1)
    (folder / "0100_empty.png").write_bytes(b"")
    (folder / "0200_truncated.png").write_bytes((folder / "0999.png").read_bytes()[:-30])
    (folder / "0300_text.jpg").write_text("no picture")
    frames = [Image.new("L", (5, 6), value) for value in (0, 100, 255)]
    frames[0].save(folder / "0400_film.gif", save_all=True, append_images=frames[1:])
    (folder / "0500_nowhere.png").symlink_to(folder / "nowhere")
    (folder / "0600_film.mp4").write_bytes(b"a film")
    return folder


def test_a_thousand_files(photos, tmp_path, capsys):
    model, scores = tmp_path / "photos.pofx", tmp_path / "scores.csv"
    fit = ["fit", str(photos), "-o", str(model), *FAST, "--validation-fraction", "0.1"]
    fit[fit.index("--max-epochs") + 1] = "1"

    assert main(fit) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert any(name in captured.err for name in BAD)
    assert not model.exists()

    assert main([*fit, "--errors", "skip"]) == 0
    out = capsys.readouterr().out
    assert "fitted to 1,000 images of 6 x 5, 256 levels" in out
    assert f"Left out: {len(BAD)} files" in out
    rows = [line for line in out.splitlines() if line.startswith("│ 0")]
    assert [row.split("│")[1].strip() for row in rows] == list(BAD)
    assert all(reason in row for row, reason in zip(rows, BAD.values(), strict=True))

    # To a fitted model an image of another size is one more bad file.
    Image.new("L", (9, 9)).save(photos / "0700_large.png")
    score = ["score", str(model), str(photos), "-o", str(scores)]
    assert main(score) == 1
    assert any(name in capsys.readouterr().err for name in BAD)
    assert not scores.exists()

    assert main([*score, "--errors", "skip"]) == 0
    assert f"Left out: {len(BAD) + 1} files" in capsys.readouterr().out
    rows = read_csv(scores)
    assert [row["image"] for row in rows] == [*GOOD, *BAD, "0700_large.png"]
    log_p = pofx.load(model).score_samples(pofx.load_source(photos, errors="skip", shape=(6, 5, 1)).images)
    assert [float(row["log_p_nats"]) for row in rows[:N]] == log_p.tolist()
    assert all(row["error"] and not row["log_p_nats"] for row in rows[N:])
    assert "9x9" in rows[-1]["error"]
