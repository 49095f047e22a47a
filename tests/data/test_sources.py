"""Sources that are no folders: what comes out of each, and that nothing damaged or odd is passed over in silence."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import draw
from PIL import Image

from pofx.data import arrays as arrays_module
from pofx.data.collection import Conversion
from pofx.data.packed import Contents, PackedFileError, write_packed
from pofx.data.sources import SOURCES, SourceError, load_source

RNG = np.random.default_rng(0)


# Names and arrays


def test_digits() -> None:
    digits = load_source("digits")
    assert digits.images.shape == (1797, 8, 8)
    assert digits.images.max() == 16
    assert digits.images.dtype != np.uint8  # which would mean 256 levels
    assert (digits.images.min(), digits.images.max()) == (0, 16)
    assert digits.labels is not None
    assert np.array_equal(np.unique(digits.labels), np.arange(10))
    assert len(digits) == len(digits.labels) == 1797
    assert digits.names is None


def test_scikit_learn_is_imported_only_for_digits() -> None:
    program = "import sys, pofx.data.sources; assert not {'sklearn', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_an_array_comes_as_it_is() -> None:
    images = RNG.random((3, 16))
    assert load_source(images).images is images
    for odd in (np.zeros(3), np.array([["a"]]), np.zeros((2, 2), complex)):
        with pytest.raises(SourceError, match="must be numbers"):
            load_source(odd)


# NumPy files


def test_npy_is_mapped(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    collection = load_source(tmp_path / "a.npy")
    assert isinstance(collection.images, np.memmap)
    assert np.array_equal(collection.images, images)
    assert str(tmp_path) in collection.origin


@pytest.mark.parametrize("image_key", ["x", "X", "images", "data"])
@pytest.mark.parametrize("label_key", ["y", "labels", None])
def test_npz_keys(tmp_path: Path, image_key: str, label_key: str | None) -> None:
    images, labels = RNG.random((3, 4, 4)), np.array(["cat", "dog", "cat"])
    np.savez(tmp_path / "a.npz", other=np.zeros(7), **{image_key: images}, **({label_key: labels} if label_key else {}))
    collection = load_source(str(tmp_path / "a.npz"))
    assert np.array_equal(collection.images, images)
    if label_key is None:
        assert collection.labels is None
    else:
        assert np.array_equal(collection.labels, labels)


def test_npz_with_one_array_of_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", anything=np.ones((2, 3, 3)))
    assert len(load_source(tmp_path / "a.npz")) == 2


def test_npz_splits(tmp_path: Path) -> None:
    arrays = {
        "x_train": np.zeros((3, 2, 2)),
        "y_train": np.arange(3),
        "x_test": np.ones((2, 2, 2)),
        "y_test": [[7], [8]],
    }
    np.savez(tmp_path / "a.npz", **arrays)
    for split in (None, "train"):
        train = load_source(tmp_path / "a.npz", split=split)
        assert np.array_equal(train.images, arrays["x_train"])
        assert train.labels.tolist() == [0, 1, 2]
    test = load_source(tmp_path / "a.npz", split="test")
    assert np.array_equal(test.images, arrays["x_test"])
    assert test.labels.tolist() == [7, 8]


def test_a_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.zeros((3, 2, 2)))
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 2, 2)))
    draw(tmp_path / "folder" / "a.png")
    for source in (tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "folder", "digits", np.zeros((2, 2))):
        with pytest.raises(SourceError, match="x_test"):
            load_source(source, split="test")
    with pytest.raises(SourceError, match="'train' or 'test'"):
        load_source(tmp_path / "a.npz", split="validation")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 2))}, "its arrays are: a, b"),
        ({"x": np.zeros((2, 2)), "images": np.zeros((2, 2))}, "several"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2, int), "labels": np.zeros(2, int)}, "several"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(3, int)}, "2 images, but labels of shape"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2)}, "integers or strings"),
        ({"x": np.zeros(4), "y": np.zeros(4, int)}, "must be numbers in two axes"),
        ({}, "none"),
    ],
)
def test_npz_that_is_not_understood(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SourceError, match=message) as raised:
        load_source(tmp_path / "a.npz")
    assert "a.npz" in str(raised.value)


def array_header(shape: tuple[int, ...], descr: object = "<f8", fortran: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": fortran, "shape": shape})
    return buffer.getvalue()


def archive(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def test_damaged_numpy_files(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((5, 5)))
    np.savez(tmp_path / "whole.npz", x=RNG.random((9, 9)), y=np.zeros(9, int))
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npy").write_bytes(buffer.getvalue()[:-8])
    (tmp_path / "longer.npy").write_bytes(buffer.getvalue() * 2)
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "version3.npy").write_bytes(buffer.getvalue()[:6] + b"\3" + buffer.getvalue()[7:])
    (tmp_path / "cut.npz").write_bytes(whole[:-100])
    (tmp_path / "flipped.npz").write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    np.save(tmp_path / "pickled.npy", np.array([[{}]], dtype=object))
    np.savez(tmp_path / "pickled.npz", x=np.array([[{}]], dtype=object))
    np.savez(tmp_path / "pickled_labels.npz", x=np.zeros((1, 2, 2)), y=np.array([{}], dtype=object))
    (tmp_path / "whole.npz").rename(tmp_path / "archive.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    os.mkfifo(tmp_path / "pipe.npz")
    for path in tmp_path.iterdir():
        with pytest.raises(SourceError, match=path.name.replace(".", r"\.")) as raised:
            load_source(path)
        if path.name.startswith("pickled"):
            assert "it holds Python objects, which are never loaded" in str(raised.value)
        if path.name == "array.npz":
            assert "rename it to end in .npy" in str(raised.value)


@pytest.mark.parametrize("shape", [(10**9, 10**9), (2**31, 2**31), (-1, 5), (10**5, 10**5, 0, 3), (2, 3)])
def test_a_header_that_claims_other_sizes_than_there_are_bytes_is_refused_unread(
    tmp_path: Path, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open_memmap", "read_array"):
        monkeypatch.setattr(np.lib.format, name, lambda *_, **__: pytest.fail("memory was taken"))
    content = array_header(shape) + bytes(40)
    (tmp_path / "a.npy").write_bytes(content)
    archive(tmp_path / "a.npz", x=content)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(SourceError, match=r"it should hold an array of shape .* but has 40 bytes"):
            load_source(tmp_path / name)


def test_a_header_without_an_end_is_refused_unread(tmp_path: Path) -> None:
    content = np.lib.format.magic(2, 0) + struct.pack("<I", 2**32 - 1) + b" " * 10**7
    (tmp_path / "a.npy").write_bytes(content)
    archive(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, x=content)
    for name in ("a.npy", "a.npz"):
        tracemalloc.start()
        with pytest.raises(SourceError, match="EOF"):
            load_source(tmp_path / name)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10**6


def test_a_member_larger_than_memory_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path / "bomb.npz", zipfile.ZIP_DEFLATED, x=array_header((1000, 1000), "|u1") + bytes(10**6))
    assert (tmp_path / "bomb.npz").stat().st_size < 2000
    assert load_source(tmp_path / "bomb.npz").images.shape == (1000, 1000)
    monkeypatch.setattr(arrays_module, "_memory_bytes", lambda: 10**6)
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("memory was taken"))
    with pytest.raises(SourceError, match="it takes 1000128 bytes, and the memory of this machine is 1000000"):
        load_source(tmp_path / "bomb.npz")


def test_memory_that_runs_out_is_an_error_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)))

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_array", no_memory)
    with pytest.raises(SourceError, match="the array x cannot be read: MemoryError"):
        load_source(tmp_path / "a.npz")


def test_the_memory_of_this_machine_is_known_where_the_system_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (arrays_module._memory_bytes() or 0) > 2**28
    monkeypatch.delattr(os, "sysconf")
    assert arrays_module._memory_bytes() is None


def test_compression_that_numpy_does_not_use_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "a.npz", zipfile.ZIP_LZMA, x=array_header((2, 2)) + bytes(32))
    with pytest.raises(SourceError, match="the array x cannot be read: it is compressed in a way"):
        load_source(tmp_path / "a.npz")


# Packed files


def test_a_packed_file_is_opened_by_its_suffix(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (3, 4, 4), dtype=np.uint8)
    write_packed(tmp_path / "a.packed", [images], lambda: Contents(256))
    collection = load_source(tmp_path / "a.packed")
    assert np.array_equal(collection.images, images)
    assert collection.levels == 256
    (tmp_path / "b.packed").write_bytes(b"nothing")
    with pytest.raises(PackedFileError):
        load_source(tmp_path / "b.packed")


# Another size


@pytest.mark.parametrize("bands", [(), (1,), (2,), (3,), (5,)])
def test_arrays_of_uint8_are_resampled(bands: tuple[int, ...]) -> None:
    images = RNG.integers(0, 256, (3, 8, 12, *bands), dtype=np.uint8)
    heard: list[tuple[int, int]] = []
    collection = load_source(images, size=(4, 4), progress=lambda done, n: heard.append((done, n)))
    assert collection.images.shape == (3, 4, 4, *bands)
    for image, resampled in zip(images.reshape(3, 8, 12, -1), collection.images.reshape(3, 4, 4, -1), strict=True):
        for channel in range(image.shape[2]):
            plane = Image.fromarray(np.ascontiguousarray(image[:, 2:10, channel]))
            assert np.array_equal(resampled[..., channel], plane.resize((4, 4), Image.Resampling.LANCZOS))
    assert collection.conversions == (
        Conversion("cut to the shape 1:1 first", 3, "image 0"),
        Conversion("resampled to 4x4 (Lanczos)", 3, "image 0"),
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_files_are_resampled_with_their_labels(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=images, y=[1, 2, 3])
    np.save(tmp_path / "a.npy", images)
    write_packed(tmp_path / "a.packed", [images], lambda: Contents(256))
    for name in ("a.npz", "a.npy", "a.packed"):
        assert np.array_equal(load_source(tmp_path / name, size=(4, 4)).images, load_source(images, size=(4, 4)).images)
    assert load_source(tmp_path / "a.npz", size=(4, 4)).labels.tolist() == [1, 2, 3]


def test_rows_are_square_images_where_they_can_be() -> None:
    rows = RNG.integers(0, 256, (3, 64), dtype=np.uint8)
    assert np.array_equal(load_source(rows, size=(4, 4)).images, load_source(rows.reshape(3, 8, 8), size=(4, 4)).images)
    assert load_source(rows, size=(8, 8)).images is rows
    with pytest.raises(SourceError, match="rows of 65 numbers have no height and width"):
        load_source(np.zeros((3, 65), np.uint8), size=(4, 4))


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32, np.uint16])
def test_only_shades_are_resampled(dtype: type) -> None:
    images = np.ones((2, 4, 4), dtype)
    assert load_source(images, size=(4, 4)).images is images
    with pytest.raises(
        SourceError, match=f"cannot be resampled to 2x2: they are {np.dtype(dtype)}, and only for uint8"
    ):
        load_source(images, size=(2, 2))


def test_levels_are_not_resampled(tmp_path: Path) -> None:
    images = RNG.integers(0, 2, (2, 4, 4), dtype=np.uint8)
    with pytest.raises(SourceError, match="their values are 2 levels and not shades"):
        load_source(images, size=(2, 2))
    write_packed(tmp_path / "a.packed", [images * 9], lambda: Contents(16))
    with pytest.raises(SourceError, match="their values are 16 levels and not shades"):
        load_source(tmp_path / "a.packed", size=(2, 2))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 6), (2, 3, 9, 9), (0, 4, 4), (2, 0, 4), (2, 4, 4, 0)])
def test_arrays_that_are_no_images_are_not_resampled(shape: tuple[int, ...]) -> None:
    with pytest.raises(SourceError):
        load_source(np.zeros(shape, np.uint8), size=(2, 2))


def test_too_much_for_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    images = RNG.integers(0, 256, (2, 4, 4), dtype=np.uint8)

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pofx.data.resampling.np.empty", no_memory)
    with pytest.raises(SourceError, match="memory cannot hold 2 images of 2x2"):
        load_source(images, size=(2, 2))


@pytest.mark.parametrize("size", [(0, 4), 4, "32"])
def test_odd_sizes_are_refused(size: object) -> None:
    with pytest.raises(SourceError, match=r"size must be \(height, width\) in pixels"):
        load_source("digits", size=size)  # type: ignore[arg-type]


# Anything else


def test_a_missing_path_suggests_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(SourceError, match=r"pictuers does not exist\. Did you mean .*pictures\?"):
        load_source(tmp_path / "pictuers")
    with pytest.raises(SourceError, match=r"pictuers does not exist\. Did you mean .*pictures\?"):
        load_source(tmp_path / "pictuers" / "train" / "cats")
    with pytest.raises(SourceError, match=r"zzz does not exist\.\nA source can be"):
        load_source(tmp_path / "zzz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="Did you mean digits"):
        load_source("digit")


@pytest.mark.parametrize("source", [3, None, [[0, 1]], b"digits"])
def test_what_is_no_source_lists_what_is(source: object) -> None:
    with pytest.raises(SourceError, match=r"is not a source\. A source can be"):
        load_source(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["a\0b", "a" * 5000])
def test_what_no_path_can_be_is_refused(source: str) -> None:
    with pytest.raises(SourceError):
        load_source(source)


def test_a_single_file_is_no_source(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(SourceError, match="A source can be"):
        load_source(tmp_path / "a.png")


def test_errors_is_raise_or_skip() -> None:
    with pytest.raises(SourceError, match="errors must be 'raise' or 'skip', not None"):
        load_source("digits", errors=None)  # type: ignore[arg-type]


def test_the_list_of_sources_names_every_kind() -> None:
    for kind in ("digits", "a folder", ".npy", ".npz", ".packed", "openml:NAME@VERSION", "openml:ID", "an array"):
        assert kind in SOURCES
