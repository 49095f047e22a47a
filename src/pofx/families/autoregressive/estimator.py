"""`PixelCNN` and `PixelRNN`: the autoregressive models behind the contract of `pofx.base`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from inspect import signature
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions
from torch import nn

from pofx.distributions.pixels import PixelLaw
from pofx.families.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from pofx.families.autoregressive.masks import rounded_up
from pofx.families.autoregressive.model import AutoregressiveModel
from pofx.families.autoregressive.module import AutoregressiveModule, one_after_the_other
from pofx.families.autoregressive.pixelcnn import GatedLayer, ResidualBlock
from pofx.families.autoregressive.row_lstm import RowLSTM, staggered, wavefront

#: Of the gated layers, in turn: all of a context that doubles from layer to layer is seen.
DILATIONS = (1, 2, 4)

#: Width of the Row LSTM's convolutions (arXiv 1601.06759, section 3.1).
ROW_LSTM_KERNEL = 3


class PixelCNN(AutoregressiveModel):
    """Masked convolutions: log p(x) = sum_i log p(x_i | x_<i), all terms in one pass of the network.

    ``gated=True`` has two stacks without a blind spot (van den Oord et al. 2016, arXiv 1606.05328); ``gated=False`` is
    the first form, whose blind spot its layer documents (van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv
    1601.06759).

    Args:
        image_shape: (height, width) or (height, width, channels) of the rows of a two-dimensional X; None reads it from
            X (square if possible).
        levels: number of levels of a sub-pixel; None reads it from X (see `pofx.data.levels`).
        conditional: learn p(x|y) from the labels given to `fit`.
        gated: two gated stacks, or the first form's residual blocks.
        n_layers: residual layers after the 7 x 7 input convolution.
        n_channels: features of a layer; rounded up to a multiple of 3 (6 if not gated) under a softmax of colours, of 2
            if not gated.
        kernel_size: width of a layer's convolution, odd. What the layers of a gated network see lies 1, 2, 4, 1, 2, 4,
            ... pixels apart: five layers of 3 x 3 reach 13 pixels.
        likelihood: the law of a pixel: "softmax" (a number for each level; a sigmoid for two levels) or
            "logistic_mixture" (discretised, one component for all colours of a pixel). "auto": softmax up to 64 levels.
        n_components: logistics a pixel in the mixture.
        max_epochs: passes over the training images, at most.
        max_minutes: minutes of training, at most; the schedule then follows the clock.
        batch_size: images a step.
        learning_rate: Adam's, at its peak; it warms up, then falls to zero along a cosine.
        validation_fraction: part of the images held out to choose the best state; 0 uses the last one.
        early_stopping: epochs without a better held-out score after which training ends; None goes on to the end.
        ema_half_life: half-life in steps of the average of the weights that is kept; None keeps the raw weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "float32", "bfloat16" (mixed; for GPUs) or "float64". On a GPU the convolutions of a float32 training
            may round to TF32; those of scoring and sampling do not.
        checkpoint_dir: folder for the state of the training; a fit that was killed goes on from there.
        random_state: seed of everything random in the fit, and of `sample` unless that is given its own. With a
            ``checkpoint_dir`` and no integer here the seed follows from the data, so that a fit is found again.
        verbose: show a progress line.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().images
        >>> model = pofx.PixelCNN(max_epochs=1, n_layers=2, n_channels=8, random_state=0).fit(X)
        >>> bool(abs(model.log_prob_map(X).sum(axis=(1, 2)) - model.score_samples(X)).max() < 1e-9)
        True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **AutoregressiveModel._parameter_constraints,
        "gated": ["boolean"],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Options(Integral, {1, 3, 5, 7, 9, 11})],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        levels: int | None = None,
        conditional: bool = False,
        *,
        gated: bool = True,
        n_layers: int = 5,
        n_channels: int = 32,
        kernel_size: int = 3,
        likelihood: str = "auto",
        n_components: int = 5,
        max_epochs: int = 100,
        max_minutes: float | None = None,
        batch_size: int = 16,
        learning_rate: float = 4e-3,
        validation_fraction: float = 0.1,
        early_stopping: int | None = 20,
        ema_half_life: float | None = 500,
        device: str = "auto",
        precision: str = "float32",
        checkpoint_dir: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.image_shape = image_shape
        self.levels = levels
        self.conditional = conditional
        self.gated = gated
        self.n_layers = n_layers
        self.n_channels = n_channels
        self.kernel_size = kernel_size
        self.likelihood = likelihood
        self.n_components = n_components
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

    def _network(
        self, law: PixelLaw, n_groups: int, n_classes: int, size: tuple[int, int] | None = None
    ) -> AutoregressiveModule:
        n_features = _rounded(self, "n_channels", n_groups if self.gated else 2 * n_groups)

        def layer(number: int) -> nn.Module:
            if not self.gated:
                return ResidualBlock(n_features, self.kernel_size, n_groups, n_classes)
            dilation = DILATIONS[number % len(DILATIONS)]
            is_last = number == self.n_layers - 1
            return GatedLayer(n_features, self.kernel_size, n_groups, n_classes, dilation, is_last=is_last)

        return AutoregressiveModule(
            law,
            n_classes,
            n_features=n_features,
            n_layers=self.n_layers,
            make_layer=layer,
            two_stacks=self.gated,
            size=size,
        )


