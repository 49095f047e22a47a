"""Thousands of damaged image and NumPy files: a valid collection or a SourceError, no hang, no memory beyond a limit.

The pixels that Pillow lets an image have are limited here to 4 million, so that what a header claims and what a file
takes can be told apart: an image within the limit takes at most 24 bytes for each of its pixels, whatever it claims.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from image_mutations import mutated_arrays, mutated_images
from PIL import Image

from pofx.data.collection import Collection, SourceError
from pofx.data.folder import read_folder
from pofx.data.sources import load_source

MAX_PIXELS = 2**22
MAX_GROWTH_MIB = 24 * MAX_PIXELS / 2**20 + 32
HANGS_AFTER_SECONDS = 600

PROGRAM = """
import resource, sys
from pathlib import Path
import test_image_fuzzing as fuzzing

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

fuzzing.Image.MAX_IMAGE_PIXELS = fuzzing.MAX_PIXELS
folder, kind, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
fuzzing.read_all(folder, kind, 50, seed=0)  # decoders are loaded with the first file of their format
before = peak()
print(*fuzzing.read_all(folder, kind, n, seed=1), peak() - before)
"""


def is_valid(collection: Collection) -> bool:
    images = collection.images
    return images.dtype.kind in "biuf" and images.ndim >= 2 and images.size == np.asarray(images).copy().size


def is_valid_image(collection: Collection) -> bool:
    images = collection.images
    n, height, width = images.shape[:3]
    is_possible = images.dtype in (bool, np.uint8) and images.shape[3:] in ((), (3,)) and n == 1
    return is_possible and 0 < height * width <= MAX_PIXELS and is_valid(collection)


def read_all(folder: Path, kind: str, n: int, seed: int) -> tuple[int, int]:
    """Read ``n`` damaged files one by one; how many were read and how many refused."""
    reading: dict[str, tuple[Iterator[tuple[str, bytes]], Callable[[Path], Collection], Callable]] = {
        "images": (mutated_images(n, seed), lambda path: read_folder(path.parent), is_valid_image),
        "arrays": (mutated_arrays(n, seed), load_source, is_valid),
    }
    files, read, check = reading[kind]
    n_read = n_refused = 0
    for name, content in files:
        path = folder / name
        path.write_bytes(content)
        try:
            collection = read(path)
        except SourceError as error:
            n_refused += 1
            assert name in str(error)
        else:
            n_read += 1
            assert check(collection), (name, content)
            del collection
        path.unlink()
    return n_read, n_refused


@pytest.mark.parametrize("kind", ["images", "arrays"])
def test_three_hundred_damaged_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS)
    n_read, n_refused = read_all(tmp_path, kind, 300, seed=2)
    assert n_read + n_refused == 300
    assert min(n_read, n_refused) > 5


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n"), [("images", 10_000), ("arrays", 3_000)])
def test_thousands_of_damaged_files_in_bounded_memory(kind: str, n: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path, kind, str(n)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_AFTER_SECONDS,
        env={**os.environ, "PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    n_read, n_refused, growth = done.stdout.split()
    assert int(n_read) + int(n_refused) == n
    assert min(int(n_read), int(n_refused)) > n / 40
    assert float(growth) < MAX_GROWTH_MIB
