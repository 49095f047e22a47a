"""Images in groups of one size through work that takes many draws or chains of each.

An image gets the same bits whatever it is asked for beside: the size of a group depends on the model, the settings and
the kind of device alone, and the last group is filled up.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pofx.density import DensityModel
from pofx.engine.devices import full_float32, resolve_device
from pofx.families.variational.module import VAEModule
from pofx.nn.rowwise import IndependentRows

#: Outputs that the decoder may have at once, and chains that run side by side, on a CPU and on an accelerator.
OUTPUTS, CHAINS = {True: 2**19, False: 2**24}, {True: 128, False: 1024}

Advance = Callable[[int], object]
"""Called with how many draws or transitions of each image have been done since the last call."""


class ImageGroups(DensityModel):
    """How many images, draws and chains of a model pass together, and the way of all images in such groups."""

    module_: VAEModule

    def _by_chunks(
        self,
        n: int,
        size: int,
        unit: str,
        work: int,
        function: Callable[[NDArray[np.int64], Advance], tuple[Tensor, ...]],
    ) -> list[NDArray[np.float64]]:
        """``function(positions, advance)`` of ``size`` images at a time, always as many: the last fills the last chunk.

        Args:
            n: images.
            unit, work: what the progress line counts, and how many of them an image takes.
            function: gives tensors (size, ...), and reports its progress.
        """
        self.module_.to(resolve_device(self.device, self._dtype))
        outputs: list[NDArray[np.float64]] = []
        # Not in inference mode, whatever the caller is in: annealing needs gradients.
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            full_float32(),
            IndependentRows(),
            self._counted(unit) as count,
        ):
            for start in range(0, n, size):
                n_here = min(size, n - start)
                done = start * work

                def advance(steps: int, n_here: int = n_here) -> None:
                    nonlocal done
                    done += steps * n_here
                    count(done, n * work)

                parts = function(np.minimum(np.arange(start, start + size), n - 1), advance)
                outputs = outputs or [np.empty((n, *part.shape[1:])) for part in parts]
                for output, part in zip(outputs, parts, strict=True):
                    output[start : start + n_here] = part[:n_here].cpu().numpy()
        return outputs

    @property
    def _like(self) -> Tensor:
        """A tensor of the network's dtype, on its device."""
        return next(self.module_.parameters())[:0]

    def _rows_together(self) -> int:
        """Latents that the decoder takes at once: a function of the model and the kind of device."""
        outputs = self.spec_.height * self.spec_.width * self.module_.n_outputs_a_pixel
        return max(1, OUTPUTS[self._on_cpu] // outputs)

    def _chains_together(self, n_samples: int) -> int:
        """Images whose chains run side by side."""
        return max(1, min(CHAINS[self._on_cpu], self._rows_together()) // n_samples)

    @property
    def _on_cpu(self) -> bool:
        return resolve_device(self.device, self._dtype).type == "cpu"
