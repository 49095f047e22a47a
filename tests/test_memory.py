"""A collection on disk is fitted and scored without being in memory."""

import gc
import subprocess
import sys

import numpy as np
import pytest
import torch

import pofx
from pofx.fitted import CHUNK

PROGRAM = r"""
import re, sys
from pathlib import Path
import numpy as np
import torch

def peak():
    # Not getrusage: it remembers the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1024

before = peak()
import pofx
X = np.load(sys.argv[1], mmap_mode="r")
model = pofx.VAE(
    max_epochs=1, architecture="mlp", width=16, depth=1, likelihood="logistic", batch_size=256, random_state=0
).fit(X)
scores = model.score_samples(X)
assert scores.shape == (len(X),) and np.isfinite(scores).all()
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the system in Linux's way")
@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3)])
def test_a_hundred_thousand_images_take_less_than_500_mib(shape, tmp_path):
    """Peak memory above that of a process that has imported torch; the larger collection is 300 MiB itself."""
    images = np.lib.format.open_memmap(tmp_path / "images.npy", mode="w+", dtype=np.uint8, shape=(100_000, *shape))
    rng = np.random.default_rng(0)
    for start in range(0, len(images), 10_000):
        images[start : start + 10_000] = rng.integers(0, 256, size=(10_000, *shape), dtype=np.uint8)
    images.flush()
    del images
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "images.npy"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 50 < float(done.stdout) < 500


def test_scoring_keeps_no_tensor_of_the_chunks_that_are_done(monkeypatch):
    """Each would hold back the memory around it: the more images, the more."""
    X = np.random.default_rng(0).integers(0, 256, size=(5 * CHUNK, 4, 4), dtype=np.uint8)
    model = pofx.VAE(max_epochs=1, architecture="mlp", width=4, depth=1, latent_dim=2, random_state=0).fit(X)
    log_prob, tensors = model._log_prob, []

    def counting(x_NCHW, codes, *, discrete):
        tensors.append(sum(type(thing) is torch.Tensor for thing in gc.get_objects()))
        return log_prob(x_NCHW, codes, discrete=discrete)

    monkeypatch.setattr(model, "_log_prob", counting)
    gc.collect()  # what the training left
    model.score_samples(X)
    assert len(tensors) == 5
    assert len(set(tensors[1:])) == 1  # the first chunk has none before it
