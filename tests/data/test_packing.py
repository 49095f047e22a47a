"""Packing: every source without loss, over the same levels, part by part; what would lose something is refused."""

import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import pofx
from pofx.data import packing
from pofx.data.checking import infer_format
from pofx.data.collection import Conversion, Skipped, SourceError
from pofx.data.folder import FolderImage
from pofx.data.packed import open_packed, read_packed
from pofx.data.packing import pack
from pofx.data.sources import load_source
from pofx.saving import data_fingerprint

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
UNIT = "numbers k/{} packed as the levels k"


def levels_of(images: np.ndarray, levels: int | None) -> tuple[int, np.ndarray]:
    """The number of levels that a model of these images has, and the levels that it learns from."""
    rows = images.reshape(len(images), -1)
    image_format = infer_format(rows, images.shape, levels=levels)
    return image_format.spec.levels, image_format.levels_NCHW(rows)


def draw(path, pixels=None, size=(4, 5), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, size, dtype=np.uint8) if pixels is None else pixels
    Image.fromarray(pixels).save(path, **options)
    return pixels


# Values and levels


@pytest.mark.parametrize(
    ("images", "levels", "found"),
    [
        (BYTES > 100, None, 2),
        (BYTES, None, 256),
        (BYTES // 200, None, 2),
        (BYTES // 16, None, 256),
        (BYTES // 16, 16, 16),
        ((BYTES // 16).astype(np.int64), None, 16),
        ((BYTES // 16).astype(np.int16), 20, 20),
        ((BYTES // 100).astype(np.float32), None, 3),
        ((BYTES > 9).astype(float), None, 2),
        ((BYTES > 9).astype(float), 256, 256),
        (BYTES.astype(float), None, int(BYTES.max()) + 1),
        (BYTES / 255, None, 256),
        (BYTES.astype(np.float32) / 255, None, 256),
        ((BYTES // 16) / 15, 16, 16),
    ],
)
def test_a_model_learns_the_same_levels(tmp_path, images, levels, found):
    summary = pack(images, tmp_path / "a.packed", levels=levels)
    collection = load_source(tmp_path / "a.packed")
    assert summary.contents.levels == collection.levels == found
    n_levels, expected = levels_of(images, levels)
    n_levels_packed, learned = levels_of(collection.images, collection.levels)
    assert n_levels_packed == n_levels == found
    assert np.array_equal(learned, expected)
    scaled = images.dtype.kind == "f" and not np.array_equal(images, np.rint(images))
    expected_conversions = (Conversion(UNIT.format(found - 1), 6, "image 0"),) if scaled else ()
    assert collection.conversions == summary.contents.conversions == expected_conversions


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=4, max_side=4)),
    st.sampled_from(["bool", "uint8", "int8", "int64", "uint16", "float16", "float32", "float64", "unit"]),
    st.sampled_from([1, 3, 16, 255]),
)
def test_a_model_learns_the_same_levels_of_anything_that_can_be_packed(tmp_path_factory, values, kind, greatest):
    values = values.astype(int) % (greatest + 1)
    images = values / np.float32(255) if kind == "unit" else (values % 128 if kind == "int8" else values).astype(kind)
    path = tmp_path_factory.mktemp("any") / "a.packed"
    pack(images, path)
    collection = open_packed(path)
    n_levels, expected = levels_of(images, None)
    n_levels_packed, learned = levels_of(collection.images, collection.levels)
    assert n_levels_packed == n_levels
    assert np.array_equal(learned, expected)
    assert collection.images.shape == images.shape


@pytest.mark.parametrize(
    ("images", "levels", "message"),
    [
        (BYTES / 254.5, None, "without loss: it holds numbers from .* neither integers 0..255 nor k/255"),
        (BYTES / 255, 100, "neither integers 0..99 nor k/99"),
        (BYTES * 4.0, None, "without loss"),
        (BYTES - 7.0, None, "without loss"),
        (BYTES.astype(int) * 4, None, r"it holds integers from 0 to \d+, outside 0..255"),
        (BYTES.astype(int) - 7, None, r"it holds integers from -\d to \d+, outside 0..255"),
        (BYTES, 16, r"it holds integers from 0 to 2\d\d, outside 0..15"),
        (BYTES.astype(np.uint16), 4096, "2 to 256 levels, not of 4096"),
        (BYTES, 1, "2 to 256 levels, not of 1"),
        (np.where(BYTES[3, 1, 1] == BYTES, np.nan, BYTES), None, "NaN or infinity"),
        (np.where(BYTES[3, 1, 1] == BYTES, -np.inf, BYTES), None, "NaN or infinity"),
        (np.full((2, 3), 1.5e308) * [[1], [-1]], None, "outside 0..255"),
        (BYTES[:0], None, "does not hold images"),
        (BYTES[:, :0], None, "does not hold images"),
        (BYTES[None, None], None, "does not hold images"),
    ],
)
def test_what_would_lose_something_is_refused(tmp_path, monkeypatch, images, levels, message):
    monkeypatch.setattr(packing, "PART_BYTES", 100)  # so that the odd value is not in the first part
    with pytest.raises(SourceError, match=message):
        pack(images, tmp_path / "a.packed", levels=levels)
    assert list(tmp_path.iterdir()) == []


def test_a_fit_to_the_packed_file_is_the_fit_to_its_source(tmp_path):
    digits = load_source("digits").images[:200]
    pack(digits, tmp_path / "digits.packed")
    packed = load_source(tmp_path / "digits.packed")
    parameters = {"architecture": "mlp", "width": 8, "depth": 1, "latent_dim": 2, "max_epochs": 1, "random_state": 0}
    from_packed = pofx.VAE(levels=packed.levels, **parameters).fit(packed.images)
    from_source = pofx.VAE(**parameters).fit(digits)
    assert from_packed.spec_ == from_source.spec_
    assert np.array_equal(from_packed.score_samples(packed.images), from_source.score_samples(digits))


def test_a_folder_and_its_packed_file_are_the_same_data_to_a_fit(tmp_path):
    for index in range(4):
        draw(tmp_path / "folder" / f"{index}.png")
    written = pack(tmp_path / "folder", tmp_path / "a.packed")
    folder, packed = load_source(tmp_path / "folder").images, load_source(tmp_path / "a.packed").images
    assert data_fingerprint(packed.reshape(4, -1), None) == data_fingerprint(folder.reshape(4, -1), None)
    assert written.fingerprint != data_fingerprint(folder.reshape(4, -1), None)


# Sources


def test_a_folder(tmp_path):
    images = {name: draw(tmp_path / "pets" / name) for name in ("dog/2.png", "cat/1.png", "cat/3.bmp", "dog/4.png")}
    written = pack(tmp_path / "pets", tmp_path / "pets.packed")
    expected, found = load_source(tmp_path / "pets"), load_source(tmp_path / "pets.packed")
    assert np.array_equal(found.images, [images[name] for name in sorted(images)])
    assert found.names == expected.names == tuple(sorted(images))
    assert found.named_labels.tolist() == expected.named_labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert found.label_names == expected.label_names
    assert written.contents.origin == expected.origin
    draw(tmp_path / "pets" / "beside.png")
    assert pack(str(tmp_path / "pets"), tmp_path / "pets.packed").contents.labels is None


def test_one_bit_images_have_two_levels(tmp_path):
    bits = BYTES[:2] > 99
    for index, pixels in enumerate(bits):
        draw(tmp_path / "bits" / f"{index}.png", pixels)
    assert pack(tmp_path / "bits", tmp_path / "a.packed").contents.levels == 2
    assert np.array_equal(load_source(tmp_path / "a.packed").images, bits)


def test_what_was_skipped_and_converted_is_kept(tmp_path):
    draw(tmp_path / "photos" / "a.png")
    draw(tmp_path / "photos" / "b.png", size=(4, 5, 3))
    draw(tmp_path / "photos" / "c.png", size=(8, 10))
    (tmp_path / "photos" / "d.png").write_bytes(b"")
    arguments = {"size": (4, 5), "errors": "skip"}
    written = pack(tmp_path / "photos", tmp_path / "a.packed", **arguments)
    expected, found = load_source(tmp_path / "photos", **arguments), load_source(tmp_path / "a.packed")
    assert found.names == ("a.png", "b.png", "c.png")
    assert np.array_equal(found.images, expected.images)
    assert found.skipped == expected.skipped == written.contents.skipped == (Skipped("d.png", "is empty"),)
    assert found.conversions == expected.conversions == written.contents.conversions
    assert len(found.conversions) > 0
    with pytest.raises(SourceError, match=r"d\.png is empty"):
        pack(tmp_path / "photos", tmp_path / "b.packed", size=(4, 5))
    assert not (tmp_path / "b.packed").exists()


def test_npz_and_its_splits_and_labels(tmp_path):
    words = np.array(["wolf", "cat", "wolf", "ape", "cat", "ape"])
    np.savez(tmp_path / "a.npz", x_train=BYTES, y_train=words, x_test=BYTES[:2], y_test=np.array([3, -1], np.int8))
    pack(tmp_path / "a.npz", tmp_path / "a.packed")
    found = load_source(tmp_path / "a.packed")
    assert found.named_labels.tolist() == words.tolist()
    assert found.label_names == ("ape", "cat", "wolf")
    pack(tmp_path / "a.npz", tmp_path / "a.packed", split="test")
    found = load_source(tmp_path / "a.packed")
    assert found.labels.tolist() == [3, -1]
    assert found.label_names is None
    assert np.array_equal(found.images, BYTES[:2])


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.array([2**63 + 1] * 6, np.uint64), "more than 64 bits"), (np.array([b"\xff"] * 6), "no text")],
)
def test_labels_that_cannot_be_packed(tmp_path, labels, message):
    np.savez(tmp_path / "a.npz", x=BYTES, y=labels)
    with pytest.raises(SourceError, match=message):
        pack(tmp_path / "a.npz", tmp_path / "a.packed")


def test_a_packed_file_packed_again_is_the_same_file(tmp_path):
    for index in range(3):
        draw(tmp_path / "folder" / "cat" / f"{index}.png", BYTES[index] // 16)
    (tmp_path / "folder" / "cat" / "bad.png").write_bytes(b"")
    pack(tmp_path / "folder", tmp_path / "a.packed", levels=16, errors="skip")
    pack(tmp_path / "a.packed", tmp_path / "b.packed")
    content = (tmp_path / "a.packed").read_bytes()
    assert (tmp_path / "b.packed").read_bytes() == content
    pack(tmp_path / "a.packed", tmp_path / "a.packed")  # onto itself, while it is mapped
    assert (tmp_path / "a.packed").read_bytes() == content
    assert pack(tmp_path / "a.packed", tmp_path / "b.packed", levels=20).contents.levels == 20
    with pytest.raises(SourceError, match=r"outside 0\.\.9"):
        pack(tmp_path / "a.packed", tmp_path / "b.packed", levels=10)


def test_what_cannot_be_done_is_said(tmp_path):
    draw(tmp_path / "folder" / "a.png", np.full((4, 5), 199, np.uint8))
    draw(tmp_path / "folder" / "b.png", np.full((4, 5), 200, np.uint8))
    with pytest.raises(ValueError, match=r"a\.npz should end in \.packed"):
        pack(tmp_path / "folder", tmp_path / "a.npz")
    with pytest.raises(SourceError, match=r"a\.packed lies in the folder that is to be packed"):
        pack(tmp_path / "folder", tmp_path / "folder" / "sub" / ".." / "a.packed")
    with pytest.raises(SourceError, match="has no split 'test'"):
        pack(tmp_path / "folder", tmp_path / "a.packed", split="test")
    with pytest.raises(SourceError, match=r"b\.png has the value 200, outside 0..199"):
        pack(tmp_path / "folder", tmp_path / "a.packed", levels=200)
    for source in ("nowhere", 3, "a\0b"):
        with pytest.raises(SourceError):
            pack(source, tmp_path / "a.packed")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


# Part by part


class Scan:
    """A folder of images that counts how many of them are in memory together."""

    n_files, skipped, conversions, most = 50, (), (), 0

    def read(self, progress):
        given = []
        for index in range(self.n_files):
            pixels = np.full((4, 5), index, dtype=np.uint8)
            given.append(weakref.ref(pixels))
            self.most = max(self.most, sum(reference() is not None for reference in given))
            yield FolderImage(str(index), None, pixels)
            del pixels


def test_a_folder_is_decoded_one_image_at_a_time(tmp_path, monkeypatch):
    scan = Scan()
    monkeypatch.setattr(packing, "scan_folder", lambda folder, **arguments: scan)
    (tmp_path / "folder").mkdir()
    pack(tmp_path / "folder", tmp_path / "a.packed")
    assert open_packed(tmp_path / "a.packed").images[:, 1, 2].tolist() == list(range(50))
    assert scan.most <= 3


def test_an_array_in_a_file_is_read_part_by_part(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", BYTES / 255)
    sizes, released = [], []
    write_packed = packing.write_packed

    def write(path, parts, contents):
        return write_packed(path, (sizes.append(len(part)) or part for part in parts), contents)

    monkeypatch.setattr(packing, "write_packed", write)
    monkeypatch.setattr(packing, "release_pages", lambda array: released.append(type(array)))
    monkeypatch.setattr(packing, "PART_BYTES", 2 * BYTES[0].size * 8 + 1)
    pack(tmp_path / "a.npy", tmp_path / "a.packed")
    assert sizes == [2, 2, 2]
    assert released == [np.memmap] * 6  # to see what the values are, and to write them
    assert np.array_equal(open_packed(tmp_path / "a.packed").images, BYTES)


def test_progress_is_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(packing, "PART_BYTES", BYTES[:4].nbytes)
    pack(BYTES, tmp_path / "a.packed", progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 6), (6, 6)]
    for index in range(3):
        draw(tmp_path / "folder" / f"{index}.png")
    told.clear()
    pack(tmp_path / "folder", tmp_path / "a.packed", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


def test_an_interrupted_packing_leaves_the_old_file(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    pack(BYTES[:3], tmp_path / "a.packed")
    with pytest.raises(KeyboardInterrupt):
        pack(BYTES, tmp_path / "a.packed", progress=interrupt)
    assert len(open_packed(tmp_path / "a.packed")) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.packed"]


MEMORY_PROGRAM = """
import re, sys
from pathlib import Path
from pofx.data.checking import iterate_parts
from pofx.data.packed import open_packed
from pofx.data.packing import pack

def peak():
    # Not getrusage: it remembers the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1024

before = peak()
pack(sys.argv[1], sys.argv[2])
collection = open_packed(sys.argv[2])
sum(int(part.sum()) for part in iterate_parts(collection.images))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the system in Linux's way")
def test_a_collection_larger_than_the_memory_it_takes(tmp_path):
    shape = (300, 1024, 1024)
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, shape)[-1] = 7
    program = [sys.executable, "-c", MEMORY_PROGRAM, str(tmp_path / "a.npy"), str(tmp_path / "a.packed")]
    environment = {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100  # MiB, of 300
    assert read_packed(tmp_path / "a.packed").shape == shape
