"""Sources: what comes out of each kind, and that nothing unreadable or odd is passed over in silence."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from pofx.data.sources import SourceError, load_source

RNG = np.random.default_rng(0)


def draw(path: Path, *, size: tuple[int, int] = (6, 4), mode: str = "L", **options: object) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}[mode]
    pixels = RNG.integers(0, 256, (size[1], size[0], *bands), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


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


def test_damaged_numpy_files(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((5, 5)))
    np.savez(tmp_path / "whole.npz", x=RNG.random((9, 9)), y=np.zeros(9, int))
    whole = (tmp_path / "whole.npz").read_bytes()
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)})
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("x.npy", huge.getvalue())
    (tmp_path / "huge.npy").write_bytes(huge.getvalue())
    (tmp_path / "cut.npy").write_bytes(buffer.getvalue()[:-8])
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "cut.npz").write_bytes(whole[:-100])
    (tmp_path / "flipped.npz").write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    np.save(tmp_path / "pickled.npy", np.array([[{}]], dtype=object))
    np.savez(tmp_path / "pickled.npz", x=np.array([[{}]], dtype=object))
    (tmp_path / "whole.npz").rename(tmp_path / "archive.npy")
    for path in tmp_path.iterdir():
        with pytest.raises(SourceError, match=path.name.replace(".", r"\.")):
            load_source(path)


# Folders


def test_a_flat_folder_sorted_by_name(tmp_path: Path) -> None:
    images = {name: draw(tmp_path / name) for name in ("c.bmp", "a.PNG", "b.tif")}
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / "Thumbs.db").write_bytes(b"ignored")
    (tmp_path / ".hidden.xyz").write_bytes(b"ignored")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(b"ignored")
    collection = load_source(tmp_path)
    assert collection.names == ("a.PNG", "b.tif", "c.bmp")
    assert np.array_equal(collection.images, [images[name] for name in collection.names])
    assert collection.images.shape == (3, 4, 6)
    assert collection.labels is None
    assert collection.label_names is None


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/2.png", "cat/deeper/1.png", "bird/1.png"):
        draw(tmp_path / name, mode="RGB")
    collection = load_source(str(tmp_path))
    assert collection.names == ("bird/1.png", "cat/2.png", "cat/deeper/1.png", "dog/1.png")
    assert collection.labels.tolist() == [0, 1, 1, 2]
    assert collection.label_names == ("bird", "cat", "dog")
    assert collection.images.shape == (4, 4, 6, 3)
    draw(tmp_path / "beside.png", mode="RGB")
    assert load_source(tmp_path).labels is None


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "ppm"])
def test_each_format_is_read(tmp_path: Path, suffix: str) -> None:
    exact = draw(tmp_path / f"a.{suffix}", mode="RGB", **({"lossless": True} if suffix == "webp" else {}))
    images = load_source(tmp_path).images
    assert images.shape[1:] == exact.shape
    if suffix not in ("jpg", "jpeg"):
        assert np.array_equal(images[0], exact)


def test_gif_is_read_where_it_is_gray_and_refused_where_it_has_a_palette(tmp_path: Path) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(gray).save(tmp_path / "a.gif")
    assert np.array_equal(load_source(tmp_path).images[0], gray)
    draw(tmp_path / "a.gif", mode="RGB")
    with pytest.raises(SourceError, match="mode 'P'"):
        load_source(tmp_path)


def test_one_bit_images_have_two_levels(tmp_path: Path) -> None:
    pixels = RNG.random((4, 6)) < 0.5
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = load_source(tmp_path).images
    assert images.dtype == bool
    assert np.array_equal(images[0], pixels)


def test_a_photograph_is_turned_as_it_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row is the right side
    pixels = draw(tmp_path / "a.png", exif=exif)
    assert np.array_equal(load_source(tmp_path).images[0], np.rot90(pixels, -1))


@pytest.mark.parametrize(("size", "mode"), [((6, 5), "L"), ((4, 6), "L"), ((6, 4), "RGB")])
def test_an_odd_image_is_named(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    draw(tmp_path / "odd.png", size=size, mode=mode)
    with pytest.raises(SourceError, match=r"odd\.png is 8-bit .*a\.png, is 8-bit gray of 6x4 pixels"):
        load_source(tmp_path)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_other_modes_are_refused(tmp_path: Path, mode: str) -> None:
    draw(tmp_path / "a.png", mode=mode)
    with pytest.raises(SourceError, match=rf"a\.png has Pillow's mode '{mode}'"):
        load_source(tmp_path)


def test_damaged_images_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # whatever the program around it chose
    draw(tmp_path / "a.png", size=(64, 64))
    whole = (tmp_path / "a.png").read_bytes()
    draw(tmp_path / "x.jpg", size=(64, 64))
    jpeg = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "x.jpg").unlink()
    other = io.BytesIO()  # a format that Pillow reads, but whose suffix is not among the sources'
    Image.new("L", (64, 64)).save(other, "PCX")
    for name, content in {
        "cut.png": whole[:-500],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "empty.png": b"",
        "text.png": b"no image",
        "flipped.png": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        "other.png": other.getvalue(),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name.replace(".", r"\.") + " cannot be read"):
            load_source(tmp_path)
        (tmp_path / name).unlink()
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    assert len(load_source(tmp_path)) == 1


@pytest.mark.parametrize("limit", [3000, 1500])  # Pillow warns beyond the limit and refuses beyond twice the limit
def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    draw(tmp_path / "big.png", size=(64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(SourceError, match=r"big\.png cannot be read: Image size"):
        load_source(tmp_path)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = [Image.new("L", (6, 4), value) for value in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(SourceError, match="2 frames"):
        load_source(tmp_path)


def test_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "film.mp4").write_bytes(b"")
    with pytest.raises(SourceError, match=r"film\.mp4 is not an image"):
        load_source(tmp_path)
    (tmp_path / "film.mp4").unlink()
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"broken\.png is not a file"):
        load_source(tmp_path)


def test_linked_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    draw(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "cat").symlink_to(tmp_path / "elsewhere")
    assert load_source(tmp_path / "here").label_names == ("cat",)
    (tmp_path / "here" / "circle").symlink_to(tmp_path / "here")
    with pytest.raises(SourceError, match="circle is a link to a folder that it lies in"):
        load_source(tmp_path / "here")


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("only this")
    with pytest.raises(SourceError, match="no images"):
        load_source(tmp_path)


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
