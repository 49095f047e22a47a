"""A fourth family in one module: independent sub-pixels, each a histogram over its levels, learned by gradient steps.

All that makes it a family stands here: the parameters, the network, the loss, log p(x), and how it draws.
"""

import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

import pofx
from pofx.density import DensityModel
from pofx.distributions.numerics import in_double
from pofx.engine.phase import LossTerms, Phase


class Histograms(nn.Module):
    """logits of each level of each sub-pixel, of each class."""

    def __init__(self, shape_CHW, levels, n_classes):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(max(1, n_classes), *shape_CHW, levels))

    def of(self, codes, n):
        return self.logits[torch.zeros(n, dtype=torch.long) if codes is None else codes]

    def log_prob(self, x_NCHW, codes):
        log_p = torch.log_softmax(self.of(codes, len(x_NCHW)), dim=-1)
        return log_p.gather(-1, x_NCHW.long()[..., None])[..., 0].flatten(1).sum(dim=1)


@pofx.register("histograms")
class HistogramModel(DensityModel):
    """p(x) = prod_i p_i(x_i).

    Args:
        image_shape: (height, width) or (height, width, channels) of the rows of a two-dimensional X.
        levels: number of levels of a sub-pixel.
        conditional: a histogram for each class.
        max_epochs: passes over the training images, at most.
        max_minutes: minutes of training, at most.
        batch_size: images a step.
        learning_rate: Adam's, at its peak.
        validation_fraction: part of the images held out to choose the best state.
        early_stopping: epochs without a better held-out score after which training ends.
        ema_half_life: half-life in steps of the average of the weights that is kept.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "float32", "bfloat16" or "float64".
        checkpoint_dir: folder for the state of the training.
        random_state: seed of everything random.
        verbose: show a progress line.
    """

    density = "exact"

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        levels: int | None = None,
        conditional: bool = False,
        *,
        max_epochs: int = 30,
        max_minutes: float | None = None,
        batch_size: int = 32,
        learning_rate: float = 0.1,
        validation_fraction: float = 0.1,
        early_stopping: int | None = 5,
        ema_half_life: float | None = None,
        device: str = "auto",
        precision: str = "float32",
        checkpoint_dir: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.image_shape = image_shape
        self.levels = levels
        self.conditional = conditional
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.ema_half_life = ema_half_life
        self.device = device
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    def _build_module(self, image_format, n_classes):
        return Histograms(image_format.spec.shape_CHW, image_format.spec.levels, n_classes)

    def _phases(self, module, image_format):
        def loss(batch):
            log_p = module.log_prob(batch.x, batch.y).mean()
            return LossTerms(-log_p / image_format.spec.n_dims, {"log_p": log_p})

        return [Phase("likelihood", list(module.parameters()), loss)]

    def _validation_score(self, module, reader):
        with torch.no_grad():
            x, codes = reader.batch(np.arange(len(reader)))
            return float(in_double(module.log_prob(x, codes)).mean())

    def _log_prob(self, x_NCHW, codes, *, discrete):
        return in_double(self.module_.log_prob(x_NCHW, codes))

    def _draw(self, n, codes, generator):
        p = torch.softmax(self.module_.of(codes, n), dim=-1)
        drawn = torch.multinomial(p.reshape(-1, p.shape[-1]), 1, generator=generator)
        return drawn.reshape(p.shape[:-1])
