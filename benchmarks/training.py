"""pofx beside pythae, the same MLP modules in both, in one run.

    python benchmarks/training.py --arm trainer       # images a second of a training
    python benchmarks/training.py --arm likelihood    # log p(x) of 300 images by importance sampling, k = 5000

The modules are pythae's own (its default MLP encoder and decoder, 784-512-10), its loss (Bernoulli of binarised MNIST),
batch 256, Adam. ``trainer``: pythae's BaseTrainer against pofx's loop, five pairs, the median of the ratios; each does
what it does by default, but nothing is held out. ``likelihood``: pythae's get_nll against
`pofx.families.variational.bounds.importance_weighted_bound`, the same trained network; the two estimates stand beside.

pythae is needed for this script alone: pip install -e ".[bench]". Appends to ``results/training.csv``.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import common
from pofx.distributions import normal
from pofx.engine.loop import TrainingOptions, train
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.families.variational.bounds import importance_weighted_bound

try:
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
except ImportError:
    sys.exit('this benchmark needs pythae: pip install -e ".[bench]"')

IMAGES, BATCH, EPOCHS, PAIRS = 20_000, 256, 2, 5
SCORED, SAMPLES = 300, 5000


class Bits:
    """Training data: binary images as bytes in memory."""

    def __init__(self, images: np.ndarray) -> None:
        self.x_N1HW = torch.from_numpy(images).unsqueeze(1)

    def __len__(self) -> int:
        return len(self.x_N1HW)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, None]:
        return self.x_N1HW[torch.from_numpy(indices)], None


def model() -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=10, reconstruction_loss="bce"))


def by_pythae(net: VAE, images: np.ndarray) -> float:
    """Seconds of its training; making its data set, of float32 images, is not counted."""
    data = BaseDataset(torch.from_numpy(images).float().unsqueeze(1), torch.zeros(len(images)))
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=1e-3
        )
        trainer = BaseTrainer(net, train_dataset=data, training_config=settings)
        return seconds(trainer.train)


def by_pofx(net: VAE, images: np.ndarray, ema_half_life: float | None = None) -> float:
    """Seconds of the training."""

    def loss(batch: Batch) -> LossTerms:
        out = net({"data": batch.x.float()})
        return LossTerms(out.loss, {"reconstruction": out.recon_loss, "kl": out.reg_loss})

    options = TrainingOptions(
        max_epochs=EPOCHS, batch_size=BATCH, learning_rate=1e-3, ema_half_life=ema_half_life, device="cpu"
    )
    phase = Phase("elbo", list(net.parameters()), loss)
    return seconds(lambda: train(net, [phase], Bits(images), options))


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def trainer(images: np.ndarray) -> None:
    arms: dict[str, Callable[[], float]] = {
        "pythae": lambda: by_pythae(model(), images),
        "pofx": lambda: by_pofx(model(), images),
        "pofx, with averaged weights": lambda: by_pofx(model(), images, 500.0),
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(PAIRS + 1):  # the first round warms up
        for name, arm in arms.items():
            times[name].append(arm())
    for name in list(arms)[1:]:
        ratios = [theirs / ours for theirs, ours in zip(times["pythae"][1:], times[name][1:], strict=True)]
        common.append_row(
            "training",
            {
                "comparison": f"images a second, {name} over pythae's trainer",
                "ratio_median": round(statistics.median(ratios), 3),
                "least": round(min(ratios), 3),
                "greatest": round(max(ratios), 3),
                "ours": f"{EPOCHS * len(images) / statistics.median(times[name][1:]):.0f} images/s",
                "theirs": f"{EPOCHS * len(images) / statistics.median(times['pythae'][1:]):.0f} images/s",
                "repetitions": PAIRS,
            },
        )


@torch.inference_mode()
def log_p(net: VAE, x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """IW-5000 of the images, encoded once."""
    encoded = net.encoder(x_NCHW)
    signs_ND = 2 * x_NCHW.flatten(1) - 1
    decoder = net.decoder.layers

    def log_joint(z_SNL: Tensor) -> Tensor:
        hidden = z_SNL
        for layer in decoder[:-1]:
            hidden = layer(hidden)
        # The last layer ends in a sigmoid; its logits are taken before it.
        logits_SND = decoder[-1][0](hidden)
        zero = torch.zeros(z_SNL.shape[-1])
        return F.logsigmoid(logits_SND * signs_ND).sum(-1) + normal.log_density(z_SNL, zero, zero)

    return importance_weighted_bound(
        log_joint, encoded.embedding, encoded.log_covariance, SAMPLES, generator, chunk=max(1, 1024 // len(x_NCHW))
    )


def likelihood(images: np.ndarray) -> None:
    net = model()
    by_pofx(net, images)
    x_NCHW = torch.from_numpy(images[:SCORED]).float().unsqueeze(1)
    generator = torch.Generator().manual_seed(0)
    times_of_ours, times_of_theirs, estimates = [], [], []
    for _ in range(3):
        ours = torch.empty(0)

        def score() -> None:
            nonlocal ours
            ours = torch.cat([log_p(net, part, generator) for part in x_NCHW.split(4)])

        times_of_ours.append(seconds(score))
        theirs = 0.0

        def get_nll() -> None:
            nonlocal theirs
            with torch.inference_mode():
                theirs = float(net.get_nll(x_NCHW, n_samples=SAMPLES))

        times_of_theirs.append(seconds(get_nll))
        estimates.append((float(ours.mean()), theirs))
    ratios = [theirs / ours for theirs, ours in zip(times_of_theirs, times_of_ours, strict=True)]
    common.append_row(
        "training",
        {
            "comparison": f"log p(x) of {SCORED} images, IW-{SAMPLES}, speed over pythae's get_nll",
            "ratio_median": round(statistics.median(ratios), 3),
            "least": round(min(ratios), 3),
            "greatest": round(max(ratios), 3),
            "ours": f"{statistics.median(times_of_ours):.2f} s, mean {estimates[-1][0]:.2f} nats",
            "theirs": f"{statistics.median(times_of_theirs):.2f} s, mean {estimates[-1][1]:.2f} nats",
            "repetitions": len(ratios),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm", choices=("trainer", "likelihood"), required=True)
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    images = common.load("binarized_mnist", arguments.data_folder)["x_train"][:IMAGES]
    {"trainer": trainer, "likelihood": likelihood}[arguments.arm](np.ascontiguousarray(images, dtype=np.uint8))


if __name__ == "__main__":
    main()
