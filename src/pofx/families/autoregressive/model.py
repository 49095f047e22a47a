"""What every autoregressive model can do, whatever its layers: the contract of `pofx.base` for exact p(x)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from pofx.base import Density, rows_counted
from pofx.completion import CompletingModel, CompletionKind, UnknownLogProb
from pofx.data.images import ImageFormat
from pofx.data.levels import RealLevels
from pofx.data.reader import ImageReader
from pofx.density import DensityModel
from pofx.distributions.numerics import in_double
from pofx.distributions.pixels import PixelLaw, pixel_law
from pofx.distributions.surprise import SPREAD_NAMES, surprise_spread
from pofx.engine.devices import full_float32, resolve_device
from pofx.engine.phase import Phase
from pofx.engine.randomness import draw_seed
from pofx.families.autoregressive import chain_rule
from pofx.families.autoregressive.completion import complete_images, leading
from pofx.families.autoregressive.layers import NetworkLayers
from pofx.families.autoregressive.module import AutoregressiveModule, colour_groups_of
from pofx.families.autoregressive.sampling import METHODS, Canvas, Method, draw_images
from pofx.families.autoregressive.training import (
    feature_fields,
    features,
    image_terms,
    likelihood_phase,
    validation_log_p,
)

#: Up to so many levels "auto" gives each a number of its own; beyond, neighbouring levels had better know each other.
SOFTMAX_LEVELS = 64


class AutoregressiveModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CompletingModel, NetworkLayers):
    """log p(x) = sum_i log p(x_i | x_<i), exactly: what `PixelCNN` and `PixelRNN` have in common."""

    density: ClassVar[Density] = "exact"
    _trains_unlabelled: ClassVar[bool] = True
    completes_by: ClassVar[CompletionKind] = "chain rule"
    module_: AutoregressiveModule

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DensityModel._parameter_constraints,
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "likelihood": [StrOptions({"auto", "softmax", "logistic_mixture"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    n_layers: int
    likelihood: str
    n_components: int

    # ---- training ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _network(
        self, law: PixelLaw, n_groups: int, n_classes: int, size: tuple[int, int] | None = None
    ) -> AutoregressiveModule:
        """The untrained network for a law of a pixel, and images of a size."""

    def _build_module(self, image_format: ImageFormat, n_classes: int) -> nn.Module:
        spec = image_format.spec
        law = chosen_law(self.likelihood, spec.channels, spec.levels, self.n_components)
        return self._network(law, colour_groups_of(law), n_classes, (spec.height, spec.width))

    def _phases(self, module: nn.Module, image_format: ImageFormat) -> Sequence[Phase]:
        assert isinstance(module, AutoregressiveModule)
        return [likelihood_phase(module, image_format.spec.n_dims, self._marginal_prior)]

    def _validation_score(self, module: nn.Module, reader: ImageReader) -> float:
        assert isinstance(module, AutoregressiveModule)
        return validation_log_p(module, reader, self._marginal_prior)

    # ---- probability ------------------------------------------------------------------------------------------------

    def _log_prob(self, x_NCHW: Tensor, codes: Tensor | None, *, discrete: bool) -> Tensor:
        return chain_rule.log_p_x(in_double(image_terms(self.module_, x_NCHW, codes)))

    def _terms(self, x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
        """log p(x_i | x_<i) of each sub-pixel, NCHW, float64; the marginal's if a conditional model has no labels."""
        if codes is not None or not self._is_conditional:
            return in_double(image_terms(self.module_, x_NCHW, codes))
        of_classes = [
            in_double(image_terms(self.module_, x_NCHW, torch.full((len(x_NCHW),), code, device=x_NCHW.device)))
            for code in range(len(self.classes_))
        ]
        log_prior = torch.from_numpy(np.log(self.class_prior_)).to(of_classes[0].device)
        return chain_rule.marginal_terms(torch.stack(of_classes), log_prior)

    def log_prob_map(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """log p(x_i | x_<i) of each sub-pixel in nats, in the layout of the training images; sums to `score_samples`.

        The order is that of the chain rule: row by row, from left to right, R before G before B. Of a conditional model
        without labels the terms are those of the marginal, sum_y p(y | x_<i) p(x_i | x_<i, y).
        """
        reader = self._checked_reader(X, y)
        (terms,) = self._map(reader, self._terms)
        values = self.image_format_.layout(terms)
        grid = self.image_format_.grid
        if isinstance(grid, RealLevels):
            within = grid.log_density_within(reader.values(np.arange(len(reader))))
            values = values + within.reshape(values.shape)
        return values

    def typicality_statistics(
        self, X: ArrayLike, y: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Statistics (n, k) that tell typical images from others, and their k names: log p(x), and how the surprise
        -log p(x_i | x_<i) is spread over the sub-pixels (see `pofx.distributions.surprise`)."""
        reader = self._checked_reader(X, y)

        def statistics(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            terms = self._terms(x_NCHW, codes)
            return torch.cat([chain_rule.log_p_x(terms)[:, None], surprise_spread(-terms)], dim=1)

        (values,) = self._map(reader, statistics)
        return values, ("log_p", *SPREAD_NAMES)

    def surprise_map(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """-log p(x_i | x_<i) - H_i of each sub-pixel, in nats, in the layout of the training images.

        H_i is what the model expects -log p(x_i | x_<i) to be, given what came before (the entropy of that sub-pixel):
        positive where the image is less likely than the model's own images are there. Of a conditional model without
        labels both are those of the marginal, sum_y p(y | x_<i) p(x_i | x_<i, y), as in `log_prob_map`.
        """
        reader = self._checked_reader(X, y)

        def surprise(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            if codes is None and self._is_conditional:
                # The laws of all classes are held at once: of so many images fewer that they take no more than one.
                parts = x_NCHW.split(max(1, len(x_NCHW) // len(self.classes_)))
                return torch.cat([self._marginal_surprise(part_NCHW) for part_NCHW in parts])
            parameters = self.module_(x_NCHW, codes).to(self._dtype)
            law = self.module_.law
            return -law.log_prob(parameters, x_NCHW) - law.entropy(parameters, x_NCHW)

        (values,) = self._map(reader, surprise)
        return self.image_format_.layout(values)

    def _marginal_surprise(self, x_NCHW: Tensor) -> Tensor:
        """The surprise under the marginal over classes; NCHW, float64."""
        laws, terms = [], []
        for code in range(len(self.classes_)):
            codes = torch.full((len(x_NCHW),), code, device=x_NCHW.device)
            parameters = self.module_(x_NCHW, codes).to(self._dtype)
            laws.append(self.module_.law.conditional(parameters, x_NCHW))
            terms.append(in_double(self.module_.law.log_prob(parameters, x_NCHW)))
        terms_KNCHW = torch.stack(terms)
        log_prior = torch.from_numpy(np.log(self.class_prior_)).to(terms_KNCHW.device)
        log_weights = chain_rule.class_log_weights(terms_KNCHW, log_prior)
        like_NCHW = x_NCHW.to(self._dtype)
        entropy = chain_rule.marginal_entropy(laws, log_weights, like_NCHW, self.spec_.levels)
        return -chain_rule.marginal_terms(terms_KNCHW, log_prior) - entropy

    # ---- sampling ---------------------------------------------------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        *,
        y: ArrayLike | None = None,
        method: Method = "auto",
        temperature: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Draw images from the model, exactly.

        Args:
            n_samples: how many.
            y: of a conditional model, one label for all or a label for each, (n_samples,); without it labels are drawn
                with their frequencies in the training data.
            method: "naive", "cached", "jacobi" make the same images from the same noise (see `sampling`), at different
                speed; "auto" picks by the number of images.
            temperature: below 1 the likely becomes likelier; 1 samples p(x). Each p(x_i | x_<i) is tempered by itself:
                logits / T, scales * T (of a mixture, the log-weights of the components given x_<i are its logits).
            random_state: seed or generator; None uses the model's own ``random_state`` (and, if that is None, fresh
                randomness).

        Returns:
            Images like the ones the model was fitted to, in layout, dtype and levels.
        """
        _check_method(method)
        _check_temperature(temperature)
        draw = partial(self._draw, method=method, temperature=float(temperature))
        return self._sample(n_samples, y, random_state, draw, by_rows=True)

    def _draw(
        self,
        n: int,
        codes: Tensor | None,
        generator: torch.Generator,
        progress: Callable[[int, int], None] = lambda done, total: None,
        method: Method = "auto",
        temperature: float = 1.0,
    ) -> Tensor:
        x_NCHW = torch.zeros(n, *self.spec_.shape_CHW, dtype=torch.int64, device=generator.device)
        canvas = Canvas(x_NCHW, None, codes, generator, temperature)
        return draw_images(self.module_, canvas, method, progress=progress)

    def complete(
        self,
        X: ArrayLike,
        mask: ArrayLike,
        y: ArrayLike | None = None,
        *,
        method: Method = "auto",
        n_particles: int = 16,
        temperature: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        """Fill in the unknown sub-pixels: a draw from p(x_unknown | x_known).

        Exact where the known sub-pixels come before the unknown ones in raster order (the upper half is known, say).
        Otherwise an approximation by sequential Monte Carlo, see `completion`.

        Args:
            X: images; what stands at unknown sub-pixels is not looked at, and may be NaN.
            mask: True where X is known; for all images (height, width), (height, width, channels) or, if X is (n, d),
                (d,); for each image the same with n in front, or the shape of X. Without channels it holds for all.
            y: labels of a conditional model; without them they are drawn from p(y | what is known), as said there.
            method: how the images are drawn, see `sample`; "naive" draws no particles: other masks than those for
                which ancestral sampling is exact need ``n_particles=1`` with it.
            n_particles: particles an image of the approximation; 1 takes no heed of known sub-pixels that come later.
            temperature: as in `sample`: below 1 likely sub-pixels become likelier, and what is drawn is no longer of
                the law of the model but nearer to its likeliest completions. (Particles are still weighted by p
                itself.)
            random_state: seed or generator; None as in `sample`.

        Returns:
            Images like the ones the model was fitted to, equal to X where it is known.

        Raises:
            ValueError: a mask that fits no image or holds no truth values, labels of a model that is not conditional,
                known values outside the support, particles with "naive".
            TypeError: sparse X.
        """
        _check_method(method)
        _check_temperature(temperature)
        if not isinstance(n_particles, int | np.integer) or n_particles < 1:
            raise ValueError(f"n_particles must be an integer of at least 1, not {n_particles!r}")
        partly = self._partly_known(X, mask, y)
        reader, known_NCHW, n_images = partly.reader, partly.known_NCHW, len(partly.X)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        codes = reader.labels
        device = resolve_device(self.device, self._dtype)
        log_prior_K = None
        if codes is None and self._is_conditional:
            log_prior_K = torch.from_numpy(np.log(self.class_prior_))
        generator = torch.Generator(device).manual_seed(seed)
        self.module_.to(device)
        exact = bool((leading(known_NCHW) == known_NCHW).all())  # and then there are no particles
        size = max(1, self._chunk_size // (1 if exact else n_particles))
        drawn = []
        with full_float32(), self._counted("rows") as count:
            for start in range(0, n_images, size):
                part = np.arange(start, min(start + size, n_images))
                x_NCHW, _ = reader.batch(part)
                canvas = Canvas(
                    x_NCHW.to(device, torch.int64),
                    known_NCHW[part].to(device),
                    None if codes is None else torch.from_numpy(codes[part]).to(device),
                    generator,
                    float(temperature),
                )
                advance = rows_counted(count, start, len(part), n_images)
                completed_NCHW = complete_images(self.module_, canvas, method, n_particles, log_prior_K, advance)
                drawn.append(completed_NCHW.cpu().numpy())
        return self._completed(partly, np.concatenate(drawn), np.random.default_rng([seed, 0]))

    def log_prob_of_unknown(self, X: ArrayLike, mask: ArrayLike, y: ArrayLike | None = None) -> UnknownLogProb:
        """log p(x_unknown | x_known) of images that are known in full, exactly, where the known come first.

        The sum of `log_prob_map` over the unknown sub-pixels. That it is only where every known sub-pixel comes before
        every unknown one, row by row, from left to right, R before G before B: for any other mask p(x_known) is a sum
        over all that could stand at the unknown ones, and is refused.

        Args:
            X: images, known in full.
            mask: True where X counts as known, see `complete`.
            y: labels of a conditional model; without them it is the marginal's, sum_y p(y | x_known) p(x_unknown |
                x_known, y).

        Raises:
            ValueError: what `score_samples` raises; a mask that does not fit, or that knows something after something
                unknown.
        """
        terms = self.log_prob_map(X, y)
        partly = self._partly_known(X, mask, y)
        if not bool((leading(partly.known_NCHW) == partly.known_NCHW).all()):
            raise ValueError(
                "the mask knows a sub-pixel that comes after an unknown one in the order of reading: p(x_known) is "
                "then no product of this model's terms. VAE.log_prob_of_unknown takes any mask"
            )
        value = np.where(partly.known, 0.0, terms.reshape(partly.known.shape)).reshape(len(partly.X), -1).sum(axis=1)
        return UnknownLogProb(value, np.zeros(len(value)), is_exact=True)

    # ---- features ---------------------------------------------------------------------------------------------------

    def transform(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[Any]:
        """Features of each image: the middle layer's, averaged over a grid of at most 4 x 4 fields.

        (n, fields * features), float32 for float32 images, else float64. The layer is the middle one of the stack, for
        every collection: no label chooses it. A conditional model without labels averages over p(y|x).
        """
        reader = self._checked_reader(X, y)

        def pooled(x_NCHW: Tensor, codes: Tensor | None) -> Tensor:
            return features(self.module_, x_NCHW, codes)

        (values,) = self._map(reader, lambda x, codes: self._average_over_classes(x, codes, pooled))
        return values.astype(np.float32) if reader.rows.dtype == np.float32 else values

    @property
    def _n_features_out(self) -> int:
        height, width = feature_fields(self.spec_.height, self.spec_.width)
        return height * width * self.module_.n_features


def _check_temperature(temperature: float) -> None:
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, not {temperature!r}")


def chosen_law(likelihood: str, channels: int, levels: int, n_components: int) -> PixelLaw:
    """The pixel law that a ``likelihood`` stands for: of two levels always a sigmoid."""
    if levels == 2 and likelihood != "logistic_mixture":
        return pixel_law("bernoulli", channels, levels)
    if likelihood == "auto":
        likelihood = "softmax" if levels <= SOFTMAX_LEVELS else "logistic_mixture"
    name = "categorical" if likelihood == "softmax" else likelihood
    return pixel_law(name, channels, levels, n_components)


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
