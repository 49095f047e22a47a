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

#: Completions of each image.
COMPLETIONS = 2


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
    # One image tells how long the others take.
    model.complete(images[:1], known, random_state=study.seed)
    start = time.perf_counter()
    model.complete(images[:1], known, random_state=study.seed)
    each = time.perf_counter() - start
    n = int(min(len(images), max(1, seconds / max(each, 1e-9) / COMPLETIONS)))
    shown = images[:n]
    drawn = model.complete(np.tile(shown, (COMPLETIONS, *[1] * (shown.ndim - 1))), known, random_state=study.seed)
    page = completion_page(
        model, shown, known_HWC, list(drawn.reshape(COMPLETIONS, *shown.shape)), title=None, note=None
    )
    note = f"{name}: lower halves. Blue: unknown. {completion_note(model, known_HWC, 1)}"
    return Picture(f"completed_{name}", page, f"Upper halves and lower halves by {name}", note)
