"""A plain autoencoder: the floor for learned features. No probability in it, only squared error."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.engine.loop import TrainingOptions, train
from pofx.engine.phase import Batch, LossTerms, Phase
from pofx.nn.blocks import mlp


class PlainAutoencoder:
    """Fully connected encoder and decoder with one code layer, trained on the mean squared error.

    Args:
        code_dim: features.
        width, depth: hidden units and layers on either side.
    """

    def __init__(
        self,
        code_dim: int = 32,
        *,
        width: int = 512,
        depth: int = 2,
        max_epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        random_state: int = 0,
    ) -> None:
        self.code_dim = code_dim
        self.width = width
        self.depth = depth
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: NDArray[np.generic]) -> PlainAutoencoder:
        """Learn from rows (n, D) of numbers of any range."""
        rows = np.asarray(X, dtype=np.float32)
        self.offset_, self.scale_ = float(rows.mean()), float(rows.std()) or 1.0
        n_dims = math.prod(rows.shape[1:])
        with torch.random.fork_rng():
            torch.manual_seed(self.random_state)
            hidden, n_features = mlp(n_dims, self.width, self.depth)
            self.encoder_ = nn.Sequential(hidden, nn.Linear(n_features, self.code_dim))
            hidden, n_features = mlp(self.code_dim, self.width, self.depth)
            decoder = nn.Sequential(hidden, nn.Linear(n_features, n_dims))
        module = nn.ModuleDict({"encoder": self.encoder_, "decoder": decoder})

        def loss(batch: Batch) -> LossTerms:
            error = F.mse_loss(decoder(self.encoder_(batch.x)), batch.x)
            return LossTerms(error, {"squared_error": error})

        train(
            module,
            [Phase("squared_error", list(module.parameters()), loss)],
            _Rows(self._scaled(rows)),
            TrainingOptions(
                max_epochs=self.max_epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                seed=self.random_state,
                device="cpu",
            ),
            None,
        )
        self.encoder_.eval()
        return self

    def transform(self, X: NDArray[np.generic]) -> NDArray[np.float64]:
        """The code of each row, (n, code_dim)."""
        with torch.inference_mode():
            code: Tensor = self.encoder_(self._scaled(np.asarray(X, dtype=np.float32)))
        return code.double().numpy()

    def _scaled(self, rows: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy((rows - self.offset_) / self.scale_)


class _Rows:
    """Training data that are one tensor."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, None]:
        return self.rows[torch.from_numpy(indices)], None
