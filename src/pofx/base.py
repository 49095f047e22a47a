"""The contract: what every model of every family is to its user, in scikit-learn's conventions.

A family implements the abstract methods of `GenerativeModel` (and of `DensityModel`, if it has a p(x)); everything a
user calls is derived from them here, so that checking, training, marginalising over classes, scoring in fixed chunks
and saving are the same for all.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from pofx.attachment import Attachment
from pofx.data.checking import check_labels, check_rows, infer_format
from pofx.data.images import ImageFormat, ImageSpec
from pofx.data.labels import learn_classes, with_labelled_repeated
from pofx.data.reader import ImageReader
from pofx.distributions.classes import LABELS_ALONE
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.interrupt import InterruptFlag
from pofx.engine.loop import TrainingResult, train
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import HeldOutScore, Phase
from pofx.engine.randomness import draw_seed
from pofx.known_images import KnownImages
from pofx.saving import data_fingerprint, provenance_of, run_fingerprint, save_estimator

Density = Literal["exact", "lower bound", "none"]
M = TypeVar("M", bound="GenerativeModel")


class GenerativeModel(KnownImages, ABC):
    """A law over images that was learned from a collection.

    Every model has `fit`, `sample` and `save`. What else it can do is there where it is true of the family, and
    ``hasattr`` tells: `score_samples` where there is a p(x), `transform` where there are features, and so on.

    Attributes set by `fit`:
        spec_ (ImageSpec): the support of p(x). image_format_: how the user's arrays hold such images.
        module_ (torch.nn.Module): the network, on the CPU, with averaged weights of the best held-out score.
        history_ (History): one row an epoch. n_steps_, n_epochs_: optimiser steps and epochs done.
        stopped_by_: "max_epochs", "max_minutes", "early_stopping" or "interrupt".
        continuous_ (bool): whether real-valued data are taken as they are (`score_samples` is then a density).
        fitted_parameters_: the parameters of the fit, whatever `set_params` said since.
        held_out_indices_: which images were held out to choose the best state.
        held_out_score_: mean score of the held-out images (nats; higher is better), None without any.
        classes_, class_prior_, n_unlabelled_: labels, their frequencies, and how many images had none, if
            ``conditional``.
        seed_: the integer that all randomness of this fit came from.
        provenance_: versions, seed, data fingerprint, hashes of some of the images, minutes.
    """

    density: ClassVar[Density]
    #: Whether a report fits one unless it is told otherwise: not where a fit of minutes shows little.
    in_report: ClassVar[bool] = True
    #: Whether `fit` can use images without a label beside others that have one.
    _trains_unlabelled: ClassVar[bool] = False
    module_: nn.Module
    n_unlabelled_: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "image_shape": ["array-like", None],
        "levels": [Interval(Integral, 2, 2**16, closed="both"), None],
        "conditional": ["boolean"],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_minutes": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": [Interval(Integral, 1, None, closed="left"), None],
        "ema_half_life": [Interval(Real, 0, None, closed="neither"), None],
        "device": [str],
        "precision": [StrOptions({"float32", "bfloat16", "float64"})],
        "checkpoint_dir": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    # The words that every constructor has; the constructors themselves stand in the families.
    image_shape: Sequence[int] | None
    levels: int | None
    conditional: bool
    max_epochs: int
    max_minutes: float | None
    batch_size: int
    learning_rate: float
    validation_fraction: float
    early_stopping: int | None
    ema_half_life: float | None
    device: str
    precision: str
    checkpoint_dir: str | os.PathLike[str] | None
    random_state: int | np.random.RandomState | None
    verbose: bool

    # ---- what a family implements -----------------------------------------------------------------------------------

    @abstractmethod
    def _build_module(self, image_format: ImageFormat, n_classes: int) -> nn.Module:
        """The untrained network: a function of the parameters, the format and the number of classes (0: unconditional)
        alone, so that a model file can rebuild it."""

    def _prepare(self, module: nn.Module, training: ImageReader) -> None:
        """Put into the module's buffers what it has to know of the training images before the training."""

    @abstractmethod
    def _phases(self, module: nn.Module, image_format: ImageFormat) -> Sequence[Phase]:
        """The players of the training and their losses."""

    @abstractmethod
    def _validation_score(self, module: nn.Module, reader: ImageReader) -> float | HeldOutScore:
        """The score of held-out images that training maximises, alone or with what else to record; deterministic."""

    @abstractmethod
    def _draw(self, n: int, codes: Tensor | None, generator: torch.Generator) -> Tensor:
        """n images drawn from p(x), or p(x|y) for class codes (n,): levels NCHW (scaled reals if continuous)."""

    def _after_fit(self, training: ImageReader, held_out: ImageReader | None) -> None:
        """Set what the family learns besides the weights, from the training images and those held out."""

    def _extra_state(self) -> dict[str, NDArray[Any]]:
        """What `_after_fit` set, for the model file: names of attributes -> arrays."""
        return {}

    def _restore_extra_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Set the attributes again from a file's arrays; ValueError where they cannot be what `_extra_state` gave."""
        if arrays:
            raise ValueError(f"unknown learned attributes {sorted(arrays)}")

    def _check_restored(self, module: nn.Module) -> None:
        """ValueError where the tensors of a file, finite all, cannot be those of a fitted module."""

    def _is_continuous(self, image_format: ImageFormat) -> bool:
        """Whether the model takes real-valued data as they are instead of cutting them into steps."""
        return False

    @property
    def _marginal_prior(self) -> Tensor | None:
        """log p(y), (n_classes,), float64, if some training images have no label; None if no marginal is needed."""
        return torch.from_numpy(np.log(self.class_prior_)) if getattr(self, "n_unlabelled_", 0) else None

    def _score_unit(self, reader: ImageReader) -> float:
        """What is added to `_validation_score` so that it is in the unit of the user's scores."""
        return 0.0

    # ---- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the law from images.

        Args:
            X: (n, H, W), (n, H, W, C) or (n, d); see `pofx.data.levels` for which numbers are which levels. A
                memory-mapped array is read batch by batch.
            y: class labels (n,), used only if ``conditional=True``. The integer -1 stands for "no label" (as long as
                there are two other labels): such images train through the marginal, log sum_y p(y) p(x|y).

        Raises:
            ValueError, TypeError: scikit-learn's own, for parameters and data that cannot be used.
            TrainingDiverged: the loss stayed non-finite after three returns to the last good state.
            CheckpointError: ``checkpoint_dir`` holds another run, or a damaged file.
        """
        # A fit that fails must not leave the network of the last one beside the data of this one.
        for name in ("module_", "classes_", "class_prior_", "n_unlabelled_"):
            self.__dict__.pop(name, None)
        self._validate_params()
        if isinstance(self.early_stopping, bool):
            raise ValueError("early_stopping is a number of epochs without a better held-out score, or None")
        rows, array_shape = check_rows(self, X, reset=True)
        image_format = infer_format(rows, array_shape, self.image_shape, self.levels)
        labels = self._learn_classes(y, len(rows))
        fingerprint = data_fingerprint(rows, labels)
        # A fit that goes on from a checkpoint must find its seed again, also if it was given none.
        found_again = self.checkpoint_dir is not None and not isinstance(self.random_state, Integral)
        self.seed_ = int(fingerprint[:7], 16) if found_again else draw_seed(self.random_state)
        self.image_format_, self.spec_ = image_format, image_format.spec
        self.continuous_ = self._is_continuous(image_format)
        self.fitted_parameters_ = self.get_params(deep=False)
        dtype = self._dtype_to_fit
        reader = ImageReader(rows, image_format, labels=labels, continuous=self.continuous_, dtype=dtype)
        training, held_out = reader.split(self.validation_fraction, self.seed_)
        if labels is not None and self.n_unlabelled_:
            training = training.subset(with_labelled_repeated(labels[training.indices]))
        self.held_out_indices_ = np.empty(0, dtype=np.int64) if held_out is None else held_out.indices
        # Also within torch.no_grad() or inference_mode(): a fit needs gradients.
        with torch.inference_mode(False), torch.enable_grad():
            module, result = self._train(training, held_out, run_fingerprint(self, fingerprint))
        self.module_ = module.to("cpu").eval()
        self.history_ = result.history
        self.n_steps_, self.n_epochs_, self.stopped_by_ = result.n_steps, result.n_epochs, result.stopped_by
        self.held_out_score_ = result.best_score
        self.provenance_ = provenance_of(self, fingerprint, rows, resolve_device(self.device, dtype), result)
        # The training is done: a Ctrl-C now waits for the seconds that this takes, a second one does not.
        with InterruptFlag():
            self._after_fit(training, held_out)
        return self

    def _train(
        self, training: ImageReader, held_out: ImageReader | None, fingerprint: str
    ) -> tuple[nn.Module, TrainingResult]:
        n_classes = len(self.classes_) if self.conditional else 0
        with torch.random.fork_rng():
            torch.manual_seed(self.seed_)
            module = self._build_module(self.image_format_, n_classes).to(self._dtype_to_fit)
        self._prepare(module, training)
        unit = 0.0 if held_out is None else self._score_unit(held_out)

        def held_out_score() -> float | HeldOutScore:
            assert held_out is not None
            with full_float32():
                found = self._validation_score(module, held_out)
            if isinstance(found, HeldOutScore):
                return replace(found, score=found.score + unit)
            return found + unit

        score = None if held_out is None else held_out_score
        phases = self._phases(module, self.image_format_)
        return module, train(module, phases, training, self._training_options(), score, fingerprint=fingerprint)

    def _training_options(self) -> TrainingOptions:
        """What the common words of the constructor say to the training."""
        return TrainingOptions(
            max_epochs=self.max_epochs,
            max_minutes=self.max_minutes,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            early_stopping=self.early_stopping,
            ema_half_life=self.ema_half_life,
            device=self.device,
            precision=self.precision,
            checkpoint_dir=self.checkpoint_dir,
            seed=self.seed_,
            verbose=self.verbose,
            name=type(self).__name__,
            unsettled_fraction=LABELS_ALONE if getattr(self, "n_unlabelled_", 0) else 0.0,
        )

    def _learn_classes(self, y: ArrayLike | None, n: int) -> NDArray[np.int64] | None:
        """Set ``classes_`` and ``class_prior_`` of a conditional model; class codes (n,) of the training images."""
        if not self.conditional:
            return None
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None: "
                "conditional=True learns p(x|y)."
            )
        learned = learn_classes(check_labels(y, n))
        if learned.n_unlabelled and not self._trains_unlabelled:
            raise ValueError(
                f"y has no label (-1) for {learned.n_unlabelled:,} images, and {type(self).__name__} cannot learn from "
                "such images beside others: give a label to each, or leave them out"
            )
        self.classes_, self.class_prior_ = learned.classes, learned.prior
        self.n_unlabelled_ = learned.n_unlabelled
        return learned.codes

    # ---- sampling and saving ----------------------------------------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        *,
        y: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Draw images from the model.

        Args:
            n_samples: how many.
            y: of a conditional model, one label for all or a label for each, (n_samples,); without it labels are drawn
                with their frequencies in the training data.
            random_state: seed or generator; None uses the model's own ``random_state`` (and, if that is None, fresh
                randomness).

        Returns:
            Images like the ones the model was fitted to, in layout, dtype and levels.
        """
        return self._sample(n_samples, y, random_state, lambda n, codes, generator, _: self._draw(n, codes, generator))

    def _sample(
        self,
        n_samples: int,
        y: ArrayLike | None,
        random_state: int | np.random.RandomState | None,
        draw: Callable[[int, Tensor | None, torch.Generator, Callable[[int, int], None]], Tensor],
        *,
        by_rows: bool = False,
    ) -> NDArray[Any]:
        """Images in chunks; see `sample`.

        Args:
            draw: `_draw` with a last argument of its own: a function to be called with the rows done and their number.
            by_rows: whether ``draw`` calls it; the progress line then counts rows of images, and otherwise images.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, int | np.integer) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer of at least 1, not {n_samples!r}")
        seed = draw_seed(self.random_state if random_state is None else random_state)
        rng = np.random.default_rng([seed, 0])
        self._refuse_labels_unless_conditional(y)
        codes = self._codes(y, n_samples)
        if codes is None and self._is_conditional:
            codes = rng.choice(len(self.classes_), size=n_samples, p=self.class_prior_)
        device = resolve_device(self.device, self._dtype)
        generator = torch.Generator(device).manual_seed(seed)
        drawn = []
        self.module_.to(device)
        with torch.inference_mode(), full_float32(), self._counted("rows" if by_rows else "images") as count:
            for start in range(0, n_samples, self._chunk_size):
                n = min(self._chunk_size, n_samples - start)
                part = None if codes is None else torch.from_numpy(codes[start : start + n]).to(device)
                advance = rows_counted(count, start, n, n_samples)
                drawn.append(draw(n, part, generator, advance).cpu().numpy())
                if not by_rows:
                    count(start + n, n_samples)
        return self._as_images(np.concatenate(drawn), rng)

    def save(self, path: str | os.PathLike[str], *, attachment: Attachment | None = None) -> Path:
        """Write the fitted model to one file that executes nothing when it is loaded (`pofx.load`).

        Args:
            attachment: what an application that works with this model keeps beside it; `pofx.load` then gives the
                application.

        Raises:
            TypeError: a parameter that a file cannot hold. KeyError: the class is not registered.
        """
        check_is_fitted(self)
        return save_estimator(self, Path(path), attachment)


def rows_counted(count: Callable[[int, int], None], start: int, n: int, n_images: int) -> Callable[[int, int], None]:
    """For a chunk of n images drawn side by side: (rows done, rows an image) -> rows of all the ``n_images`` done.

    Args:
        count: called with the rows done of all images, and their number.
        start: how many images were done before this chunk.
    """

    def advance(done: int, rows: int) -> None:
        count(start * rows + n * done, n_images * rows)

    return advance


__all__ = ["Density", "GenerativeModel", "ImageSpec"]
