"""The packed file: what goes in comes out, mapped, and nothing damaged, foreign or newer does."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from packed_mutations import SEVERAL, damaged, packed_bytes, rewritten

from pofx.data.checking import mapped_file
from pofx.data.collection import Conversion, Skipped, SourceError
from pofx.data.packed import Contents, PackedFileError, open_packed, read_packed, write_packed

IMAGES = np.random.default_rng(0).integers(0, 17, (5, 4, 3), dtype=np.uint8)
FULL = Contents(
    levels=17,
    labels=np.array([0, 2, 1, 0, 2]),
    label_names=("cat", "dög", "\udc80 no UTF-8"),
    names=("a/1.png", "ä/2.png", "b\n.png", "\udcff.png", ""),
    origin="a folder",
    skipped=(Skipped("c.png", "is empty"), Skipped("\udcff.jpg", "is cut")),
    conversions=(Conversion("made gray", 3, "a/1.png"),),
)
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=()), max_size=5)


def same(a: Contents, b: Contents) -> bool:
    """Whether all fields agree, labels with their type."""
    if (a.labels is None) != (b.labels is None):
        return False
    labels = a.labels is None or (np.array_equal(a.labels, b.labels) and a.labels.dtype == b.labels.dtype)
    return labels and {**vars(a), "labels": None} == {**vars(b), "labels": None}


def packed(path: Path, images: np.ndarray = IMAGES, contents: Contents = FULL, n_parts: int = 2) -> Path:
    write_packed(path, np.array_split(images, n_parts), lambda: contents)
    return path


# What goes in comes out


def test_a_collection_comes_back_mapped(tmp_path):
    path = packed(tmp_path / "a.packed")
    collection = open_packed(path)
    assert np.array_equal(collection.images, IMAGES)
    assert isinstance(collection.images, np.memmap)
    assert mapped_file(collection.images) is not None
    assert mapped_file(collection.images.reshape(5, -1)) is not None  # as models look at it
    assert not collection.images.flags.writeable
    assert collection.images.ctypes.data % 64 == 0
    assert collection.named_labels.tolist() == ["cat", "\udc80 no UTF-8", "dög", "cat", "\udc80 no UTF-8"]
    assert str(path) in collection.origin
    assert "a folder" in collection.origin
    got = {name: getattr(collection, name) for name in vars(FULL) if name != "origin"}
    assert same(Contents(**got, origin="a folder"), FULL)


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=4, max_side=4)),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 3),
    st.data(),
)
def test_anything_that_can_be_packed_comes_back(tmp_path_factory, images, n_parts, with_names, n_classes, data):
    n = len(images)
    names = tuple(data.draw(st.lists(texts, min_size=n, max_size=n))) if with_names else None
    label_names = tuple(data.draw(st.lists(texts, min_size=n_classes, max_size=n_classes))) or None
    codes = st.integers(0, n_classes - 1) if n_classes else st.integers(-(2**63), 2**63 - 1)
    labels = np.array(data.draw(st.lists(codes, min_size=n, max_size=n)), dtype=np.int64)
    skipped = tuple(Skipped(*pair) for pair in data.draw(st.lists(st.tuples(texts, texts), max_size=3)))
    converted = st.lists(st.tuples(texts, st.integers(0, 2**40), texts), max_size=3)
    conversions = tuple(Conversion(*triple) for triple in data.draw(converted))
    labels = labels if n_classes or data.draw(st.booleans()) else None
    contents = Contents(256, labels, label_names, names, data.draw(texts), skipped, conversions)
    path = packed(tmp_path_factory.mktemp("any") / "a.packed", images, contents, n_parts)
    found = read_packed(path)
    assert same(found.contents, contents)
    assert found.shape == images.shape
    collection = open_packed(path)
    assert np.array_equal(collection.images, images)
    assert collection.images.shape == images.shape


def test_the_parts_do_not_matter(tmp_path):
    whole, parts = packed(tmp_path / "a.packed", n_parts=1), packed(tmp_path / "b.packed", n_parts=5)
    assert whole.read_bytes() == parts.read_bytes()
    backwards = IMAGES[:, ::-1]  # not contiguous
    assert np.array_equal(open_packed(packed(tmp_path / "c.packed", backwards)).images, backwards)


def test_the_fingerprint_is_that_of_the_image_bytes(tmp_path):
    path = tmp_path / "a.packed"
    written = write_packed(path, [IMAGES], lambda: FULL)
    assert written.fingerprint == read_packed(path).fingerprint == hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert written.shape == read_packed(path).shape
    bare = write_packed(path, [IMAGES], lambda: Contents(256))
    assert bare.fingerprint == written.fingerprint


def test_images_are_read_only_to_be_verified(tmp_path):
    path = packed(tmp_path / "a.packed")
    content = bytearray(path.read_bytes())
    content[64 + 7] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackedFileError, match=r"a\.packed is damaged or truncated: its images are not those"):
        open_packed(path)
    read_packed(path)
    assert (open_packed(path, verify=False).images != IMAGES).sum() == 1


def test_reading_needs_no_scikit_learn_and_no_torch(tmp_path):
    path = packed(tmp_path / "a.packed")
    program = (
        f"import sys; from pofx.data.packed import open_packed; assert len(open_packed({str(path)!r})) == 5; "
        "assert not {'sklearn', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


# What cannot be written


@pytest.mark.parametrize(
    ("parts", "changes", "message"),
    [
        ([], {}, "without images"),
        ([IMAGES[:0]], {}, "without images"),
        ([IMAGES[:, :0]], {"levels": 2}, "without images"),
        ([IMAGES, IMAGES[:, :2]], {}, r"of shape \(2, 3\) do not go with \(4, 3\)"),
        ([IMAGES.astype(int)], {}, "int64 images"),
        ([IMAGES[..., None, None]], {}, "images of shape"),
        ([IMAGES], {"levels": 16}, "values up to 16 have more than 16 levels"),
        ([IMAGES], {"levels": 257}, "2 to 256 levels"),
        ([IMAGES], {"levels": 1}, "more than 1 levels"),
        ([IMAGES], {"labels": FULL.labels[:4]}, "labels of type"),
        ([IMAGES], {"labels": FULL.labels.astype(np.uint8)}, "labels of type uint8"),
        ([IMAGES], {"label_names": ("cat", "dog")}, "not those of 2 classes"),
        ([IMAGES], {"labels": None}, "not those of 3 classes"),
        ([IMAGES], {"labels": FULL.labels - 1}, "not those of 3 classes"),
        ([IMAGES], {"names": ("a", "b")}, "cannot have 2 names"),
        ([IMAGES], {"origin": "a\0b"}, "zero byte"),
        ([IMAGES], {"conversions": (Conversion("what", 10**80, "example"),) * 1000}, "too many"),
    ],
)
def test_what_cannot_be_packed_leaves_nothing_behind(tmp_path, parts, changes, message):
    with pytest.raises(SourceError, match=message):
        write_packed(tmp_path / "a.packed", parts, lambda: Contents(**{**vars(FULL), **changes}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_an_interrupted_writing_leaves_the_old_file(tmp_path, error):
    def parts():
        yield IMAGES
        raise error

    with pytest.raises(error):
        write_packed(tmp_path / "a.packed", parts(), lambda: FULL)
    assert list(tmp_path.iterdir()) == []
    path = packed(tmp_path / "a.packed")
    before = path.read_bytes()
    with pytest.raises(error):
        write_packed(path, parts(), lambda: FULL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.packed"]
    assert path.read_bytes() == before


def test_a_killed_writer_leaves_no_file_under_the_name(tmp_path):
    program = (
        "import os, signal, numpy as np; from pofx.data.packed import Contents, write_packed\n"
        "def parts():\n"
        "    yield np.zeros((9, 99), np.uint8)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"write_packed({str(tmp_path / 'a.packed')!r}, parts(), lambda: Contents(2))"
    )
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}).returncode == -9
    left = [entry.name for entry in tmp_path.iterdir()]
    assert all(name.startswith(".pofx-") and name.endswith(".partial") for name in left)


# What is not read


def test_a_newer_file_asks_for_an_update(tmp_path):
    content = bytearray(packed_bytes())
    content[8] = 2
    (tmp_path / "a.packed").write_bytes(content[:70] + b"who knows what comes then")
    with pytest.raises(PackedFileError, match=r"a\.packed was written by a newer pofx .*: update pofx"):
        open_packed(tmp_path / "a.packed")


def test_foreign_files(tmp_path):
    np.save(tmp_path / "b.npy", IMAGES)
    for content in (b"", b"pofx", (tmp_path / "b.npy").read_bytes(), b"\0" * 5000):
        (tmp_path / "a.packed").write_bytes(content)
        with pytest.raises(PackedFileError, match=r"a\.packed is not a packed file: name one that `pofx prepare`"):
            open_packed(tmp_path / "a.packed")


def test_what_is_no_file(tmp_path):
    for name in ("nowhere.packed", "folder.packed", "null\0byte.packed"):
        if name.startswith("folder"):
            (tmp_path / name).mkdir()
        with pytest.raises(PackedFileError, match=re.escape(name)):
            open_packed(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.packed")
    with pytest.raises(PackedFileError, match=r"a\.packed"):
        open_packed(tmp_path / "a.packed")
    (tmp_path / "zero.packed").symlink_to("/dev/zero")
    with pytest.raises(PackedFileError, match=r"zero\.packed"):
        open_packed(tmp_path / "zero.packed")


def test_every_flipped_bit_and_every_truncation_is_refused(tmp_path):
    content = packed_bytes()
    path = tmp_path / "a.packed"
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        for damage in (flipped, content[:position]):
            path.write_bytes(damage)
            with pytest.raises(PackedFileError, match=r"a\.packed"):
                open_packed(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(PackedFileError, match="its end is missing"):
        open_packed(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [10**9, 10**9, 10**9]}, "sizes contradict"),
        ({"shape": [2**64, 1, 1]}, "sizes contradict"),
        ({"shape": [-5, -4, 3]}, "no images"),
        ({"shape": [0, 4, 3]}, "no images"),
        ({"shape": [True, 20, 3]}, "no images"),
        ({"shape": [5.0, 4, 3]}, "no images"),
        ({"shape": [60]}, "impossible shape"),
        ({"shape": [5, 1, 4, 3, 1]}, "impossible shape"),
        ({"shape": "5x4x3"}, "impossible shape"),
        ({"levels": 1}, "impossible levels"),
        ({"levels": 257}, "impossible levels"),
        ({"levels": None}, "impossible levels"),
        ({"fingerprint": 7}, "no digest"),
        ({"fingerprint": "0" * 64}, "not those that were packed"),
        ({"has_labels": False}, "names classes, but has no labels"),
        ({"has_labels": False, "n_classes": None}, "sizes contradict"),
        ({"has_labels": 1}, "contradictory"),
        ({"has_names": "yes"}, "contradictory"),
        ({"has_names": False}, "tables are incomplete"),
        ({"n_classes": 2}, "tables are incomplete"),
        ({"n_classes": 1, "n_skipped": 2}, "not those of its classes"),
        ({"n_classes": -1}, "cannot be counted"),
        ({"n_skipped": 10**9}, "tables are incomplete"),
        ({"n_skipped": "3"}, "cannot be counted"),
        ({"converted": [1.5]}, "cannot be counted"),
        ({"converted": {}}, "table of conversions"),
        ({"converted": [1] * 9000}, "tables are incomplete"),
        ({"text_bytes": 10**9}, "sizes contradict"),
        ({"text_bytes": -1}, "cannot be counted"),
        ({"more": 1}, "unknown entries"),
    ],
)
def test_impossible_numbers_with_right_checksums_are_refused(tmp_path, changes, message):
    path = tmp_path / "a.packed"
    path.write_bytes(rewritten(lambda says: says | changes))
    with pytest.raises(PackedFileError, match=f"a.packed is damaged or truncated: .*{message}"):
        open_packed(path)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (b"", "no JSON"),
        (b"no JSON", "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b"9" * 60_000, "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[]", "unknown entries"),
        (b"null", "unknown entries"),
        (b" " * 70_000, "does not fit"),
        (json.dumps({"shape": [1] * 20_000}).encode(), "unknown entries"),
    ],
)
def test_a_description_that_is_none(tmp_path, description, message):
    path = tmp_path / "a.packed"
    path.write_bytes(rewritten(lambda says: description))
    with pytest.raises(PackedFileError, match=f"a.packed is damaged or truncated: .*{message}"):
        open_packed(path)


def test_a_length_beyond_the_beginning_of_the_file(tmp_path):
    content = packed_bytes()
    path = tmp_path / "a.packed"
    path.write_bytes(content[:-48] + (len(content) + 1).to_bytes(8, "little") + content[-40:])
    with pytest.raises(PackedFileError, match="does not fit"):
        open_packed(path)


def test_labels_that_are_no_classes(tmp_path):
    content = packed_bytes()
    path = tmp_path / "a.packed"
    for label in (-1, 3):
        changed = content[:124] + label.to_bytes(8, "little", signed=True) + content[132:]
        path.write_bytes(rewritten(lambda says: says, changed))
        with pytest.raises(PackedFileError, match="not those of its classes"):
            open_packed(path)


def test_text_that_is_no_text(tmp_path):
    content = packed_bytes()
    path = tmp_path / "a.packed"
    path.write_bytes(rewritten(lambda says: says, content.replace(b"cat", b"\xff\xfft")))
    with pytest.raises(PackedFileError, match="no UTF-8"):
        open_packed(path)


def test_a_file_that_memory_cannot_hold_is_named(tmp_path, monkeypatch):
    path = packed(tmp_path / "a.packed")

    def no_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr("pofx.data.packed.decode", no_memory)
    with pytest.raises(PackedFileError, match=r"a\.packed: memory cannot hold"):
        open_packed(path)


@pytest.mark.parametrize("several", SEVERAL)
def test_mutated_files_are_refused_or_the_same(tmp_path, several):
    """A few of the mutations of the slow test `test_packed_fuzzing`."""
    rng = np.random.default_rng(5)
    path, content = tmp_path / "a.packed", packed_bytes()
    path.write_bytes(content)
    right = open_packed(path)
    for _ in range(60):
        path.write_bytes(damaged(content, several, rng))
        try:
            collection = open_packed(path)
        except PackedFileError as error:
            assert str(path) in str(error)
        else:
            # With digests made anew a changed word or pixel is a changed word or pixel; the form must be right.
            assert collection.images.shape[0] == len(collection.labels) == len(collection.names)
            assert several == "rewritten" or np.array_equal(collection.images, right.images)
