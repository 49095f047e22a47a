"""Pictures of the images that a detector finds most atypical."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.collection import printable
from pofx.data.images import ImageSpec, shape_HWC
from pofx.engine.counting import CountedWork
from pofx.files.colours import round_limit
from pofx.files.pictures import save_png
from pofx.pages.surprise import of_pixels, surprise_sheet

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.applications.outlier_answers import Assessment
    from pofx.applications.outliers import OutlierDetector
    from pofx.data.images import ImageFormat

#: How many images the overview of a gallery shows.
MOST_ATYPICAL = 10
OVERVIEW = "most_atypical.png"
#: Letters of an image's name that the name of its picture keeps, at most.
_KEPT = 80

#: Images whose maps are in memory at a time.
MAPPED_AT_ONCE = 64

NOTE = "p: how often an ordinary image is as atypical as this one or more, going by the calibration images."


def from_most_atypical(found: Assessment) -> NDArray[np.intp]:
    """The images in the order of their p-values, and of their scores where those are the same."""
    return np.lexsort((found.scores, found.p_values))


@dataclass(frozen=True)
class Gallery:
    """Pictures of images that were judged, each above a map of where it surprises the model, where that can be told.

    Attributes:
        images, y: as they were given to ``detector.assess``. found: what it answered.
        names: what each image is called.
    """

    detector: OutlierDetector
    images: NDArray[Any]
    found: Assessment
    names: Sequence[str]
    y: NDArray[Any] | None = None

    def overview(self, *, title: str | None, n_images: int = MOST_ATYPICAL) -> Image:
        """The most atypical images beside one another, with their names and p-values."""
        some = from_most_atypical(self.found)[:n_images]
        maps = self._maps(some)
        return self._page(some, maps, limit=self._limit(maps), title=title, note=NOTE)

    def save(self, folder: Path, *, n_flagged: int, title: str | None, verbose: bool) -> None:
        """Write the `overview`, and a picture of each flagged image; a colour means the same in all of them.

        Args:
            n_flagged: how many are flagged: so many of the lowest p-values.
        """
        save_png(self.overview(title=title), folder / OVERVIEW)
        order = from_most_atypical(self.found)
        limit = self._limit(self._maps(order[:MOST_ATYPICAL]))
        order, digits = order[:n_flagged], len(str(n_flagged))
        with CountedWork("Drawing", "images", verbose) as count:
            for begin in range(0, n_flagged, MAPPED_AT_ONCE):
                some = order[begin : begin + MAPPED_AT_ONCE]
                maps = self._maps(some)
                for k, index in enumerate(some):
                    page = self._page([index], None if maps is None else maps[[k]], limit=limit)
                    rank = f"{begin + k + 1:0{digits}}"
                    save_png(page, folder / f"{rank}_{_file_name(self.names[index])}.png")
                    count(begin + k + 1, n_flagged)

    def _page(
        self,
        some: Sequence[int] | NDArray[np.intp],
        maps: NDArray[np.float64] | None,
        *,
        limit: float | None,
        title: str | None = None,
        note: str | None = None,
    ) -> Image:
        return surprise_sheet(
            self._format,
            self.images[some],
            maps,
            names=[printable(self.names[i]) for i in some],
            numbers=[f"p {self.found.p_values[i]:.3g}" for i in some],
            title=title,
            note=note,
            limit=limit,
        )

    def _maps(self, some: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Where these images surprise the model, in their layout; None of a model that cannot tell."""
        if not hasattr(self.detector, "explain"):
            return None
        return self.detector.explain(self.images[some], None if self.y is None else self.y[some])

    def _limit(self, maps: NDArray[np.float64] | None) -> float | None:
        """Where the colours of these maps are deepest, in nats."""
        return None if maps is None else round_limit(of_pixels(self._format, maps))

    @property
    def _format(self) -> ImageFormat:
        """How images hold pixels: as those of the model, of which they may be larger where it judges tiles of them."""
        of_the_model = self.detector.model_.image_format_
        if self.images.ndim == 2:
            return of_the_model
        spec = ImageSpec(*shape_HWC(self.images.shape), of_the_model.spec.levels)
        return replace(of_the_model, spec=spec, n_axes=self.images.ndim)


def _file_name(name: str) -> str:
    """What a picture can be called that shows the image of this name."""
    return re.sub(r"[^\w.-]+", "_", re.sub(r"\.\w+$", "", name))[:_KEPT]
