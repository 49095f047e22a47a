"""Reconstructions and completions."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.parts_of_images import known_part
from pofx.files.pictures import sheet
from pofx.pages.completions import completion_note, completion_page
from pofx.report.section import Picture, Section, Text
from pofx.report.study import COLUMNS, Study

#: Completions of each image, and of how many images at the least, whatever it takes: few take about as long as one.
COMPLETIONS, FEWEST = 2, 4


def rebuilt(study: Study, seconds: float) -> Section | None:
    """What models with an encoder make of images, and how models fill in the lower halves of others."""
    rebuild = {name: model for name, model in study.models.items() if hasattr(model, "reconstruct")}
    complete = {name: model for name, model in study.models.items() if hasattr(model, "complete")}
    if not rebuild and not complete:
        return None
    section = Section(
        "rebuilt",
        "Reconstructions and completions",
        "Held-out images beside what models make of them: squeezed to a few numbers and rebuilt, or filled in below "
        "where only the upper half is known.",
        "What a completion shows is one of many possible lower halves, and not what was there.",
    )
    images = study.held_out.some(COLUMNS, study.seed).images
    for name, model in rebuild.items():
        page = sheet(
            study.displayed(np.concatenate([images, np.asarray(model.reconstruct(images))])),
            n_columns=len(images),
            row_labels=["image", "rebuilt"],
        )
        section.add(Picture(f"rebuilt_{name}", page, f"Images and what {name} makes of them", f"{name}: rebuilt."))
    for index, (name, model) in enumerate(complete.items()):
        started = time.perf_counter()
        part = _completed(study, name, model, images, seconds / (len(complete) - index))
        section.add(part)
        seconds -= time.perf_counter() - started
    return section


def _completed(study: Study, name: str, model: Any, images: NDArray[Any], seconds: float) -> Picture | Text:
    if study.format.spec.height < 2:
        return Text(f"{name}: images of one row have no lower half to be filled in.")
    known_HWC = known_part("top", 0.5, study.format.spec)
    known = known_HWC.reshape(images.shape[1:])

    def drawn(some: NDArray[Any], seed: int) -> NDArray[Any]:
        repeated = np.tile(some, (COMPLETIONS, *[1] * (some.ndim - 1)))
        return np.asarray(model.complete(repeated, known, random_state=seed)).reshape(COMPLETIONS, *some.shape)

    # The first ones tell how many more there is time for.
    start = time.perf_counter()
    completed = drawn(images[:FEWEST], study.seed)
    took = time.perf_counter() - start
    shown = images[: FEWEST + max(0, int((seconds - took) / max(took, 1e-9) * FEWEST))]
    if len(shown) > FEWEST:
        completed = np.concatenate([completed, drawn(shown[FEWEST:], study.seed + 1)], axis=1)
    page = completion_page(model, shown, known_HWC, list(completed), title=None, note=None)
    note = f"{name}: lower halves. Blue: unknown. {completion_note(model, known_HWC, 1)}"
    return Picture(f"completed_{name}", page, f"Upper halves and lower halves by {name}", note)
