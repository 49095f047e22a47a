"""The images that belong least."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.applications.outlier_answers import Assessment
from pofx.applications.outliers import OutlierDetector
from pofx.files.pictures import sheet
from pofx.pages.gallery import Gallery
from pofx.report.clock import affordable
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Images, Study

#: Ordinary images that a detector learns from, and images that it judges, at most; it needs so many of the held-out
#: ones.
CALIBRATED, JUDGED, LEAST = 2_000, 10_000, 80
#: Where the time is short, so many of each are enough. Of a model's share of it so much goes to either.
FEW, SHARE = 80, 0.3
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
    usual = _of_known_classes(study)
    n_usual = int(usual.sum())
    of_what = "held-out images" if usual.all() else "held-out images of the classes that the models learned from"
    if n_usual < LEAST:
        section.add(Text(f"{LEAST} {of_what} are needed to say what is ordinary, and there are {n_usual}."))
        return section
    order = np.random.default_rng([study.seed, 23]).permutation(len(study.held_out))
    own_indices = order[usual[order]][: min(CALIBRATED, n_usual // 2)]
    own = study.held_out.part(np.sort(own_indices))
    others = study.held_out.part(np.setdiff1d(order, own_indices))
    the_rest = "images that are not held out" if study.fitted_before else "images that the models were fitted to"
    section.add(
        Text(
            f"Of the {n_usual:,} {of_what} up to {len(own):,} at random say what is ordinary. As far as the time "
            f"allowed, the other {len(others):,} held-out ones are judged, and after them {the_rest}. Where both are "
            "of one law, images of the fit look more typical to a model than new ones: of them fewer are flagged."
        )
    )
    cells = [["model", "ordinary", "judged", "flagged", "expected if all were so", "flagged of the held-out ones"]]
    records, parts = [], []
    for index, (name, model) in enumerate(study.models.items()):
        share = seconds / (len(study.models) - index)
        started = time.perf_counter()
        score, method = next(((kind, method) for kind, method in SCORES if hasattr(model, method)), (None, ""))
        if score is None:
            continue
        ordinary = own.some(_affordable(getattr(model, method), own, SHARE * share), study.seed)
        detector = OutlierDetector(model, score, false_alarm_rate=RATE, random_state=study.seed).fit(ordinary.images)
        detector.save(study.folder / f"detector_{name.lower()}.pofx")
        held_out, trained = _judged(study, detector, others, SHARE * share)
        images, n_held_out = held_out.joined(trained), len(held_out)
        found = detector.assess(images.images)
        flagged, of_held_out = int(found.is_outlier.sum()), int(found.is_outlier[:n_held_out].sum())
        rate = detector.report_rate()
        cells.append(
            [name, f"{len(ordinary):,}", f"{len(images):,}", f"{flagged:,}", f"{rate.expected * len(images):.3g}",
             f"{of_held_out:,} of {n_held_out:,}"]
        )  # fmt: skip
        records += [
            {"model": name, "image": images.name(i), "p_value": float(found.p_values[i]),
             "score": float(found.scores[i]), "flagged": bool(found.is_outlier[i]), "held_out": i < n_held_out}
            for i in range(len(images))
        ]  # fmt: skip
        parts.append(_picture(study, name, detector, images, found))
        seconds -= time.perf_counter() - started
    said = (
        f"At a false-alarm rate of {RATE:.0%}: so many ordinary images are flagged, at most, on average. The table of "
        "all images has the p-values."
    )
    section.add(Table("atypical", cells, records, said), *parts)
    section.finding = "; ".join(f"to {row[0]} {row[3]} of {row[2]}" for row in cells[1:])
    section.finding = f"Atypical are, at a false-alarm rate of {RATE:.0%}: {section.finding} images that were judged."
    return section


def _of_known_classes(study: Study) -> NDArray[np.bool_]:
    """Which held-out images can say what is ordinary: all, but those of a class that no model learned from."""
    labels, learned = study.held_out.labels, study.training.labels
    return np.ones(len(study.held_out), dtype=bool) if labels is None or learned is None else np.isin(labels, learned)


def _affordable(work: Callable[[NDArray[Any]], object], images: Images, seconds: float) -> int:
    """Of how many images this can be asked in so many seconds; of few in any case."""
    # Few images are no measure of how fast many are.
    n = affordable(lambda n: work(images.images[:n]), seconds, least=min(32, len(images)), most=len(images))
    return max(n, min(FEW, len(images)))


def _judged(study: Study, detector: OutlierDetector, others: Images, seconds: float) -> tuple[Images, Images]:
    """As many as can be judged of the held-out images that are no part of the detector, and of the training ones."""
    trained = study.training.some(max(0, JUDGED - len(others)), study.seed)
    n = _affordable(detector.p_values, others.joined(trained), seconds)
    return others.some(n, study.seed), trained.some(max(0, n - len(others)), study.seed)


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
