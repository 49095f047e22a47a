"""Files that are there whole or not at all."""

import errno

import pytest

from pofx.atomic import atomic_write, remove_leftovers


def test_the_longest_name_there_can_be(tmp_path):
    path = tmp_path / ("x" * 255)
    atomic_write(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new" and [e.name for e in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_not_there_is_told_by_the_name_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/model\.pofx'$"):
        atomic_write(tmp_path / "nowhere" / "model.pofx", lambda file: file.write(b"new"))


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


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path, killed_while_writing):
    (tmp_path / "a").write_bytes(b"old")
    for name in ("a", "a", "b"):
        killed_while_writing(tmp_path / name)
    others = {path.name for path in tmp_path.iterdir()} - {"a"}
    assert len(others) == 3 and all(name.endswith(".partial") for name in others)
    remove_leftovers(tmp_path / "a")
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2 and left - {"a"} < others
    assert (tmp_path / "a").read_bytes() == b"old"
