"""What the models draw, beside real images."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.evaluation.memorisation import Memorisation, memorisation
from pofx.evaluation.samples import SampleTable, sample_table
from pofx.files.pictures import sheet
from pofx.measures.two_sample import LEAST
from pofx.pages.memorisation import memorisation_page
from pofx.report.clock import affordable
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Study

#: Images of each set that are compared, at most; of the training, features are learned from so many times as many.
MOST, LEARNED_FROM = 1000, 4
#: Of the time so much at most goes to drawing.
DRAWING = 0.4

Measures = tuple[SampleTable, dict[str, Memorisation]]


def samples(study: Study, seconds: float) -> Section:
    """Samples of each model, what tells them from real images, and the training images nearest to them."""
    section = Section(
        "samples",
        "What the models draw",
        "Images that each model drew, how near they are to real ones by several measures, and whether they are copies.",
        "No number says how good a sample looks to you; the measures depend on features and on how many images there "
        "are, and can be compared within one table alone.",
    )
    started = time.perf_counter()
    drawn = _drawn(study, DRAWING * seconds)
    real = study.held_out.some(2 * COLUMNS, study.seed).images
    for name, images in drawn.items():
        page = sheet(
            study.displayed(np.concatenate([images[: 2 * COLUMNS], real[:COLUMNS]])),
            n_columns=COLUMNS,
            row_labels=["drawn", "drawn", "real"] if len(real) >= COLUMNS else None,
        )
        section.add(Picture(f"samples_{name}", page, f"Samples of {name} beside real images", f"{name}: as they came."))
    most = min(MOST, len(study.held_out), len(study.training) // 2, *map(len, drawn.values()))
    if most < LEAST:
        section.add(
            Text(f"Of so few images nothing is measured: {LEAST} held-out ones are needed, and as many others.")
        )
        return section
    measures: dict[int, Measures] = {}

    def measure(n: int) -> None:
        measures[n] = _measured(study, drawn, n)

    n = affordable(measure, seconds - (time.perf_counter() - started), least=LEAST, most=most)
    if n not in measures:
        measure(n)
    table, copies = measures[n]
    section.add(Table("samples", table.cells(), [row.to_dict() for row in table.rows], table.note))
    section.add(*_criterion(study, table))
    for name, found in copies.items():
        page = memorisation_page(
            study.models[name], drawn[name], study.training.images, found.in_pixels, title=None, note=None
        )
        section.add(
            Picture(
                f"nearest_{name}",
                page,
                f"Samples of {name} above the training images nearest to them",
                f"{name}: samples, and those of them nearest to a training image, above the nearest of "
                f"{len(study.training):,} training images; the number is their distance in pixels. "
                + _sentences(str(found)),
            )
        )
    return section


def _sentences(lines: str) -> str:
    return " ".join(f"{line[0].upper()}{line[1:]}." for line in lines.splitlines())


def _drawn(study: Study, seconds: float) -> dict[str, NDArray[Any]]:
    """As many images of each model as there is time for; those of a picture in any case."""
    drawn: dict[int, dict[str, NDArray[Any]]] = {}

    def draw(n: int) -> None:
        drawn[n] = {name: model.sample(n, random_state=study.seed) for name, model in study.models.items()}

    least = max(LEAST, 2 * COLUMNS)
    n = affordable(draw, seconds, least=least, most=max(least, min(MOST, len(study.held_out))))
    if n not in drawn:
        draw(n)
    return drawn[n]


def _measured(study: Study, drawn: Mapping[str, NDArray[Any]], n: int) -> Measures:
    """The measures of n images of each set, and what is copied of all training images."""
    training, held_out = study.training.some((LEARNED_FROM + 1) * n, study.seed), study.held_out.some(n, study.seed)
    table = sample_table(
        drawn, training.images, held_out.images, train_labels=training.labels if study.labelled else None, n_images=n,
        random_state=study.seed, device=study.device, shape=study.format.spec.shape_HWC,
    )  # fmt: skip
    copies = {
        name: memorisation(
            images[:n], study.training.images, held_out.images, model=study.models[name], n_scored=n,
            random_state=study.seed,
        )
        for name, images in drawn.items()
    }  # fmt: skip
    return table, copies


def _criterion(study: Study, table: SampleTable) -> list[Text]:
    """Of models without a p(x), the least that the criterion of the game can be, by the bound on the divergence."""
    told = []
    for row in table.rows:
        model = study.models.get(row.name)
        if model is not None and model.density == "none":
            bound, error = row.two_sample.jsd_bound, row.two_sample.jsd_standard_error
            shown = (
                f"A fresh classifier's estimate of a lower bound on it here is {-math.log(4) + 2 * bound:.4f} (± "
                f"{2 * error:.4f})."
                if bound > 0
                else "A fresh classifier shows no more here than that it is not below this."
            )
            told.append(
                Text(
                    f"{row.name}: the criterion of the game, C(G) = -log 4 + 2 JSD(p, p_G), has its minimum "
                    f"{-math.log(4):.4f} where what it draws is of the law of the images. {shown}"
                )
            )
    return told
