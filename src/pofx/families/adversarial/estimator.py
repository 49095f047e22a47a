"""`GAN`: the generative adversarial network behind the contract of `pofx.base`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from pofx.base import Density
from pofx.data.images import ImageFormat
from pofx.data.levels import RealLevels
from pofx.data.reader import ImageReader
from pofx.engine.checkpoint import CHECKPOINT_NAME, HISTORY_NAME
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.loop import TrainingResult, train
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import HeldOutScore, Phase
from pofx.engine.run import StopReason
from pofx.families.adversarial.calibrated_sampling import CalibratedSampling
from pofx.families.adversarial.completing import ImageCompletion
from pofx.families.adversarial.encoder import encoder_phase, held_out_error, mean_squared_error
from pofx.families.adversarial.features import EncodedImages
from pofx.families.adversarial.module import KINDS, GANModule
from pofx.families.adversarial.rejection import Rejection
from pofx.families.adversarial.standards import mean_and_deviation, reached_ends
from pofx.families.adversarial.training import game, held_out_divergence
from pofx.families.adversarial.value_function import OBJECTIVES

#: Share of the epochs or minutes of a fit in which the encoder is trained, after the game.
ENCODER_SHARE = 0.2
#: Where in the folder of the fit's state that of the encoder's training is.
ENCODER_STATE = "encoder"
#: gamma of the relativistic game for an image of one sub-pixel in the scale of [-1, 1]; it grows with their number.
GAMMA_A_DIMENSION = 5e-3
#: The same for real-valued data, which the networks see with a deviation of 2.
GAMMA_A_NUMBER = 0.1
#: Latents from which the use of each dimension is measured.
IMPORTANCE_LATENTS = 256


class GAN(CalibratedSampling, ImageCompletion, EncodedImages):
    """Generative adversarial network: a generator x = G(z), z ~ N(0, I), and a discriminator d that tells it from data.

    The discriminator maximises V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))], D = sigmoid(d), and the generator minimises
    it (Goodfellow et al. 2014, arXiv 1406.2661); at its optimum D is p_data / (p_data + p_G) and V comes to
    -log 4 + 2 JSD(p_data || p_G). The default is a modern form of the game made to keep modes: relativistic
    losses with penalties on the slope of d at real and generated images (Huang et al. 2025, arXiv 2501.05441). In that
    game sigmoid(d) is no probability, and V is not -log 4 + 2 JSD.

    A GAN gives samples and no p(x): there is no `score_samples`. The fit ends with the weights (averaged) at which the
    energy distance between held-out and generated images was least; of those that its noise cannot tell apart, with the
    latest.

    Args:
        image_shape: (height, width) or (height, width, channels) of the rows of a two-dimensional X; None reads it from
            X (square if possible).
        levels: number of levels of a sub-pixel; None reads it from X (see `pofx.data.levels`). Real-valued data are
            learned as they are, without levels.
        conditional: learn p(x|y) from the labels given to `fit`.
        objective: "relativistic"; "non_saturating" or "minimax", the classical discriminator with either generator's
            loss of the paper of 2014.
        latent_dim: dimensions of z.
        architecture: "mlp", "convolutional" (on at most 8 x 8 cells of the image: quick on a CPU), "residual"
            (convolutions at half size and below: slower steps, for a GPU), or "auto": convolutional from 16 x 16 on.
            None has normalisation layers.
        width: hidden units of a layer (mlp; None: 256), or channels (convolutional; None: 32), or channels at half size
            (residual; None: 32).
        depth: hidden layers (mlp; None: 3), or convolutions (None: 2; at least 1), or residual blocks at each size
            (None: 1).
        gamma: weight of the penalties, gamma/2 (E|grad d(x)|^2 + E|grad d(G(z))|^2), at the beginning; it falls to a
            tenth. None: in the relativistic game 0.005 a sub-pixel, or 0.1 a real number; 0, no penalties, in the
            classical ones.
        augmentation: change brightness, contrast and place, and cut a hole, at random in all that the discriminator
            sees (Zhao et al. 2020, arXiv 2006.10738); for small collections, at which it would overfit. Images with
            levels only.
        encoder: also learn, in the last fifth of the fit, an encoder of the trained generator: `transform` then gives
            latents and there are `inverse_transform`, `reconstruct` and `refine_latents`; without it `transform` gives
            features of the discriminator.
        max_epochs: passes over the training images, at most. With an encoder four fifths of them are the game's, and
            one fifth the encoder's, one at least of each; ``n_epochs_`` and ``history_`` are of the game.
        max_minutes: minutes of training, at most, divided in the same way; the schedule then follows the clock.
        batch_size: images a step.
        learning_rate: Adam's, of both networks, at its peak; it warms up, then falls to zero along a cosine.
        validation_fraction: part of the images held out to choose the best state and to calibrate the discriminator;
            0 uses the last state, and there is no rejection.
        early_stopping: epochs without a better held-out score after which training ends; None goes on to the end.
        ema_half_life: half-life in steps of the average of the weights that is kept; None keeps the raw weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "float32", "bfloat16" (mixed; for GPUs) or "float64". On a GPU the convolutions of a float32 training
            may round to TF32; those of sampling do not.
        checkpoint_dir: folder for the state of the training; a fit that was killed goes on from there.
        random_state: seed of everything random in the fit, and of `sample` unless that is given its own. With a
            ``checkpoint_dir`` and no integer here the seed follows from the data, so that a fit is found again.
        verbose: show a progress line.

    Attributes set by `fit`, besides those of `GenerativeModel`:
        rejection_ (Rejection or None): the discriminator calibrated on held-out images, and what rejection by it does:
            acceptance rate, bounds on the Jensen-Shannon divergence before and after (after:
            None where too few passed). None with too few of them, or where it gives them no usable numbers.
        latent_importance_ (latent_dim,): with an encoder, the mean squared change of the image when this dimension
            alone is drawn anew, over 2; in the scale that the networks see ([-1, 1]; real
            numbers: a deviation of 2).
        error_variance_: with an encoder, the mean squared error of held-out images that are encoded and generated
            again, in the same scale.

    Example:
        >>> import pofx
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().images
        >>> model = pofx.GAN(max_epochs=2, random_state=0).fit(X)
        >>> model.sample(3).shape
        (3, 8, 8)
        >>> hasattr(model, "score_samples")
        False
    """

    density: ClassVar[Density] = "none"
    #: Folders within ``checkpoint_dir`` that hold state of the fit, too.
    checkpoint_parts: ClassVar[tuple[str, ...]] = (ENCODER_STATE,)
    module_: GANModule

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **EncodedImages._parameter_constraints,
        "objective": [StrOptions(set(OBJECTIVES))],
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"auto", *KINDS})],
        "width": [Interval(Integral, 1, None, closed="left"), None],
        "depth": [Interval(Integral, 0, None, closed="left"), None],
        "gamma": [Interval(Real, 0, None, closed="left"), None],
        "augmentation": ["boolean"],
        "encoder": ["boolean"],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        levels: int | None = None,
        conditional: bool = False,
        *,
        objective: str = "relativistic",
        latent_dim: int = 64,
        architecture: str = "auto",
        width: int | None = None,
        depth: int | None = None,
        gamma: float | None = None,
        augmentation: bool = False,
        encoder: bool = False,
        max_epochs: int = 100,
        max_minutes: float | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.1,
        early_stopping: int | None = None,
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
        self.objective = objective
        self.latent_dim = latent_dim
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.gamma = gamma
        self.augmentation = augmentation
        self.encoder = encoder
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

    # ---- training ---------------------------------------------------------------------------------------------------

    def _is_continuous(self, image_format: ImageFormat) -> bool:
        return isinstance(image_format.grid, RealLevels)

    def _build_module(self, image_format: ImageFormat, n_classes: int) -> GANModule:
        return GANModule(
            image_format,
            n_classes,
            latent_dim=self.latent_dim,
            architecture=self.architecture,
            width=self.width,
            depth=self.depth,
            continuous=self._is_continuous(image_format),
            encoder=self.encoder,
        )

    def _prepare(self, module: nn.Module, training: ImageReader) -> None:
        assert isinstance(module, GANModule)
        if not module.continuous:
            module.ends_are_reached.copy_(reached_ends(training, module.levels, self.seed_))
            return
        mean_CHW, deviation_CHW = mean_and_deviation(training, self.seed_)
        module.mean_CHW.copy_(mean_CHW)
        module.deviation_CHW.copy_(deviation_CHW)

    def _phases(self, module: nn.Module, image_format: ImageFormat) -> Sequence[Phase]:
        assert isinstance(module, GANModule)
        if self.augmentation and module.continuous:
            raise ValueError(
                "augmentation=True changes brightness and contrast of images: real-valued data have neither"
            )
        gamma = self.gamma
        if gamma is None:
            a_dimension = GAMMA_A_NUMBER if module.continuous else GAMMA_A_DIMENSION
            gamma = a_dimension * image_format.spec.n_dims if self.objective == "relativistic" else 0.0
        return game(module, objective=self.objective, gamma=gamma, augmentation=self.augmentation)  # type: ignore[arg-type]

    def _validation_score(self, module: nn.Module, reader: ImageReader) -> HeldOutScore:
        assert isinstance(module, GANModule)
        return held_out_divergence(module, reader)

    def _training_options(self) -> TrainingOptions:
        options = super()._training_options()
        return _share(options, 1 - ENCODER_SHARE) if self.encoder else options

    def _train(
        self, training: ImageReader, held_out: ImageReader | None, fingerprint: str
    ) -> tuple[nn.Module, TrainingResult]:
        if self.encoder and self.checkpoint_dir is not None:
            _remove_orphan(Path(self.checkpoint_dir))
        module, result = super()._train(training, held_out, fingerprint)
        assert isinstance(module, GANModule)
        if module.encoder is not None:
            stopped_by = self._train_encoder(module, training, held_out, fingerprint, result)
            if stopped_by == "interrupt":
                # The fit did not come to its end, wherever Ctrl-C was pressed.
                result = replace(result, stopped_by=stopped_by)
        return module, result

    def _train_encoder(
        self,
        module: GANModule,
        training: ImageReader,
        held_out: ImageReader | None,
        fingerprint: str,
        played: TrainingResult,
    ) -> StopReason:
        assert module.encoder is not None

        def held_out_score() -> HeldOutScore:
            assert held_out is not None
            with full_float32():
                return held_out_error(module, held_out)

        options = replace(_share(super()._training_options(), ENCODER_SHARE), name=f"{type(self).__name__} encoder")
        if played.stopped_by == "interrupt":
            # The game goes on another time, and comes to another generator: this encoder, its share of what was
            # trained, is for now alone, and its state must not be found then.
            options = replace(options, **_after(played, options), checkpoint_dir=None)
        elif options.checkpoint_dir is not None:
            options = replace(options, checkpoint_dir=Path(options.checkpoint_dir) / ENCODER_STATE)
        score = None if held_out is None else held_out_score
        found = train(module.encoder, [encoder_phase(module)], training, options, score, fingerprint=fingerprint)
        module.eval()
        return found.stopped_by

    def _check_restored(self, module: nn.Module) -> None:
        if isinstance(module, GANModule) and module.continuous and not bool((module.deviation_CHW > 0).all()):
            raise ValueError("the deviations of the sub-pixels are not positive")

    def _after_fit(self, training: ImageReader, held_out: ImageReader | None) -> None:
        device = resolve_device(self.device, self._dtype)
        self.module_.to(device)
        with full_float32():
            self.rejection_ = None if held_out is None else self._calibrated(held_out)
            if self.module_.encoder is not None:
                generator = torch.Generator(device).manual_seed(self.seed_)
                self.latent_importance_ = self._measured_importance(IMPORTANCE_LATENTS, generator)
                with torch.inference_mode():
                    error = mean_squared_error(self.module_, training if held_out is None else held_out)
                self.error_variance_ = max(error, float(np.finfo(np.float32).eps))

    def _extra_state(self) -> dict[str, NDArray[Any]]:
        state = {} if self.rejection_ is None else {"rejection_": self.rejection_.to_array()}
        if self.module_.encoder is not None:
            state |= {"latent_importance_": self.latent_importance_, "error_variance_": np.array(self.error_variance_)}
        return state

    def _restore_extra_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        expected = {"latent_importance_": (self.latent_dim,), "error_variance_": ()} if self.encoder else {}
        rest = {name: array for name, array in arrays.items() if name != "rejection_"}
        if {name: array.shape for name, array in rest.items()} != expected:
            raise ValueError(f"{' or '.join(expected) or sorted(rest)} is missing, unknown or of another size")
        self.rejection_ = Rejection.from_array(arrays["rejection_"]) if "rejection_" in arrays else None
        if self.encoder:
            self.latent_importance_ = arrays["latent_importance_"].astype(np.float64)
            self.error_variance_ = float(arrays["error_variance_"])
            if not 0 < self.error_variance_ < np.inf:
                raise ValueError("error_variance_ is not positive and finite")
            if not np.isfinite(self.latent_importance_).all():
                raise ValueError("latent_importance_ is not finite")

    # ---- what a GAN has not -----------------------------------------------------------------------------------------

    @property
    def score_samples(self) -> NoReturn:
        """There is none: reading it raises an AttributeError that says what to use instead."""
        raise AttributeError(_NO_DENSITY)

    @property
    def score(self) -> NoReturn:
        """There is none, see `score_samples`."""
        raise AttributeError(_NO_DENSITY)

    @property
    def bits_per_dim(self) -> NoReturn:
        """There is none, see `score_samples`."""
        raise AttributeError(_NO_DENSITY)


_NO_DENSITY = (
    "a GAN has no p(x): it learns to draw images and not how probable one is. For log p(x) fit a PixelCNN (exact) or a "
    "VAE (a lower bound); how near its samples come to the data tells `pofx evaluate`"
)


def _share(options: TrainingOptions, share: float) -> TrainingOptions:
    """These options with a share of the epochs (one at least) and of the minutes."""
    minutes = None if options.max_minutes is None else share * options.max_minutes
    return replace(options, max_epochs=max(1, round(share * options.max_epochs)), max_minutes=minutes)


def _after(played: TrainingResult, options: TrainingOptions) -> dict[str, Any]:
    """Epochs and minutes of an encoder that follows a game which ended early, in the same proportion to it."""
    ratio = ENCODER_SHARE / (1 - ENCODER_SHARE)
    minutes = None if options.max_minutes is None else min(options.max_minutes, ratio * played.seconds / 60)
    return {"max_epochs": min(options.max_epochs, max(1, round(ratio * played.n_epochs))), "max_minutes": minutes}


def _remove_orphan(folder: Path) -> None:
    """Remove the state of an encoder whose game is not there: it belongs to a generator that is gone."""
    if not (folder / CHECKPOINT_NAME).exists():
        for name in (CHECKPOINT_NAME, HISTORY_NAME):
            (folder / ENCODER_STATE / name).unlink(missing_ok=True)
