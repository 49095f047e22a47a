"""Whether the latents of a VAE say anything about its images: what is measured after a fit, and told of a collapse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.data.reader import ImageReader
from pofx.density import DensityModel
from pofx.families.variational.module import VAEModule
from pofx.families.variational.statistics import COLLAPSED_KL, active_units, activity, dimension_divergences

#: Images from which the use of each latent dimension is measured after a fit, at most.
IMPORTANCE_IMAGES = 2048
#: After fewer steps a posterior does not count as collapsed: its latents had no time to be put to use.
COLLAPSE_STEPS = 500


class LatentDiagnosis(DensityModel):
    """`latent_importance_`, `latent_activity_`, `held_out_kl_` and `posterior_collapsed_` of a fitted model."""

    module_: VAEModule
    latent_dim: int

    @property
    def held_out_kl_(self) -> float | None:
        """Mean KL(q(z|x) || p(z)) of the held-out images in nats, for the state that was kept; None without any."""
        if "held_out_kl" not in self.history_.columns:
            return None
        # The score that was kept stands in the row of its epoch; where none was finite, the last state was kept.
        kept = np.flatnonzero(self.history_["held_out_score"] == self.held_out_score_)
        return float(self.history_["held_out_kl"][kept[0] if len(kept) else -1])

    @property
    def posterior_collapsed_(self) -> bool:
        """Whether the latents say next to nothing about an image, after a training of 500 steps or more.

        That is so if no dimension is active (see `latent_activity_`), or the KL is below 0.05 nats: `held_out_kl_`, or
        without held-out images the sum of `latent_importance_`.
        """
        in_use = active_units(torch.from_numpy(self.latent_activity_)) > 0 and self._kl() >= COLLAPSED_KL
        return self.n_steps_ >= COLLAPSE_STEPS and not in_use

    def _kl(self) -> float:
        kl = self.held_out_kl_
        return float(self.latent_importance_.sum()) if kl is None else kl

    def _after_fit(self, training: ImageReader, held_out: ImageReader | None) -> None:
        training = training.labelled()
        positions = np.random.default_rng([self.seed_, 2]).permutation(len(training))[:IMPORTANCE_IMAGES]

        def posterior(x_NCHW: Tensor, codes: Tensor | None) -> tuple[Tensor, Tensor]:
            return self.module_.encode(self.module_.scaled(x_NCHW), codes)

        latents = tuple(torch.from_numpy(values) for values in self._map(training.subset(positions), posterior))
        learned = not self.module_.prior.is_standard_normal
        self.latent_activity_: NDArray[np.float64] = activity(*latents, relative=learned).numpy()
        self.latent_importance_: NDArray[np.float64] = dimension_divergences(*latents, learned=learned).numpy()
        if self.posterior_collapsed_:
            n_active = active_units(torch.from_numpy(self.latent_activity_))
            warnings.warn(
                f"The posterior collapsed: the latents say next to nothing about the image (KL {self._kl():.3g} nats, "
                f"{n_active} of {len(self.latent_activity_)} dimensions active), so that all images share one law of "
                "their pixels. Try a longer kl_warm_up, free_bits=0.1, a smaller beta or a longer training. (Images "
                "whose pixels do not depend on one another leave a latent nothing to say.)",
                stacklevel=3,
            )

    def _extra_state(self) -> dict[str, NDArray[Any]]:
        return {"latent_importance_": self.latent_importance_, "latent_activity_": self.latent_activity_}

    def _restore_extra_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        names = ("latent_importance_", "latent_activity_")
        if set(arrays) != set(names) or any(array.shape != (self.latent_dim,) for array in arrays.values()):
            raise ValueError(f"{' or '.join(names)} is missing or of another size")
        self.latent_importance_, self.latent_activity_ = (arrays[name].astype(np.float64) for name in names)
