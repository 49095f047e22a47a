"""A small classifier of images or vectors that trains in seconds: what fresh-classifier tests and features rest on.

Shapes: N entries of a batch, C channels, H, W height and width, D entries of a vector, K classes.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.nn.blocks import mlp
from pofx.nn.ema import ExponentialMovingAverage, copy_tensors

#: Features of the last hidden layer, of images.
N_FEATURES = 64
#: Optimiser steps between two looks at the held-out part, at least, and least size of a batch: a small set is gone
#: through several times, in batches of an eighth of it.
LEAST_STEPS, LEAST_BATCH = 64, 16
#: Entries that pass through the network together when it is asked.
CHUNK = 512
#: Entries that the mean and the scale are taken of, about.
SCALE_ENTRIES = 5_000
#: Images from this side on are halved on the way; smaller ones are vectors.
LEAST_SIDE = 6


class SmallClassifier:
    """p(y|x) by a small network: convolutions that halve the image down to 4 pixels, or of vectors two hidden layers.

    Trained with Adam on the cross-entropy. A part of the training set is held out of it: the weights, an exponential
    moving average, are those of the epoch with the least cross-entropy there, which keeps the probabilities honest.

    The entries are standardised, vectors and tiny images each dimension by itself, larger images by one mean and scale.
    All randomness comes from ``random_state``; the global generators are left as they were. On the CPU the same seed
    gives the same weights.

    Args:
        max_epochs: at most; of small sets an epoch has several passes, so that it has 64 steps of the optimiser.
        patience: the training ends after so many epochs without a better cross-entropy.
        learning_rate: of Adam.
        batch_size: at most; small sets get smaller batches.
        random_state: seed.
        device: "cpu", "cuda", ...

    Attributes set by `fit`:
        classes_: sorted labels (K,). n_epochs_: epochs trained. held_out_loss_: the least cross-entropy, nats.
    """

    def __init__(
        self,
        *,
        max_epochs: int = 40,
        patience: int = 5,
        learning_rate: float = 2e-3,
        batch_size: int = 128,
        random_state: int = 0,
        device: str = "cpu",
    ) -> None:
        self.max_epochs = max_epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def __str__(self) -> str:
        return "small convolutional network" if self._is_convolutional else "small fully connected network"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from entries (n, d), (n, H, W) or (n, H, W, C) and their labels (n,).

        Raises:
            ValueError: fewer than two classes, or a class with a single entry: it cannot be both trained on and held
                out.
        """
        values, labels = np.asarray(X), np.asarray(y)
        self.classes_, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if len(self.classes_) < 2 or counts.min() < 2:
            raise ValueError("at least two classes with at least two entries each are needed to train a classifier")
        rng = np.random.default_rng(self.random_state)
        training, held_out = _split_by_class(codes, rng)
        self._shape = values.shape[1:]
        self._learn_scale(values[training])
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.random_state)
            body, n_features = _body(self._shape) if self._is_convolutional else mlp(math.prod(self._shape), 64, 2)
            self.module_ = nn.Sequential(body, nn.Linear(n_features, len(self.classes_))).to(self.device)
        with torch.inference_mode(False), torch.enable_grad():
            self._train(values, torch.from_numpy(codes.astype(np.int64)), training, held_out, rng)
        self.module_.eval()
        return self

    def log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """log p(y|x), nats, (n, K)."""
        return torch.log_softmax(torch.from_numpy(self._outputs(X, self.module_)), dim=1).numpy()

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """p(y|x), (n, K), columns as in ``classes_``."""
        return np.exp(self.log_proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest label of each entry, (n,)."""
        return self.classes_[self._outputs(X, self.module_).argmax(axis=1)]

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """The last hidden layer, (n, 64): features that tell the classes."""
        body: Any = self.module_[0]
        return self._outputs(X, body)

    @property
    def _is_convolutional(self) -> bool:
        return len(self._shape) >= 2 and min(self._shape[:2]) >= LEAST_SIDE

    def _learn_scale(self, values: NDArray[Any]) -> None:
        axis = None if self._is_convolutional else 0
        # float64 for the sums alone, and of some of many entries: a copy of all would be eight times the bytes.
        values = values[:: math.ceil(len(values) / SCALE_ENTRIES)]
        self._offset = values.mean(axis=axis, dtype=np.float64)
        spread = np.asarray(values.std(axis=axis, dtype=np.float64))
        self._scale = np.where(spread > 0, spread, 1.0)

    def _inputs(self, values: NDArray[Any]) -> Tensor:
        x = torch.from_numpy(((values - self._offset) / self._scale).astype(np.float32))
        if not self._is_convolutional:
            return x.flatten(1).to(self.device)
        x_NCHW = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
        return x_NCHW.to(self.device)

    def _outputs(self, X: ArrayLike, module: nn.Module) -> NDArray[np.float64]:
        values = np.asarray(X)
        if values.shape[1:] != self._shape:
            raise ValueError(f"the classifier was trained on arrays of shape {self._shape}, not {values.shape[1:]}")
        with torch.inference_mode():
            parts = [
                module(self._inputs(values[start : start + CHUNK])).cpu().double()
                for start in range(0, len(values), CHUNK)
            ]
        return torch.cat(parts).numpy()

    def _train(
        self,
        values: NDArray[Any],
        codes_N: Tensor,
        training: NDArray[np.int64],
        held_out: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        optimiser = torch.optim.Adam(self.module_.parameters(), lr=self.learning_rate, betas=(0.9, 0.99))
        average = ExponentialMovingAverage(self.module_)
        n_batches = math.ceil(len(training) / min(self.batch_size, max(LEAST_BATCH, len(training) // 8)))
        passes = math.ceil(LEAST_STEPS / n_batches)
        steps, done, best, best_epoch = passes * n_batches, 0, math.inf, 0
        state: dict[str, Tensor] = {}
        for epoch in range(1, self.max_epochs + 1):
            for chosen in (
                part for _ in range(passes) for part in np.array_split(rng.permutation(training), n_batches)
            ):
                x = self._inputs(values[chosen])
                loss = F.cross_entropy(self.module_(x), codes_N[torch.from_numpy(chosen)].to(self.device))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                done += 1
                # The half-life grows from nothing to half an epoch: the first weights are soon forgotten.
                average.update(min(steps / 2, done / 10))
            with average.swapped_in(self.module_):
                log_p = torch.from_numpy(self.log_proba(values[held_out]))
                found = float(F.nll_loss(log_p, codes_N[torch.from_numpy(held_out)]))
            if found < best:
                # A hundredth of a per cent is no reason to go on.
                best_epoch = epoch if found < best - 1e-4 else best_epoch
                best, state = found, copy.deepcopy(average.state_dict())
            if epoch - best_epoch >= self.patience:
                break
        if not state:
            raise FloatingPointError("the classifier's loss was never finite: are the values of a usable size?")
        copy_tensors({name: tensor.to(self.device) for name, tensor in state.items()}, self.module_)
        self.n_epochs_, self.held_out_loss_ = epoch, best


def _body(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Convolutions of stride 2, of 5x5 and then 3x3 pixels, down to at most 4x4, and one hidden layer."""
    height, width = shape[:2]
    channels = shape[2] if len(shape) == 3 else 1
    layers: list[nn.Module] = []
    n, size = 24, 5
    while max(height, width) > 4:
        layers += [nn.Conv2d(channels, n, size, stride=2, padding=size // 2), nn.SiLU()]
        height, width = math.ceil(height / 2), math.ceil(width / 2)
        channels, n, size = n, min(2 * n, 96), 3
    layers += [nn.Flatten(), nn.Linear(channels * height * width, N_FEATURES), nn.SiLU()]
    return nn.Sequential(*layers), N_FEATURES


def _split_by_class(codes: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Three quarters of each class to train on, and the rest, at least one of each."""
    training, held_out = [], []
    for code in range(codes.max() + 1):
        members = rng.permutation(np.flatnonzero(codes == code))
        n_held_out = max(1, len(members) // 4)
        held_out.append(members[:n_held_out])
        training.append(members[n_held_out:])
    return np.concatenate(training), np.concatenate(held_out)
