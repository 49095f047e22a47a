"""What the collection is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pofx.evaluation.duplicates import COMPARED, Duplicates, duplicates
from pofx.files.pictures import sheet
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Images, Study

#: Rows of the picture, classes and files that are named, pairs of near-duplicates that are shown, and images that are
#: named of a group of copies.
ROWS, NAMED, PAIRS, ALIKE = 3, 30, 10, 5


def collection(study: Study, seconds: float) -> Section:
    """Size, levels, classes, files left out, and images that are there twice."""
    found = study.collection
    section = Section(
        "collection",
        "The collection",
        f"These are the images that {study.source} holds, and what was left out.",
        "Whether they are the images that you meant, only you can see.",
    )
    spec = study.format.spec
    colour = {1: "gray", 3: "colour"}.get(spec.channels, f"{spec.channels} channels")
    facts = [
        ("images", f"{len(found):,}"),
        ("size", f"{spec.height} x {spec.width} pixels, {colour}, {spec.levels} levels"),
        ("not held out" if study.fitted_before else "models learn from", f"{len(study.training):,}"),
        ("held out, to measure with", f"{len(study.held_out):,}"),
        ("files left out", f"{len(found.skipped):,}"),
    ]
    section.add(Table("collection", [["", ""], *([name, value] for name, value in facts)]))
    section.add(*_classes(study), *_left_out(study))
    some = study.training.some(ROWS * COLUMNS, study.seed)
    picture = sheet(study.displayed(some.images), n_columns=COLUMNS)
    section.add(Picture("collection", picture, "Images of the collection", "Some of the images, at random."))
    found_twice = duplicates(study.all_images.images, seed=study.seed)
    section.add(*_duplicates(study, found_twice))
    if found_twice.n_copies or len(found_twice.near):
        section.finding = (
            f"Copies of other images: {found_twice.n_copies:,}; pairs that are nearly the same: "
            f"{len(found_twice.near):,}."
        )
    return section


def _classes(study: Study) -> list[Table]:
    labels = study.collection.named_labels
    if labels is None:
        return []
    classes, counts = np.unique(labels, return_counts=True)
    rows = [[str(label), f"{count:,}"] for label, count in zip(classes[:NAMED], counts[:NAMED], strict=True)]
    note = f"{len(classes) - NAMED:,} classes more." if len(classes) > NAMED else ""
    records = [{"class": str(label), "images": int(n)} for label, n in zip(classes, counts, strict=True)]
    return [Table("classes", [["class", "images"], *rows], records, note)]


def _left_out(study: Study) -> list[Table | Text]:
    found = study.collection
    parts: list[Table | Text] = []
    if found.skipped:
        rows = [[one.name, one.reason] for one in found.skipped[:NAMED]]
        records = [{"file": one.name, "reason": one.reason} for one in found.skipped]
        rest = len(found.skipped) - NAMED
        note = f"{rest:,} files more; left_out.csv names all." if rest > 0 else ""
        parts.append(Table("left_out", [["file left out", "reason"], *rows], records, note))
    parts += [
        Text(f"Converted: {done.what}; {done.n_images:,} images, such as {done.example}.") for done in found.conversions
    ]
    return parts


def _same(images: Images, group: Sequence[int]) -> str:
    rest = len(group) - ALIKE
    return " = ".join(images.name(i) for i in group[:ALIKE]) + (f" = {rest:,} others" if rest > 0 else "")


def _duplicates(study: Study, found: Duplicates) -> list[Picture | Text]:
    images = study.all_images
    told = [
        f"Copies of other images, the same to the bit: {found.n_copies:,}."
        if found.n_copies
        else "No image is there twice, the same to the bit."
    ]
    among = "" if len(images) <= COMPARED else f" (among {found.n_compared:,} at random)"
    told.append(
        "Pairs that are nearly the same, nearer than a tenth of what is usual between an image and its nearest"
        f"{among}: {len(found.near):,}."
    )
    if found.n_copies:
        shown = [_same(images, group) for group in found.same[:PAIRS]]
        told.append(f"The same are {'; '.join(shown)}{' and others' if len(found.same) > PAIRS else ''}.")
    parts: list[Picture | Text] = [Text(" ".join(told))]
    pairs = found.near[:PAIRS]
    if len(pairs):
        page = sheet(
            study.displayed(images.images[pairs.T.ravel()]),
            n_columns=len(pairs),
            captions=[images.name(int(i)) for i in pairs.T.ravel()],
        )
        parts.append(Picture("near_duplicates", page, "Pairs of images that are nearly the same", "Nearly the same."))
    return parts
