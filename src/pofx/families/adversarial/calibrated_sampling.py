"""Samples of a GAN, as its generator draws them or as many as pass its discriminator, calibrated on held-out images."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pofx.base import GenerativeModel
from pofx.data.reader import ImageReader
from pofx.distributions.numerics import in_double
from pofx.families.adversarial.module import GANModule
from pofx.families.adversarial.rejection import Rejection, calibrated

#: Images of each kind that calibrate the discriminator, at most and at least.
CALIBRATION_IMAGES, LEAST_CALIBRATION_IMAGES = 5000, 20
#: Logits from which on (and NaN) nothing can be learned.
LARGEST_LOGIT = 1e30
#: Rounds of rejection in a row that give no image; then the calibration does not belong to this generator.
FRUITLESS_ROUNDS = 1000


class CalibratedSampling(GenerativeModel):
    """`sample` with and without rejection; see `pofx.families.adversarial.rejection`."""

    module_: GANModule
    rejection_: Rejection | None

    def sample(
        self,
        n_samples: int = 1,
        *,
        y: ArrayLike | None = None,
        reject: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Draw images from the model.

        Args:
            n_samples: how many.
            y: of a conditional model, one label for all or a label for each, (n_samples,); without it labels are drawn
                with their frequencies in the training data.
            reject: draw on until so many have passed the calibrated discriminator; what that does, and at which
                acceptance rate, is in ``rejection_``.
            random_state: seed or generator; None uses the model's own ``random_state`` (and, if that is None, fresh
                randomness).

        Returns:
            Images like the ones the model was fitted to, in layout, dtype and levels.

        Raises:
            ValueError: ``reject`` of a model whose fit held out too few images to calibrate on.
        """
        if not reject:
            return super().sample(n_samples, y=y, random_state=random_state)
        check_is_fitted(self)
        if self.rejection_ is None:
            raise ValueError(
                f"reject=True needs a discriminator calibrated on at least {LEAST_CALIBRATION_IMAGES} images that were "
                "held out (fit with a larger validation_fraction), to which it gives numbers of a usable size"
            )
        rejection = self.rejection_
        return self._sample(
            n_samples, y, random_state, lambda n, codes, generator, _: self._accepted(n, codes, generator, rejection)
        )

    def _draw(self, n: int, codes: Tensor | None, generator: torch.Generator) -> Tensor:
        return self.module_.quantised(self.module_.generate(self.module_.latents(n, generator), codes))

    def _accepted(self, n: int, codes: Tensor | None, generator: torch.Generator, rejection: Rejection) -> Tensor:
        """n images that passed; each waits for one of its own class."""
        images = self._draw(n, codes, generator)
        waiting = torch.arange(n, device=images.device)
        fruitless = 0
        while len(waiting):
            given = None if codes is None else codes[waiting]
            drawn = self._draw(len(waiting), given, generator)
            uniform = torch.rand(len(waiting), generator=generator, device=images.device)
            passed = rejection.accepts(self._logits(drawn, given), in_double(uniform).cpu().numpy())
            chosen = torch.from_numpy(passed).to(images.device)
            images[waiting[chosen]] = drawn[chosen]
            waiting = waiting[~chosen]
            fruitless = 0 if passed.any() else fruitless + 1
            if fruitless == FRUITLESS_ROUNDS:
                raise RuntimeError(f"none of the images drawn in {FRUITLESS_ROUNDS} rounds was accepted ({rejection})")
        return images

    def _logits(self, x_NCHW: Tensor, codes: Tensor | None) -> NDArray[np.float64]:
        return in_double(self.module_.logits(self.module_.scaled(x_NCHW), codes)).cpu().numpy()

    def _calibrated(self, held_out: ImageReader) -> Rejection | None:
        """The discriminator calibrated on held-out images and as many generated ones, of the same labels."""
        if len(held_out) < LEAST_CALIBRATION_IMAGES:
            return None
        rng = np.random.default_rng([self.seed_, 1])
        generator = torch.Generator(self.module_.device).manual_seed(self.seed_ + 1)
        positions = rng.permutation(len(held_out))[:CALIBRATION_IMAGES]
        real, generated = [], []
        with torch.inference_mode():
            for start in range(0, len(positions), self._chunk_size):
                x_NCHW, codes = held_out.batch(positions[start : start + self._chunk_size])
                codes = None if codes is None else codes.to(self.module_.device)
                real.append(self._logits(x_NCHW.to(self.module_.device), codes))
                generated.append(self._logits(self._draw(len(x_NCHW), codes, generator), codes))
        logits = np.concatenate(real), np.concatenate(generated)
        if not all((np.abs(part) < LARGEST_LOGIT).all() for part in logits):
            # The training is done, and what it learned is not lost for the sake of the calibration.
            warnings.warn(
                "the discriminator gives numbers that cannot be calibrated: there is no rejection", stacklevel=2
            )
            return None
        return calibrated(*logits, rng)
