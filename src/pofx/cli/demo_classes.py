"""The part of `pofx demo` that names the class of each image, and gives none to images that are of no class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pofx.applications.classifier import GenerativeClassifier
from pofx.cli.demo_outliers import DIGIT, Search
from pofx.families.variational.estimator import VAE
from pofx.files.pictures import sheet
from pofx.pages.display import displayed

if TYPE_CHECKING:
    from PIL.Image import Image

#: Of the fit of p(x|y): ten seconds of it name digits as well as more would.
EPOCHS = 25
COLUMNS = 12


@dataclass(frozen=True)
class Named:
    """Images whose classes were told: digits, with others hidden among them.

    Attributes:
        images, truth: digits, and which they are. others: images that are none.
        sure: the probability of its likeliest class that a logistic regression gives each of the others.
    """

    classifier: GenerativeClassifier
    images: NDArray[Any]
    truth: NDArray[Any]
    others: NDArray[Any]
    discriminative_accuracy: float
    sure: NDArray[np.float64]

    @property
    def summary(self) -> str:
        """How many classes are right, and what gets none, beside a logistic regression."""
        rejected = [(self.classifier.predict_or_reject(some) == -1).sum() for some in (self.images, self.others)]
        return (
            f"Of {len(self.images)} digits set aside {100 * self.classifier.score(self.images, self.truth):.1f} % are "
            f"named right by Bayes' rule, {100 * self.discriminative_accuracy:.1f} % by a logistic regression. Of the "
            f"{len(self.others)} hidden images {rejected[1]} get no class, and {rejected[0]} of the digits (at most "
            f"{self.classifier.detector_.report_rate().expected * len(self.images):.0f} expected). The logistic "
            f"regression names all of them: it is at least {100 * np.median(self.sure):.1f} % sure of half of those "
            "that are no digits."
        )

    def page(self) -> Image:
        """Digits and the others, each with the class that it gets, or none."""
        some = np.concatenate([self.images[:COLUMNS], self.others])
        found, p = self.classifier.predict_or_reject(some), self.classifier.p_values(some)
        n_rows = len(some) // COLUMNS
        return sheet(
            displayed(self.classifier.model_, some[: n_rows * COLUMNS]),
            n_columns=COLUMNS,
            row_labels=["digits"] + ["others"] * (n_rows - 1),
            captions=[
                f"none, p {value:.2f}" if label == -1 else f"{label}, p {value:.2f}"
                for label, value in zip(found, p, strict=True)
            ][: n_rows * COLUMNS],
            title="Which digit it is, and that it is none",
            note="Below each the class in which it is likeliest, and how often a digit is as atypical; where that is "
            f"at most {self.classifier.false_alarm_rate:g}, it is called none.",
        )

    def save(self, folder: Path) -> Path:
        return self.classifier.save(folder / "classifier.pofx")


def name(
    train: NDArray[Any],
    train_labels: NDArray[Any],
    test: NDArray[Any],
    test_labels: NDArray[Any],
    looked_through: Search,
    seed: int | None,
) -> Named:
    """Fit p(x|y) to digits and their labels; the classes of others, and of what was hidden among them."""
    model = VAE(max_epochs=EPOCHS, random_state=seed, verbose=True)
    classifier = GenerativeClassifier(model, random_state=seed).fit(train, train_labels)
    others = looked_through.images[looked_through.kinds != DIGIT]
    flat = [images.reshape(len(images), -1) for images in (train, test, others)]
    discriminative = LogisticRegression(max_iter=5000).fit(flat[0], train_labels)
    accuracy = float(discriminative.score(flat[1], test_labels))
    return Named(classifier, test, test_labels, others, accuracy, discriminative.predict_proba(flat[2]).max(axis=1))
