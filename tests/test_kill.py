"""A fit that is killed at any moment and started again ends as one that was never killed, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import pofx

PROGRAM = """
import sys
from sklearn.datasets import load_digits
import torch
import pofx
torch.set_num_threads(1)
folder, out = sys.argv[1:]
print("ready", flush=True)
X = load_digits().images
model = pofx.VAE(width=48, depth=1, max_epochs=40, early_stopping=6, random_state=3, checkpoint_dir=folder).fit(X)
model.save(out)
"""


def start(folder, out):
    return subprocess.Popen([sys.executable, "-c", PROGRAM, folder, out], stdout=subprocess.PIPE, text=True)


def wait_until_ready(process):
    with process.stdout as pipe:
        assert pipe.readline() == "ready\n"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = start(folder / "run", folder / "model.pofx")
    wait_until_ready(process)
    begun = time.monotonic()
    assert process.wait() == 0
    return pofx.load(folder / "model.pofx"), time.monotonic() - begun


@pytest.mark.slow
@pytest.mark.parametrize("run", range(20))
def test_a_killed_fit_ends_in_the_same_bits(run, uninterrupted, tmp_path):
    """Up to four kills with SIGKILL, at moments spread over the length of an uninterrupted fit."""
    reference, seconds = uninterrupted
    moments = random.Random(run)
    out = tmp_path / "model.pofx"
    kills = 0
    while True:
        process = start(tmp_path / "run", out)
        wait_until_ready(process)
        if kills < 4:
            try:
                process.wait(timeout=moments.uniform(0, seconds))
            except subprocess.TimeoutExpired:
                process.kill()
        code = process.wait()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    model = pofx.load(out)
    for name, tensor in reference.module_.state_dict().items():
        assert torch.equal(model.module_.state_dict()[name], tensor), name
    assert json.dumps(model.history_.without_timing().to_dict()) == json.dumps(
        reference.history_.without_timing().to_dict()
    )
    X = pofx.load_source("digits").images
    assert np.array_equal(model.score_samples(X), reference.score_samples(X))
    assert model.held_out_score_ == reference.held_out_score_
