"""`complete` of a VAE, and log p of what is unknown where it is known after all."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pofx.completion import CompletingModel, CompletionKind, PartlyKnown, UnknownLogProb, generators_of
from pofx.data.levels import RealLevels
from pofx.engine.randomness import draw_seed, mixed_seeds
from pofx.families.variational.bound_settings import check_whole
from pofx.families.variational.bounds import log_mean_estimate
from pofx.families.variational.collapsed_chain import run_collapsed_chains
from pofx.families.variational.completion import Problem, run_chains, unsettled
from pofx.families.variational.evidence import EvidenceBounds
from pofx.families.variational.image_groups import Advance
from pofx.families.variational.known_evidence import COMPLETIONS, known_weights
from pofx.fitted import CHUNK

ChainMethod = Literal["auto", "hamiltonian", "metropolis", "pseudo_gibbs"]
#: Steps of a chain if not given.
DEFAULT_STEPS: dict[str, int] = {"hamiltonian": 20, "metropolis": 200, "pseudo_gibbs": 200}
#: Share of the steps of a chain in which every proposal is accepted, to come to where images are.
PSEUDO_SHARE = 0.25


class ImageCompletion(CompletingModel, EvidenceBounds):
    """`complete` and `log_prob_of_unknown` of a model with an encoder, a prior and a decoder."""

    completes_by: ClassVar[CompletionKind] = "Markov chain"

    def complete(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        method: ChainMethod = "auto",
        n_steps: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Fill in the unknown sub-pixels: the end of a Markov chain whose law comes to p(x_unknown | x_known).

        "hamiltonian": Hamiltonian Monte Carlo on the latents, whose law comes to p(z | x_known), and at the end
        x_unknown ~ p(x_unknown | x_known, z). "metropolis": each step draws z ~ q(z|x), accepts it with the probability
        that makes p(x_unknown | x_known) the limit, and draws the unknown sub-pixels, x_unknown ~ p(x_unknown |
        x_known, z); a first quarter of the steps accepts all (Mattei & Frellsen 2018, arXiv 1802.04826).
        "pseudo_gibbs" always accepts all (Rezende et al. 2014, arXiv 1401.4082): its limit is as far from that law as
        q(z|x) is from p(z|x). In the last two z and the unknown sub-pixels follow one another in small steps, and
        where images are large they hardly come away from where they began. How many steps are enough nothing tells: a
        chain may stay with one way to complete an image where there are others.

        The noise follows from the seed and from what is known of an image: it gets the same completion whatever it is
        completed beside. Of equal images in one call each gets another.

        Args:
            X: images; what stands at unknown sub-pixels is not looked at, and may be NaN.
            mask: True where X is known; for all images (height, width), (height, width, channels) or, if X is (n, d),
                (d,); for each image the same with n in front, or the shape of X. Without channels it holds for all.
            y: labels of a conditional model; without them the class is drawn with the rest, in every step from
                p(y | z, x_known), at the cost of a pass through the decoder for each class.
            method: "hamiltonian", "metropolis", "pseudo_gibbs"; "auto" is "hamiltonian".
            n_steps: of the chain; 20 of "hamiltonian" if not given, each of which takes 10 gradients of the decoder,
                and 200 of the others.
            random_state: seed or generator; None as in `sample`.

        Returns:
            Images like the ones the model was fitted to, equal to X where it is known.

        Raises:
            ValueError: a mask that fits no image or holds no truth values, labels of a model that is not conditional,
                known values outside the support, no such method, fewer than one step.
            TypeError: sparse X.
        """
        if method not in get_args(ChainMethod):
            raise ValueError(f"method must be one of {', '.join(get_args(ChainMethod))}, not {method!r}")
        method = "hamiltonian" if method == "auto" else method
        n_steps = DEFAULT_STEPS[method] if n_steps is None else n_steps
        check_whole("n_steps", n_steps)
        partly = self._partly_known(X, mask, y)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        seeds = partly.seeds(seed, numbered=True)
        n_pseudo = n_steps if method == "pseudo_gibbs" else round(PSEUDO_SHARE * n_steps)

        def chains(positions: NDArray[np.int64], advance: Advance) -> tuple[Tensor, ...]:
            x_NCHW, codes = partly.reader.batch(positions)
            problem = self._problem(x_NCHW, partly.known_NCHW[positions], codes)
            if codes is None and self._is_conditional:
                problem = problem._replace(log_prior_K=self._classes_of(x_NCHW, None)[1])
            words: dict[str, Any] = {
                "n_steps": n_steps,
                "chunk": self._rows_together(),
                "advance": lambda: advance(1),
            }
            streams = generators_of(seeds[positions], self.module_.device)
            if method == "hamiltonian":
                return (run_collapsed_chains(problem, streams, **words).x_NCHW,)
            return (run_chains(problem, streams, n_pseudo=n_pseudo, **words).x_NCHW,)

        (drawn_NCHW,) = self._by_chunks(len(partly.X), self._chains_a_group, "steps", n_steps, chains)
        if not self.continuous_:
            drawn_NCHW = drawn_NCHW.astype(np.int64)
        return self._completed(partly, drawn_NCHW, np.random.default_rng([seed, 0]))

    def log_prob_of_unknown(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_samples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> UnknownLogProb:
        """log p(x_unknown | x_known) of images that are known in full: how likely is what in truth stands there.

        It is log p(x) - log p(x_known), each estimated by importance sampling with ``n_samples`` draws of z: log p(x)
        as "iw" of `log_prob_bounds` does, log p(x_known) from the terms of the known sub-pixels alone, z drawn from
        q(z|x) of 8 completions and from p(z) (see `known_evidence`). Both are lower bounds in the mean; their
        difference is an estimate, and no bound: too low by the gap of the first and too high by that of the second.
        Both gaps close as ``n_samples`` grows; where ``std_error`` is not well below 1, they have not. It is
        deterministic, as `log_prob_bounds` is.

        Args:
            X: images, known in full.
            mask: True where X counts as known, see `complete`.
            y: labels of a conditional model; without them both terms are those of the marginal over classes.
            n_samples: draws of z an image, for each of the two terms (and each class).
            random_state: seed or generator of other noise.

        Raises:
            ValueError: what `score_samples` raises; a mask that does not fit; under the logistic mixture, a mask that
                knows a channel of a pixel and not one before it: then p(x_known | z) is no product of terms.
        """
        check_whole("n_samples", n_samples)
        whole = self.log_prob_bounds(X, y, n_samples=n_samples, random_state=random_state)
        reader = self._checked_reader(X, y)
        partly = self._partly_known(X, mask, y)
        if bool(unsettled(self.module_.law(), partly.known_NCHW).any()):
            raise ValueError(
                "the mask knows a channel of a pixel and not one before it, on which it depends in this model: "
                "p(x_known) is then no product of terms. Mask whole pixels"
            )
        noise_seed = self.seed_ if random_state is None else draw_seed(random_state)
        seeds = partly.seeds(mixed_seeds(noise_seed, "known")[0], numbered=False)
        n_classes = len(self.classes_) if self._is_conditional and reader.labels is None else 1

        def estimate(positions: NDArray[np.int64], advance: Advance) -> tuple[Tensor, ...]:
            x_NCHW, codes = partly.reader.batch(positions)
            classes, log_prior_K = self._classes_of(x_NCHW, codes)
            generators = generators_of(seeds[positions], self.module_.device)
            sums = [
                known_weights(
                    self._problem(x_NCHW, partly.known_NCHW[positions], given),
                    generators,
                    n_samples,
                    chunk=self._rows_together(),
                    advance=advance,
                )
                for given in classes
            ]
            return tuple(log_mean_estimate(sums, log_prior_K))

        work = n_classes * (COMPLETIONS + 1) * -(-n_samples // (COMPLETIONS + 1))
        known, known_error = self._by_chunks(len(reader), self._chains_a_group, "draws", work, estimate)
        value = whole.lower - known - self._log_density_of_known(partly)
        error = np.hypot(whole.std_error, known_error)
        # Nothing has a probability of 1: there is nothing to be estimated.
        all_known = partly.known.reshape(len(partly.X), -1).all(axis=1)
        return UnknownLogProb(np.where(all_known, 0.0, value), np.where(all_known, 0.0, error), is_exact=False)

    # ---- helpers ----------------------------------------------------------------------------------------------------

    def _problem(self, x_NCHW: Tensor, known_NCHW: Tensor, codes: Tensor | None) -> Problem:
        module, device = self.module_, self.module_.device
        return Problem(
            module,
            module.law(),
            module.prior.fixed_log_density(),
            x_NCHW.to(device),
            known_NCHW.to(device),
            None if codes is None else codes.to(device),
            None,
            discrete=not self.continuous_,
        )

    @property
    def _chains_a_group(self) -> int:
        """Images whose chains run side by side: fixed for a model and a kind of device."""
        return max(1, min(CHUNK, self._rows_together()))

    def _log_density_of_known(self, partly: PartlyKnown) -> NDArray[np.float64] | float:
        """What turns the score of the known part into a density of the user's real numbers; 0 for discrete images."""
        grid = self.image_format_.grid
        if not isinstance(grid, RealLevels):
            return 0.0
        known_ND = partly.known.reshape(len(partly.X), -1)
        if self.continuous_:
            return -known_ND.sum(axis=1) * float(np.log(grid.scale))
        values_ND = partly.reader.values(np.arange(len(partly.X)))
        return np.where(known_ND, grid.log_density_within(values_ND), 0.0).sum(axis=1)
