"""`complete` of a GAN."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pofx.completion import CompletingModel, CompletionKind, generators_of
from pofx.distributions.numerics import in_double
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.randomness import draw_seed
from pofx.families.adversarial.completion import Problem, complete_images
from pofx.families.adversarial.module import GANModule
from pofx.nn.rowwise import IndependentRows


class ImageCompletion(CompletingModel):
    """`complete` by latents that are refined to the known part; see `pofx.families.adversarial.completion`."""

    completes_by: ClassVar[CompletionKind] = "refined latents"
    module_: GANModule

    def complete(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_steps: int = 200,
        n_starts: int = 4,
        realism: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Fill in the unknown sub-pixels with those of the generated image that fits the known ones best.

        Gradient ascent on the latent, from several starts, raises the log-density of the known part under
        N(G(z), s^2), s^2 as small as this z allows, that of z under N(0, I), and the discriminator's logit of the
        completed image (after Yeh et al. 2017, arXiv 1607.07539). The best of the starts is the answer. It is no draw
        from p(x_unknown | x_known) or any other law: another seed has other starts, and may well come to the same
        place. The known sub-pixels stay as they are, so that a seam may show where G(z) does not meet them.

        The noise follows from the seed and from what is known of an image: it gets the same completion whatever it is
        completed beside. Of equal images in one call each has starts of its own.

        Args:
            X: images; what stands at unknown sub-pixels is not looked at, and may be NaN.
            mask: True where X is known; for all images (height, width), (height, width, channels) or, if X is (n, d),
                (d,); for each image the same with n in front, or the shape of X. Without channels it holds for all.
            y: labels of a conditional model; without them each start has a class drawn from p(y), and the frequency of
                the class counts where the best is chosen.
            n_steps: of the ascent.
            n_starts: latents that ascend; each is the best of 16 draws. With ``encoder=True`` one of them is the
                encoder's.
            realism: weight of the discriminator; 0 leaves it out.
            random_state: seed or generator; None as in `sample`.

        Returns:
            Images like the ones the model was fitted to, equal to X where it is known.

        Raises:
            ValueError: a mask that fits no image or holds no truth values, labels of a model that is not conditional,
                known values outside the support, fewer than one step or start, a weight that is negative.
            TypeError: sparse X.
        """
        for name, value in (("n_steps", n_steps), ("n_starts", n_starts)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
        if not isinstance(realism, Real) or not 0 <= realism < float("inf"):
            raise ValueError(f"realism must be a number of at least 0, not {realism!r}")
        partly = self._partly_known(X, mask, y)
        reader, module = partly.reader, self.module_
        seed = draw_seed(self.random_state if random_state is None else random_state)
        seeds = partly.seeds(seed, numbered=True)
        device, size = resolve_device(self.device, self._dtype), max(1, self._chunk_size // n_starts)
        module.to(device)
        log_prior_K = None
        if reader.labels is None and self._is_conditional:
            log_prior_K = in_double(torch.from_numpy(np.log(self.class_prior_)))
        drawn: NDArray[Any] | None = None
        # Also within torch.inference_mode(): the ascent needs gradients.
        with torch.inference_mode(False), full_float32(), IndependentRows(), self._counted() as count:
            for start in range(0, len(reader), size):
                n = min(size, len(reader) - start)
                # The last image fills up the last chunk, as in scoring.
                positions = np.minimum(np.arange(start, start + size), len(reader) - 1)
                x_NCHW, codes = reader.batch(positions)
                problem = Problem(
                    module,
                    module.scaled(x_NCHW.to(device)),
                    partly.known_NCHW[positions].to(device),
                    None if codes is None else codes.to(device),
                    log_prior_K,
                    float(realism),
                )
                streams = generators_of(seeds[positions], device)
                u_NCHW = complete_images(problem, streams, n_starts=int(n_starts), n_steps=int(n_steps))
                images = module.quantised(u_NCHW)[:n].cpu().numpy()
                drawn = np.empty((len(reader), *images.shape[1:]), images.dtype) if drawn is None else drawn
                drawn[start : start + n] = images
                count(start + n, len(reader))
        assert drawn is not None
        return self._completed(partly, drawn, np.random.default_rng([seed, 0]))
