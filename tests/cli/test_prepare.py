"""``pofx prepare`` as a person at a terminal finds it."""

import itertools
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from pofx.cli import main
from pofx.data.sources import load_source

RNG = np.random.default_rng(0)
N_GOOD = 1000
#: What else lies in the folder -> a part of the reason why it is left out.
BAD = {
    "photo0500a.png": "empty",
    "photo0500b.png": "",  # truncated
    "photo0500c.jpg": "not an image of a kind",
    "photo0500d.mp4": "not an image by its name",
    "photo0500e.gif": "2 frames",
    "photo0500f.png": "4095 of 65535",
    "photo0500g.png": "leads nowhere",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A thousand small images, and one each of what is no image."""
    folder = tmp_path_factory.mktemp("folder") / "photos"
    folder.mkdir()
    pixels = RNG.integers(0, 256, size=(N_GOOD, 6, 5), dtype=np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"photo{index:04}.png", compress_level=1)
    frames = [Image.new("L", (5, 6), value) for value in (0, 255)]
    (folder / "photo0500a.png").write_bytes(b"")
    (folder / "photo0500b.png").write_bytes((folder / "photo0999.png").read_bytes()[:-30])
    (folder / "photo0500c.jpg").write_text("no image")
    (folder / "photo0500d.mp4").write_bytes(b"a film")
    frames[0].save(folder / "photo0500e.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.full((6, 5), 4095, np.uint16)).save(folder / "photo0500f.png")
    (folder / "photo0500g.png").symlink_to(folder / "nowhere")
    return folder, pixels


def test_the_first_bad_file_is_named(photos, tmp_path, capsys):
    folder, _ = photos
    assert main(["prepare", str(folder), "-o", str(tmp_path / "photos.packed")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert any(name in captured.err for name in BAD)
    assert list(tmp_path.iterdir()) == []


def test_bad_files_are_left_out_and_told(photos, tmp_path, capsys):
    folder, pixels = photos
    path = tmp_path / "photos.packed"
    assert main(["prepare", str(folder), "-o", str(path), "--errors", "skip"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"1,000 images of 6 x 5, 256 levels: 0\.0\d MB; [\d,]+ images/s\.\n", out)
    assert "Left out: 7 files" in out
    assert f"Written: {path}\n" in out
    for name, reason in BAD.items():
        assert re.search(rf"{re.escape(name)}.*{reason}", out)
    collection = load_source(path)
    assert np.array_equal(collection.images, pixels)
    assert [bad.name for bad in collection.skipped] == list(BAD)
    assert collection.names == tuple(f"photo{index:04}.png" for index in range(N_GOOD))


def test_nothing_left_is_an_error(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"")
    assert main(["prepare", str(tmp_path / "photos"), "-o", str(tmp_path / "a.packed"), "--errors", "skip"]) == 1
    assert "a.png is empty" in capsys.readouterr().err
    assert not (tmp_path / "a.packed").exists()


def test_classes_conversions_and_another_size(tmp_path, capsys):
    for name, shape in {"cat/1.png": (8, 8), "dog/1.png": (4, 4, 3), "dog/2.png": (16, 8)}.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, size=shape, dtype=np.uint8)).save(tmp_path / "pets" / name)
    assert main(["prepare", str(tmp_path / "pets"), "-o", str(tmp_path / "pets"), "--size", "4"]) == 1
    assert "is a folder" in capsys.readouterr().err
    assert main(["prepare", str(tmp_path / "pets"), "-o", str(tmp_path / "pets.packed"), "--size", "4"]) == 0
    out = capsys.readouterr().out
    assert "3 images of 4 x 4 x 3 channels, 256 levels, 2 classes" in out
    assert "Converted: resampled to 4x4 (Lanczos) (2 images, as cat/1.png)" in out
    assert load_source(tmp_path / "pets.packed").named_labels.tolist() == ["cat", "dog", "dog"]


def test_arrays_levels_and_splits(tmp_path, capsys):
    images = RNG.integers(0, 9, size=(7, 12))
    np.savez(tmp_path / "a.npz", x_train=images, x_test=images[:1] / 8, y_test=np.zeros(1, int))
    source, output = str(tmp_path / "a.npz"), str(tmp_path / "a.packed")
    assert main(["prepare", source, "-o", output]) == 0
    assert f"7 images of 12, {images.max() + 1} levels: " in capsys.readouterr().out
    assert main(["prepare", source, "-o", output, "--levels", "20"]) == 0
    assert "20 levels" in capsys.readouterr().out
    assert main(["prepare", source, "-o", output, "--split", "test", "--levels", "9"]) == 0
    out = capsys.readouterr().out
    assert "1 image of 12, 9 levels, with labels" in out
    assert "Converted: numbers k/8 packed as the levels k (image 0)" in out
    assert np.array_equal(load_source(output).images, images[:1])
    for arguments, message in (
        (["--split", "test"], "cannot be packed without loss"),
        (["--levels", "3"], "outside 0..2"),
        (["--size", "2"], "cannot be resampled"),
    ):
        assert main(["prepare", source, "-o", output, *arguments]) == 1
        assert message in capsys.readouterr().err
    assert np.array_equal(load_source(output).images, images[:1])  # as it was


def test_output_is_a_packed_file(tmp_path, capsys):
    assert main(["prepare", "digits", "-o", str(tmp_path / "digits.npz")]) == 1
    assert "should end in .packed" in capsys.readouterr().err
    assert main(["prepare", "digits", "-o", str(tmp_path / "new" / "digits")]) == 0
    assert len(load_source(tmp_path / "new" / "digits.packed")) == 1797


@pytest.mark.parametrize(("words", "shown"), [([], True), (["--no-verbose"], False)])
def test_progress_is_told_on_stderr(tmp_path, capsys, monkeypatch, words, shown):
    clock = itertools.count(step=100)
    monkeypatch.setattr("pofx.engine.progress.monotonic", lambda: next(clock))
    assert main(["prepare", "digits", "-o", str(tmp_path / "digits.packed"), *words]) == 0
    captured = capsys.readouterr()
    assert ("1,797 images" in captured.err) == shown
    assert "Packing" not in captured.out


@pytest.mark.slow
def test_a_program_that_is_told_to_end_leaves_nothing_half_done(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((60_000, 64, 64), np.uint8))
    program = [sys.executable, "-m", "pofx", "prepare", str(tmp_path / "x.npy"), "-o", str(tmp_path / "x.packed")]
    ended = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".pofx-*.partial")) and ended.poll() is None:
        time.sleep(0.005)
    ended.send_signal(signal.SIGTERM)
    assert ended.wait() == 128 + signal.SIGTERM
    assert [e.name for e in tmp_path.iterdir()] == ["x.npy"]
