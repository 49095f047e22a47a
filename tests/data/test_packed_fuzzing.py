"""Ten thousand damaged packed files: one kind of error or the same collection, no crash, no hang, no memory."""

import subprocess
import sys
from pathlib import Path

import pytest

N_FILES = 10_000
#: What reading them may add to the memory of a process, in MiB; a single claim believed would be gigabytes.
MEMORY = 16
MINUTES = 3

PROGRAM = """
import re, sys
from pathlib import Path
import numpy as np
from packed_mutations import SEVERAL, damaged, packed_bytes
from pofx.data.packed import PackedFileError, open_packed, read_packed

path, n_files = sys.argv[1], int(sys.argv[2])
content = packed_bytes()
with open(path, "wb") as file:
    file.write(content)
right = open_packed(path)

def peak():
    # Not getrusage: it remembers the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1024

def form_is_right(found):
    n = len(found.images)
    assert found.images.dtype == np.uint8 and found.images.size and 2 <= found.levels <= 256
    assert found.labels is None or found.labels.shape == (n,)
    assert found.names is None or len(found.names) == n
    assert found.named_labels is None or len(found.named_labels) == n
    found.images.sum()  # all of it lies within the file

def is_the_same(found):
    form_is_right(found)
    assert np.array_equal(found.images, right.images) and np.array_equal(found.labels, right.labels)
    names = ("names", "label_names", "levels", "origin", "skipped", "conversions")
    assert [getattr(found, name) for name in names] == [getattr(right, name) for name in names]

before, refused, rng = peak(), dict.fromkeys(SEVERAL, 0), np.random.default_rng(int(sys.argv[3]))
for index in range(n_files):
    kind = SEVERAL[index % len(SEVERAL)]
    data = damaged(content, kind, rng)
    with open(path, "wb") as file:
        file.write(data)
    try:
        read_packed(path)
        found = open_packed(path)
    except PackedFileError as error:
        assert path in str(error) and len(str(error)) < 500 + len(path)
        refused[kind] += 1
    else:
        # Whoever writes the digests anew can write another collection; anything else must be the one that was packed.
        (form_is_right if kind == "rewritten" else is_the_same)(found)
        assert kind == "rewritten" or data == content
print(*refused.values(), peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the system in Linux's way")
def test_ten_thousand_damaged_files(tmp_path):
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "a.packed"), str(N_FILES), "0"],
        env={"PYTHONPATH": ":".join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
    )
    assert done.returncode == 0, done.stderr
    *refused, grown = done.stdout.split()
    assert float(grown) < MEMORY
    # Nearly all is refused; of files with new digests some are right.
    flipped, cut, more, sizes, rewritten, foreign = (int(count) / (N_FILES / 6) for count in refused)
    assert min(flipped, cut, more, sizes, foreign) > 0.9
    assert 0.3 < rewritten < 0.95
