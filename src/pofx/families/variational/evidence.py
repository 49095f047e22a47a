"""What a user asks about log p(x) beyond the ELBO: tighter bounds, and how tight they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pofx.data.noise import streams_of_images
from pofx.distributions.numerics import in_double
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.randomness import draw_seed, mixed_seeds
from pofx.families.variational.annealing import annealed_importance_sampling, n_transitions
from pofx.families.variational.bound_settings import BoundMethod, LogProbBounds, check_whole, checked_settings
from pofx.families.variational.bounds import (
    Estimate,
    LogWeightSum,
    WeightSum,
    elbo_estimate,
    log_importance_weights,
    log_joint_of,
    log_mean_estimate,
)
from pofx.families.variational.certification import Certificate, bidirectional_monte_carlo
from pofx.families.variational.image_groups import Advance, ImageGroups
from pofx.families.variational.noise_streams import NoiseStreams
from pofx.fitted import CHUNK

#: Chunks of the decoder whose noise is drawn, and whose weights are added up, at once.
CHUNKS_A_BLOCK = 16


class EvidenceBounds(ImageGroups):
    """`log_prob_bounds` and `certify` of a model with an encoder, a prior and a decoder."""

    def log_prob_bounds(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        method: BoundMethod = "iw",
        n_samples: int | None = None,
        n_temperatures: int | None = None,
        n_leapfrog: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> LogProbBounds:
        """Lower bounds on log p(x) (log p(x|y) for given labels), tighter than `score_samples` and slower.

        "elbo": the mean of log w over draws, w = p(x, z) / q(z|x), z ~ q: unbiased for the ELBO. "iw": the logarithm of
        the mean of w (Burda et al. 2015, arXiv 1509.00519), which rises with ``n_samples`` towards log p(x). "ais":
        annealed importance sampling (Neal 2001; Wu et al. 2016, arXiv 1611.04273), which rises with
        ``n_temperatures``; it closes gaps that "iw" cannot, at the cost of n_samples * n_temperatures * n_leapfrog
        gradients of the decoder, and half as many for the pilot run that fixes its step sizes (below 200 temperatures
        up to as many). All of them are lower bounds on average over their noise; a single estimate may exceed log p(x).

        A conditional model without labels gives bounds on log sum_y p(y) p(x|y): "iw" and "ais" take ``n_samples``
        draws or chains of every class and sum; "elbo" weighs the classes as `score_samples` does.

        Deterministic: the noise follows from the model's seed (or ``random_state``) and the image. An image gets the
        same bits whatever it is asked for beside, because images pass in groups of one size, the last one filled up:
        with "ais" one image costs about as much as a group, of 128 / n_samples images at most on a CPU and of
        1024 / n_samples on an accelerator.

        Args:
            X, y: images, and labels of a conditional model.
            n_samples: draws an image (elbo: 64, iw: 1000 if not given) or chains (ais: 16).
            n_temperatures: of "ais", steps from q(z|x) to p(z|x); 500 if not given.
            n_leapfrog: of "ais", leapfrog steps of a transition; 10 if not given.
            random_state: seed or generator of other noise.

        Raises:
            ValueError: an unknown method, a setting that the method does not have, or one below 1; what `score_samples`
                raises.
        """
        settings = checked_settings(method, n_samples=n_samples, n_temperatures=n_temperatures, n_leapfrog=n_leapfrog)
        reader = self._checked_reader(X, y)
        noise_seed = self.seed_ if random_state is None else draw_seed(random_state)
        seeds = mixed_seeds(noise_seed, "bounds")
        n_classes = len(self.classes_) if self._is_conditional and reader.labels is None else 1
        discrete, k = not reader.continuous, settings["n_samples"]

        def estimate(positions: NDArray[np.int64], advance: Advance) -> tuple[Tensor, ...]:
            x_NCHW, codes = reader.batch(positions)
            x_NCHW = x_NCHW.to(self.module_.device)
            codes = None if codes is None else codes.to(self.module_.device)
            if method == "ais":
                return self._annealed(x_NCHW, codes, discrete, settings, seeds, advance)
            return self._drawn(x_NCHW, codes, discrete, method, k, seeds[0], advance)

        acceptance: NDArray[np.float64] | None = None
        if method == "ais":
            work = n_transitions(settings["n_temperatures"])
            lower, std_error, acceptance = self._by_chunks(
                len(reader), self._chains_together(k), "transitions", n_classes * work, estimate
            )
        else:
            size = max(1, min(CHUNK, self._rows_together() // k))
            lower, std_error = self._by_chunks(len(reader), size, "draws", n_classes * k, estimate)
        unit = self._log_density_within(reader)
        return LogProbBounds(lower + unit, std_error, method, settings, acceptance)

    def certify(
        self,
        n_images: int = 100,
        *,
        n_samples: int | None = None,
        n_temperatures: int | None = None,
        n_leapfrog: int | None = None,
        confidence: float = 0.95,
        random_state: int | np.random.RandomState | None = None,
    ) -> Certificate:
        """How tight annealed importance sampling is: bounds on both sides, on images simulated from the model.

        Draws z ~ p(z), x ~ p(x|z) (of a conditional model y with its frequency first; all is then about log p(x|y)).
        Annealed chains from q(z|x) give a lower bound, and backwards from the z of the image an upper one
        (bidirectional Monte Carlo: Grosse et al. 2015, arXiv 1511.02543; Wu et al. 2016, arXiv 1611.04273). What that
        certifies, and what not, is the result's ``statement``.

        Args:
            n_images: images to simulate.
            n_samples, n_temperatures, n_leapfrog: see "ais" of `log_prob_bounds`; the same defaults.
            confidence: of the interval of each image.
            random_state: seed or generator; None uses the model's seed.

        Raises:
            ValueError: a number below 1, or a confidence outside (0, 1).
        """
        check_is_fitted(self)
        settings = checked_settings("ais", n_samples=n_samples, n_temperatures=n_temperatures, n_leapfrog=n_leapfrog)
        check_whole("n_images", n_images)
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
        seed = self.seed_ if random_state is None else draw_seed(random_state)
        simulated = self._simulate(n_images, seed)
        discrete = not self.continuous_

        def both(positions: NDArray[np.int64], advance: Advance) -> tuple[Tensor, ...]:
            x_NCHW, z_NL, codes = (None if t is None else t[positions].to(self.module_.device) for t in simulated)
            assert x_NCHW is not None and z_NL is not None
            mean_NL, log_variance_NL = self.module_.encode(self.module_.scaled(x_NCHW), codes)
            # By number and not by content: two images that are equal are two draws.
            run, pilot = (
                NoiseStreams(
                    [np.random.default_rng([seed, kind, position]) for position in positions.tolist()],
                    self.module_.latent_dim,
                    mean_NL,
                )
                for kind in (1, 2)
            )
            result = bidirectional_monte_carlo(
                log_joint_of(self.module_, x_NCHW, codes, discrete=discrete),
                mean_NL,
                log_variance_NL,
                z_NL,
                **settings,
                noise=run,
                pilot_noise=pilot,
                advance=lambda: advance(1),
                chunk=max(1, self._rows_together() // len(x_NCHW)),
            )
            acceptance_N = 0.5 * (result.forward.acceptance_N + result.backward.acceptance_N)
            return result.lower(), result.upper(), acceptance_N

        lower, upper, acceptance = self._by_chunks(
            n_images,
            self._chains_together(settings["n_samples"]),
            "transitions",
            n_transitions(settings["n_temperatures"], directions=2),
            both,
        )
        x_NCHW, _, codes = simulated
        images = self._as_images(x_NCHW.numpy(), np.random.default_rng([seed, 3]))
        unit = self._log_density_within(self._checked_reader(images, None))
        labels = None if codes is None else self.classes_[codes.numpy()]
        return Certificate(lower + unit, upper + unit, float(confidence), images, labels, acceptance, settings)

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _drawn(
        self,
        x_NCHW: Tensor,
        codes: Tensor | None,
        discrete: bool,
        method: BoundMethod,
        n_samples: int,
        seed: int,
        advance: Advance,
    ) -> Estimate:
        """The ELBO or the importance-weighted bound from ``n_samples`` draws of z ~ q(z|x) of each class."""
        noise = NoiseStreams(streams_of_images(x_NCHW, seed), self.module_.latent_dim, self._like)
        chunk = max(1, self._rows_together() // len(x_NCHW))
        classes, log_prior_K = self._classes_of(x_NCHW, codes)
        sums: list[Any] = []
        for given in classes:
            mean_NL, log_variance_NL = self.module_.encode(self.module_.scaled(x_NCHW, discrete=discrete), given)
            log_joint = log_joint_of(self.module_, x_NCHW, given, discrete=discrete, chunk=chunk)
            total = LogWeightSum() if method == "elbo" else WeightSum()
            for start in range(0, n_samples, chunk * CHUNKS_A_BLOCK):
                n = min(chunk * CHUNKS_A_BLOCK, n_samples - start)
                total.add(log_importance_weights(log_joint, mean_NL, log_variance_NL, noise.normal(n)))
                advance(n)
            sums.append(total)
        if method == "iw":
            return log_mean_estimate(sums, log_prior_K)
        if len(classes) == 1:
            return elbo_estimate(sums, log_prior_K, torch.zeros_like(log_prior_K))
        return elbo_estimate(sums, log_prior_K, torch.log_softmax(self._joint(x_NCHW, discrete=discrete), dim=1))

    def _annealed(
        self,
        x_NCHW: Tensor,
        codes: Tensor | None,
        discrete: bool,
        settings: dict[str, int],
        seeds: tuple[int, int],
        advance: Advance,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Bound, standard error and acceptance of annealed importance sampling, for each class and summed over them."""
        run, pilot = (
            NoiseStreams(streams_of_images(x_NCHW, seed), self.module_.latent_dim, self._like) for seed in seeds
        )
        classes, log_prior_K = self._classes_of(x_NCHW, codes)
        sums, acceptance_N = [], torch.zeros(())
        for given in classes:
            mean_NL, log_variance_NL = self.module_.encode(self.module_.scaled(x_NCHW, discrete=discrete), given)
            result = annealed_importance_sampling(
                log_joint_of(self.module_, x_NCHW, given, discrete=discrete),
                mean_NL,
                log_variance_NL,
                **settings,
                noise=run,
                pilot_noise=pilot,
                advance=lambda: advance(1),
                chunk=max(1, self._rows_together() // len(x_NCHW)),
            )
            sums.append(WeightSum())
            sums[-1].add(result.log_w_SN)
            acceptance_N = acceptance_N + result.acceptance_N.cpu() / len(classes)
        return *log_mean_estimate(sums, log_prior_K), acceptance_N

    def _classes_of(self, x_NCHW: Tensor, codes: Tensor | None) -> tuple[list[Tensor | None], Tensor]:
        """The class codes to sum over and log p(y) of each, on the device of sums: the given codes, or all classes."""
        if codes is not None or not self._is_conditional:
            return [codes], torch.zeros(1, dtype=torch.float64, device=in_double(self._like).device)
        every: list[Tensor | None] = [
            torch.full((len(x_NCHW),), code, device=x_NCHW.device) for code in range(len(self.classes_))
        ]
        return every, torch.from_numpy(np.log(self.class_prior_)).to(in_double(self._like).device)

    def _simulate(self, n: int, seed: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """x ~ p(x|z) (or p(x|y, z)) as the network takes it, z ~ p(z), and codes y ~ p(y), on the CPU."""
        rng = np.random.default_rng([seed, 0])
        codes = None
        if self._is_conditional:
            codes = torch.from_numpy(rng.choice(len(self.classes_), size=n, p=self.class_prior_))
        device = resolve_device(self.device, self._dtype)
        self.module_.to(device)
        generator = torch.Generator(device).manual_seed(seed)
        images, latents = [], []
        with torch.inference_mode(False), torch.no_grad(), full_float32():
            for start in range(0, n, self._chunk_size):
                z_NL = self.module_.prior.sample(min(self._chunk_size, n - start), generator)
                part = None if codes is None else codes[start : start + self._chunk_size].to(device)
                images.append(self.module_.law().sample(self.module_.decode(z_NL, part), generator).cpu())
                latents.append(z_NL.cpu())
        return torch.cat(images), torch.cat(latents), codes
