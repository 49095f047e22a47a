"""The images that belong least."""

from __future__ import annotations

import time

import numpy as np

from pofx.applications.outlier_answers import Assessment
from pofx.applications.outliers import OutlierDetector
from pofx.files.pictures import sheet
from pofx.pages.gallery import Gallery
from pofx.report.clock import affordable
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Images, Study

#: Ordinary images that a detector learns from, and images that it judges, at most; it needs so many.
CALIBRATED, JUDGED, LEAST = 2_000, 10_000, 40
RATE = 0.05
#: What images are judged by: the first that a model can tell.
SCORES = (("typicality", "typicality_statistics"), ("log_prob", "score_samples"))


def atypical(study: Study, seconds: float) -> Section:
    """The least typical images under each model, with p-values, and where they are strange."""
    section = Section(
        "atypical",
        "The images that belong least",
        "The least typical images under each model; p says how often an ordinary image is as atypical.",
        "An odd image is not a wrong one, and of many ordinary images some are flagged by chance.",
    )
    if len(study.held_out) < LEAST:
        section.add(
            Text(f"{LEAST} held-out images are needed to say what is ordinary, and there are {len(study.held_out)}.")
        )
        return section
    order = np.random.default_rng([study.seed, 23]).permutation(len(study.held_out))
    n_own = min(CALIBRATED, len(order) // 2)
    own, others = study.held_out.part(np.sort(order[:n_own])), study.held_out.part(np.sort(order[n_own:]))
    section.add(
        Text(
            f"Of the held-out images {n_own:,} at random say what is ordinary. Judged are the other {len(others):,} "
            "and, as far as the time allowed, images that the models were fitted to. Where both are of one law, "
            "these look more typical to a model than new ones: of them fewer are flagged."
        )
    )
    cells = [["model", "judged", "flagged", "expected if all were ordinary", "flagged of the held-out ones"]]
    records, parts = [], []
    for index, (name, model) in enumerate(study.models.items()):
        share = seconds / (len(study.models) - index)
        started = time.perf_counter()
        score = next((kind for kind, method in SCORES if hasattr(model, method)), None)
        if score is None:
            continue
        detector = OutlierDetector(model, score, false_alarm_rate=RATE, random_state=study.seed).fit(own.images)
        detector.save(study.folder / f"detector_{name.lower()}.pofx")
        images = _judged(study, detector, others, share - (time.perf_counter() - started))
        found = detector.assess(images.images)
        flagged, of_held_out = int(found.is_outlier.sum()), int(found.is_outlier[: len(others)].sum())
        rate = detector.report_rate()
        cells.append(
            [name, f"{len(images):,}", f"{flagged:,}", f"{rate.expected * len(images):.3g}",
             f"{of_held_out:,} of {len(others):,}"]
        )  # fmt: skip
        records += [
            {"model": name, "image": images.name(i), "p_value": float(found.p_values[i]),
             "score": float(found.scores[i]), "flagged": bool(found.is_outlier[i]), "held_out": i < len(others)}
            for i in range(len(images))
        ]  # fmt: skip
        parts.append(_picture(study, name, detector, images, found))
        seconds -= time.perf_counter() - started
    said = (
        f"At a false-alarm rate of {RATE:.0%}: so many ordinary images are flagged, at most, on average. The table of "
        "all images has the p-values."
    )
    section.add(Table("atypical", cells, records, said), *parts)
    section.finding = "; ".join(f"to {row[0]} {row[2]} of {row[1]}" for row in cells[1:])
    section.finding = f"Atypical are, at a false-alarm rate of {RATE:.0%}: {section.finding} images that were judged."
    return section


def _judged(study: Study, detector: OutlierDetector, others: Images, seconds: float) -> Images:
    """The held-out images that are no part of the detector, and as many of the training as can be judged."""
    most = min(len(study.training), max(0, JUDGED - len(others)))
    tried = min(32, most)
    if not tried:
        return others
    n = affordable(
        lambda n: detector.p_values(study.training.images[:n]), max(0.0, 0.6 * seconds), least=tried, most=most
    )
    return others.joined(study.training.some(n, study.seed))


def _picture(study: Study, name: str, detector: OutlierDetector, images: Images, found: Assessment) -> Picture:
    names = [images.name(i) for i in range(len(images))]
    alt = f"The images that are least typical to {name}"
    if images.images.ndim > 2:
        page = Gallery(detector, images.images, found, names).overview(title=None, n_images=COLUMNS)
    else:
        order = np.lexsort((found.scores, found.p_values))[:COLUMNS]
        page = sheet(
            study.displayed(images.images[order]),
            n_columns=COLUMNS,
            captions=[f"{names[i]}\np {found.p_values[i]:.3g}" for i in order],
        )
    return Picture(f"atypical_{name}", page, alt, f"{name}: the least typical images.")
