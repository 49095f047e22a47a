"""The part of `pofx demo` that finds images which do not belong, hidden among digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.applications.outlier_answers import Assessment
from pofx.applications.outliers import OutlierDetector
from pofx.files.arrays import save_npz
from pofx.pages.gallery import Gallery

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.base import GenerativeModel

#: Digits among which others are hidden; the rest of the digits set aside teach the detector what is ordinary.
DIGITS = 100
#: Images of each kind that are hidden.
HIDDEN = 3
DIGIT = "digit"


@dataclass(frozen=True)
class Search:
    """Images that a detector has looked through.

    Attributes:
        images: digits and others, in no order.
        kinds: what each is: "digit", or what was done to it.
    """

    detector: OutlierDetector
    images: NDArray[Any]
    kinds: NDArray[np.str_]
    found: Assessment

    @property
    def summary(self) -> str:
        """How many of the others were found, and how many digits were flagged."""
        foreign, flagged = self.kinds != DIGIT, self.found.is_outlier
        rate = str(self.detector.report_rate())
        return (
            f"Hidden among {(~foreign).sum()} digits were {foreign.sum()} images that are none: "
            f"{(flagged & foreign).sum()} of them are flagged, and {(flagged & ~foreign).sum()} of the digits. "
            f"{rate[0].upper()}{rate[1:]}."
        )

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write the detector and the images to the folder; their files."""
        mixed = folder / "mixed.npz"
        save_npz(mixed, {"x": self.images, "y": self.kinds})
        return self.detector.save(folder / "detector.pofx"), mixed

    def page(self) -> Image:
        """The most atypical images, as many as others were hidden."""
        gallery = Gallery(self.detector, self.images, self.found, list(self.kinds))
        n_hidden = int((self.kinds != DIGIT).sum())
        return gallery.overview(title="The most atypical of digits with others hidden among them", n_images=n_hidden)


def search(model: GenerativeModel, digits: NDArray[np.generic], seed: int | None) -> Search:
    """Hide others among some of the digits and look for them, with a detector that has learned from the other digits.

    Args:
        model: fitted to digits, none of which is among these.
    """
    rng = np.random.default_rng(seed)
    detector = OutlierDetector(model, random_state=seed).fit(digits[DIGITS:])
    some = digits[:DIGITS]
    parts = {DIGIT: some} | hidden(some, model.spec_.levels, rng)
    kinds = np.repeat(list(parts), [len(part) for part in parts.values()])
    order = rng.permutation(len(kinds))
    images = np.concatenate(list(parts.values()))[order]
    return Search(detector, images, kinds[order], detector.assess(images))


def hidden(digits: NDArray[Any], levels: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Images (HIDDEN, H, W) of each kind, made of other digits; they have the same levels."""
    inverted, turned, scrambled = rng.choice(len(digits), (3, HIDDEN), replace=False)
    pixels = digits[scrambled].reshape(HIDDEN, -1)
    return {
        "inverted": levels - 1 - digits[inverted],
        "noise": rng.integers(0, levels, digits[:HIDDEN].shape).astype(digits.dtype),
        "turned": np.rot90(digits[turned], axes=(1, 2)),
        "scrambled": rng.permuted(pixels, axis=1).reshape(digits[:HIDDEN].shape),
    }
