"""Importance-weighted bounds by pofx and by pythae, the same network in both, in one run.

    python benchmarks/bounds.py    # IW-5000 of 300 binarised MNIST images, a few minutes

The network is a VAE of fully connected layers, 784-200-200-50 and back, which pofx fits for a few epochs. pofx:
`VAE.log_prob_bounds(X, method="iw", n_samples=5000)`. pythae: a VAE made of the same layers with the same weights, and
its get_nll(X, n_samples=5000) with its default batch of 100 draws. Pairs of the two, one after the other; the medians
of times and ratios, and both estimates (the same quantity with different noise, which should agree to a few hundredths
of a nat).

pythae is needed for this script alone: pip install -e ".[bench]". Appends to ``results/bounds.csv``.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import common
import pofx
from pofx.families.variational.module import VAEModule
from pofx.families.variational.networks import MLPDecoder, MLPEncoder, split_posterior

try:
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
except ImportError:
    sys.exit('this benchmark needs pythae: pip install -e ".[bench]"')

SHAPE, LATENT, WIDTH = (1, 28, 28), 50, 200
TRAINING_IMAGES, EPOCHS = 10_000, 10


class Encoder(BaseEncoder):
    """The encoder of pofx for pixels 0 and 1; that one takes -1 and 1, and the first layer's weights make up for it."""

    def __init__(self, encoder: MLPEncoder) -> None:
        super().__init__()
        first, *others = encoder.hidden
        folded = nn.Linear(first.in_features, first.out_features)
        with torch.no_grad():
            folded.weight.copy_(2 * first.weight)
            folded.bias.copy_(first.bias - first.weight.sum(dim=1))
        self.layers = nn.Sequential(folded, *others, encoder.head)

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_variance = split_posterior(self.layers(x.flatten(1)))
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """The decoder of pofx, followed by a sigmoid."""

    def __init__(self, decoder: MLPDecoder) -> None:
        super().__init__()
        self.layers = nn.Sequential(*decoder.hidden, decoder.head, nn.Sigmoid(), nn.Unflatten(1, SHAPE))

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


def of_pythae(module: VAEModule) -> VAE:
    """pythae's VAE with these weights."""
    assert isinstance(module.encoder, MLPEncoder) and isinstance(module.decoder, MLPDecoder)
    config = VAEConfig(input_dim=SHAPE, latent_dim=LATENT, reconstruction_loss="bce")
    return VAE(config, Encoder(module.encoder), Decoder(module.decoder)).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-images", type=int, default=300)
    parser.add_argument("--n-samples", type=int, default=5000, help="k, a multiple of 100: pythae leaves out the rest")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    data = common.load("binarized_mnist", arguments.data_folder)
    model = pofx.VAE(
        architecture="mlp", width=WIDTH, depth=2, latent_dim=LATENT, max_epochs=EPOCHS, device="cpu", random_state=0
    )
    model.fit(data["x_train"][:TRAINING_IMAGES])
    X = np.random.default_rng(0).permutation(data["x_test"])[: arguments.n_images]
    theirs, x_NCHW = of_pythae(model.module_), torch.from_numpy(X).float().unsqueeze(1)
    times: dict[str, list[float]] = {"pofx": [], "pythae": []}
    estimates: dict[str, float] = {}

    def ours() -> float:
        return float(model.log_prob_bounds(X, method="iw", n_samples=arguments.n_samples).lower.mean())

    @torch.inference_mode()
    def by_pythae() -> float:
        return float(theirs.get_nll(x_NCHW, n_samples=arguments.n_samples))

    model.log_prob_bounds(X[:10], method="iw", n_samples=arguments.n_samples)  # warms up
    for _ in range(arguments.pairs):
        for name, estimate in (("pofx", ours), ("pythae", by_pythae)):
            start = time.perf_counter()
            estimates[name] = estimate()
            times[name].append(time.perf_counter() - start)
    ratios = [slow / fast for slow, fast in zip(times["pythae"], times["pofx"], strict=True)]
    common.append_row(
        "bounds",
        {
            "comparison": f"IW-{arguments.n_samples} of {arguments.n_images} images, speed over pythae's get_nll",
            "ratio_median": round(statistics.median(ratios), 3),
            "least": round(min(ratios), 3),
            "greatest": round(max(ratios), 3),
            "ours": f"{statistics.median(times['pofx']):.2f} s, mean {estimates['pofx']:.3f} nats",
            "theirs": f"{statistics.median(times['pythae']):.2f} s, mean {estimates['pythae']:.3f} nats",
            "pairs": arguments.pairs,
        },
    )


if __name__ == "__main__":
    main()