class PixelRNN(AutoregressiveModel):
    """Recurrent layers over rows or diagonals: log p(x) = sum_i log p(x_i | x_<i).

    Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv 1601.06759, sections 3.1 and 3.2.

    Args:
        image_shape: (height, width) or (height, width, channels) of the rows of a two-dimensional X; None reads it from
            X (square if possible).
        levels: number of levels of a sub-pixel; None reads it from X (see `pofx.data.levels`).
        conditional: learn p(x|y) from the labels given to `fit`.
        cell: "row_lstm": a triangle above each pixel, a row at a time; "diagonal_bilstm": everything before each
            pixel, a diagonal at a time, and several times as slow.
        n_layers: recurrent layers after the 7 x 7 input convolution.
        n_hidden: h, the size of a hidden state; the features between the layers are 2h. Rounded up to a multiple of 3
            under a softmax of colours.
        likelihood: the law of a pixel: "softmax" (a number for each level; a sigmoid for two levels) or
            "logistic_mixture" (discretised, one component for all colours of a pixel). "auto": softmax up to 64 levels.
        n_components: logistics a pixel in the mixture.
        max_epochs: passes over the training images, at most.
        max_minutes: minutes of training, at most; the schedule then follows the clock.
        batch_size: images a step.
        learning_rate: Adam's, at its peak; it warms up, then falls to zero along a cosine.
        validation_fraction: part of the images held out to choose the best state; 0 uses the last one.
        early_stopping: epochs without a better held-out score after which training ends; None goes on to the end.
        ema_half_life: half-life in steps of the average of the weights that is kept; None keeps the raw weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "float32", "bfloat16" (mixed; for GPUs) or "float64". On a GPU the convolutions of a float32 training
            may round to TF32; those of scoring and sampling do not.
        checkpoint_dir: folder for the state of the training; a fit that was killed goes on from there.
        random_state: seed of everything random in the fit, and of `sample` unless that is given its own. With a
            ``checkpoint_dir`` and no integer here the seed follows from the data, so that a fit is found again.
        verbose: show a progress line.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().images
        >>> model = pofx.PixelRNN(max_epochs=1, n_layers=1, n_hidden=8, random_state=0).fit(X)
        >>> model.score_samples(X).shape
        (1797,)
    """

    in_report = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **AutoregressiveModel._parameter_constraints,
        "cell": [StrOptions({"row_lstm", "diagonal_bilstm"})],
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        levels: int | None = None,
        conditional: bool = False,
        *,
        cell: str = "row_lstm",
        n_layers: int = 7,
        n_hidden: int = 16,
        likelihood: str = "auto",
        n_components: int = 5,
        max_epochs: int = 100,
        max_minutes: float | None = None,
        batch_size: int = 16,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.1,
        early_stopping: int | None = 20,
        ema_half_life: float | None = 500,
        device: str = "auto",
        precision: str = "float32",
        checkpoint_dir: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.image_shape = image_shape
        self.levels = levels
        self.conditional = conditional
        self.cell = cell
        self.n_layers = n_layers
        self.n_hidden = n_hidden
        self.likelihood = likelihood
        self.n_components = n_components
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

    def _network(
        self, law: PixelLaw, n_groups: int, n_classes: int, size: tuple[int, int] | None = None
    ) -> AutoregressiveModule:
        n_features = 2 * _rounded(self, "n_hidden", n_groups)

        by_rows = self.cell == "row_lstm"

        def layer(number: int) -> nn.Module:
            if by_rows:
                return RowLSTM(n_features, ROW_LSTM_KERNEL, n_groups, n_classes)
            return DiagonalBiLSTM(n_features, n_groups, n_classes)

        return AutoregressiveModule(
            law,
            n_classes,
            n_features=n_features,
            n_layers=self.n_layers,
            make_layer=layer,
            two_stacks=False,
            run_layers=wavefront if by_rows else one_after_the_other,
            stagger_layers=staggered if by_rows else None,
            size=size,
        )


def _rounded(model: AutoregressiveModel, name: str, n_groups: int) -> int:
    """So many features that every colour has the same number; a warning says so where that is more than was asked."""
    n_features = getattr(model, name)
    rounded = rounded_up(n_features, n_groups)
    # Nobody has asked for the default.
    if rounded != n_features and n_features != signature(type(model)).parameters[name].default:
        message = f"{name}={n_features} is rounded up to {rounded}, a multiple of {n_groups}"
        # Of the line that calls `fit`: _rounded, _network, _build_module, _train and fit lie below it.
        warnings.warn(message, stacklevel=6)
    return rounded
