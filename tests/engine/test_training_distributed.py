"""Two processes train one module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pofx

SCRIPT = """
import os, sys
from pathlib import Path
import torch
from torch import nn
from engine_toys import ToyData
from pofx.engine.loop import TrainingOptions, train
from pofx.engine.phase import LossTerms, Phase

def main(folder, n_images, noisy):
    rank = int(os.environ.get("RANK", "0"))
    torch.manual_seed(rank)  # different weights: the first process's must win
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))
    net.register_buffer("seen", torch.zeros(()))
    data, drawn = ToyData(n_images), []
    def loss(batch):
        noise = torch.rand(batch.x.shape, generator=batch.generator)
        drawn.append(float(noise.sum()))
        net.seen += float(noise.sum())
        error = (net(batch.x + noise * noisy) - batch.x.flatten(1)).square()
        return LossTerms(error.mean(), {"first": error[:, 0].mean()})
    options = TrainingOptions(max_epochs=4, batch_size=7, learning_rate=0.02, ema_half_life=3.0, device="cpu",
                              checkpoint_dir=folder / "checkpoints", checkpoint_every_seconds=0.0)
    phase = Phase("p", tuple(net.parameters()), loss, clip_norm=0.3)
    result = train(net, [phase], data, options, lambda: -float((net(data.x) - data.x.flatten(1)).square().mean()))
    weights = {name: tensor for name, tensor in net.state_dict().items()}
    history = result.history.without_timing().to_dict()
    torch.save({"weights": weights, "history": history, "drawn": drawn,
                "score": result.best_score}, folder / f"rank{rank}.pt")

main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
"""


def run(folder: Path, processes: int, n_images: int = 43, noisy: float = 0.0) -> list[dict[str, object]]:
    folder.mkdir(exist_ok=True)
    script = folder / "script.py"
    script.write_text(SCRIPT)
    paths = [str(Path(pofx.__file__).parents[1]), str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *launcher, str(script), str(folder), str(n_images), str(noisy)]
    subprocess.run(command, env=environment, check=True, timeout=300)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(processes)]


@pytest.mark.slow
def test_two_processes_are_one_training(tmp_path: Path) -> None:
    # 43 images in batches of 7: uneven shares, and a last batch of fewer images than there are processes.
    (one,) = run(tmp_path / "one", 1)
    first, second = run(tmp_path / "two", 2)
    torch.testing.assert_close(first["weights"], second["weights"], rtol=0, atol=0)
    assert first["history"] == second["history"] and first["score"] == second["score"]
    assert not set(first["drawn"]) & set(second["drawn"]), "each process has its own noise"
    del one["weights"]["seen"], first["weights"]["seen"]
    torch.testing.assert_close(first["weights"], one["weights"], rtol=1e-4, atol=1e-5)
    for row, other in zip(first["history"]["rows"], one["history"]["rows"], strict=True):
        assert row == pytest.approx(other, rel=1e-4)


@pytest.mark.slow
def test_noise_of_their_own_and_resume(tmp_path: Path) -> None:
    first, second = run(tmp_path / "two", 2, noisy=1.0)
    torch.testing.assert_close(first["weights"], second["weights"], rtol=0, atol=0)
    again, _ = run(tmp_path / "two", 2, noisy=1.0)
    assert again["drawn"] == [], "finished: read by the first process, told to the other"
    torch.testing.assert_close(first["weights"], again["weights"], rtol=0, atol=0)
