"""Which class each image is of, and which are of none."""

from __future__ import annotations

from typing import Any

import numpy as np

from pofx.applications.classifier import GenerativeClassifier
from pofx.files.pictures import sheet
from pofx.logistic import OneThreadLogisticRegression
from pofx.measures.reliability import reliability
from pofx.pages.reliability import reliability_note, reliability_page
from pofx.report.clock import affordable
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Study

#: Held-out images that reject and calibrate, and those that are judged, at most; at least so many of both together.
MOST, LEAST = 1_000, 80
#: Training images of the logistic regression, at least where there are so many, and at most.
FEW_DISCRIMINATIVE, DISCRIMINATIVE = 500, 10_000


def classes(study: Study, seconds: float, model: Any) -> Section:
    """Classes by Bayes' rule, with those rejected that are of none, beside a logistic regression.

    Args:
        model: p(x|y), fitted to the training images and their labels.
    """
    section = Section(
        "classes",
        "Classes, and none where there is none",
        "How often Bayes' rule over p(x|y) names the class of held-out images, and that it can say of an image that it "
        "is of no class.",
        "A network that learns p(y|x) alone, from many labels, names more of them right, and names everything.",
    )
    held_out = study.held_out
    labels, trained = held_out.labels, study.training.labels
    if len(held_out) < LEAST or labels is None or trained is None:
        section.add(Text(f"{LEAST} held-out images with a label are needed, and there are {len(held_out)}."))
        return section
    most = min(2 * MOST, len(held_out))
    # Every image is scored three times in what follows.
    n = affordable(lambda n: model.class_log_probs(held_out.images[:n]), seconds / 4, least=min(16, most), most=most)
    order = np.random.default_rng([study.seed, 24]).permutation(len(held_out))[: max(n, LEAST)]
    own_indices, new_indices = (np.sort(part) for part in np.array_split(order, 2))
    # A class that no model learned from calibrates nothing, and is right to be rejected.
    own_indices = own_indices[np.isin(labels[own_indices], trained)]
    own, new, truths = held_out.part(own_indices), held_out.part(new_indices), labels[new_indices]
    classifier = GenerativeClassifier(model, calibrated=True, random_state=study.seed).fit(
        own.images, labels[own_indices]
    )
    path = classifier.save(study.folder / "classifier.pofx")
    probabilities, p_values = classifier.predict_proba(new.images), classifier.p_values(new.images)
    truth = np.searchsorted(classifier.classes_, truths)
    known = np.isin(truths, classifier.classes_)
    right = probabilities.argmax(axis=1) == truth
    rejected = p_values <= classifier.false_alarm_rate
    inverted = study.inverted(new.images)
    rows = {
        "Bayes' rule over p(x|y)": (
            float(right[known].mean()), float(rejected.mean()),
            float((classifier.p_values(inverted) <= classifier.false_alarm_rate).mean()),
            reliability(probabilities[known], truth[known]).expected_calibration_error,
        )
    }  # fmt: skip
    discriminative, n_learned = _discriminative(study, seconds / 4)
    flat = [study.scaled(images) for images in (new.images, inverted)]
    confident = discriminative.predict_proba(flat[0])
    seen = np.isin(truths, discriminative.classes_)
    codes = np.searchsorted(discriminative.classes_, truths[seen])
    threshold = float(np.quantile(confident.max(axis=1), classifier.false_alarm_rate))
    rows["logistic regression"] = (
        float((discriminative.classes_[confident.argmax(axis=1)] == truths)[known].mean()),
        float((confident.max(axis=1) <= threshold).mean()),
        float((discriminative.predict_proba(flat[1]).max(axis=1) <= threshold).mean()),
        reliability(confident[seen], codes).expected_calibration_error,
    )
    cells = [["", "right", "rejected", "rejected of inverted images", "calibration error"]]
    cells += [[name, f"{a:.1%}", f"{b:.1%}", f"{c:.1%}", f"{e:.3f}"] for name, (a, b, c, e) in rows.items()]
    records = [
        {"name": name, "accuracy": a, "rejected": b, "rejected_inverted": c, "calibration_error": e, "images": len(new)}
        for name, (a, b, c, e) in rows.items()
    ]  # fmt: skip
    note = (
        f"Of {len(new):,} held-out images, at a false-alarm rate of {classifier.false_alarm_rate:.0%}; {len(own):,} "
        f"others calibrated it. {str(classifier.detector_.report_rate()).capitalize()}. The logistic regression "
        f"learned from the pixels of {n_learned:,} training images, and rejects images of which it is least sure, as "
        "many of these as the rate says."
    )
    section.add(Table("classification", cells, records, note))
    section.finding = (
        f"Bayes' rule names {cells[1][1]} of held-out images right, a logistic regression {cells[2][1]}; of inverted "
        f"ones it rejects {cells[1][3]}, the regression {cells[2][3]}."
    )
    some = np.concatenate([np.flatnonzero(~right & known)[:COLUMNS], np.flatnonzero(rejected)[:COLUMNS]])
    if len(some):
        captions = [f"{classifier.classes_[probabilities[i].argmax()]} ({truths[i]}) p {p_values[i]:.2f}" for i in some]
        page = sheet(study.displayed(new.images[some]), n_columns=COLUMNS, captions=captions)
        section.add(
            Picture(
                "misnamed", page, "Images that are named wrong or rejected",
                "Images named wrong, then images rejected: the class that is likeliest (its label), and the p-value.",
            )
        )  # fmt: skip
    page = reliability_page(probabilities[known], truth[known], title=None)
    section.add(
        Picture(
            "reliability", page, "How sure, and how often right", reliability_note(probabilities[known], truth[known])
        )
    )
    section.add(Text(f"The classifier is in {path.name}."))
    return section


def _discriminative(study: Study, seconds: float) -> tuple[OneThreadLogisticRegression, int]:
    """A logistic regression of as many training images as there is time for, and how many these are."""
    labels = study.training.labels
    assert labels is not None
    order = np.random.default_rng([study.seed, 25]).permutation(len(labels))

    def learned(n: int) -> OneThreadLogisticRegression:
        some = np.sort(order[:n])
        scaled = study.scaled(study.training.images[some])
        fitted: OneThreadLogisticRegression = OneThreadLogisticRegression(max_iter=500, C=0.1).fit(scaled, labels[some])
        return fitted

    most = min(DISCRIMINATIVE, len(labels))
    n = affordable(learned, seconds, least=min(FEW_DISCRIMINATIVE, most), most=most)
    return learned(n), n
