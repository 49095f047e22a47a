"""Files that are there whole or not at all."""

import errno

import pytest

from pofx.atomic import atomic_write


def test_the_longest_name_there_can_be(tmp_path):
    path = tmp_path / ("x" * 255)
    atomic_write(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new" and [e.name for e in tmp_path.iterdir()] == [path.name]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    atomic_write(tmp_path / "link", lambda file: file.write(b"new"))
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"


def test_a_failure_names_the_file_and_leaves_it(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        atomic_write(tmp_path / "a", full)
    assert caught.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old" and [e.name for e in tmp_path.iterdir()] == ["a"]
