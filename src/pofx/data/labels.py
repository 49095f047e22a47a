"""Labels of training images: their classes, how frequent each is, and which images have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The label, and the class code, of an image without one, as in scikit-learn's semi-supervised estimators.
UNLABELLED = -1
#: Where some images have no label, those that have one are this share of an epoch, at least: each comes so many times.
LABELLED_SHARE = 0.2


@dataclass(frozen=True)
class LearnedClasses:
    """What labels say.

    Attributes:
        classes: the labels that there are, ascending, (n_classes,).
        prior: the frequency of each among the images that have a label.
        codes: the number of each image's class, (n,); `UNLABELLED` of those without.
    """

    classes: NDArray[Any]
    prior: NDArray[np.float64]
    codes: NDArray[np.int64]

    @property
    def n_unlabelled(self) -> int:
        return int((self.codes == UNLABELLED).sum())


def learn_classes(labels: NDArray[Any]) -> LearnedClasses:
    """The classes of checked labels (n,).

    Of integers -1 means "no label", unless that would leave fewer than two classes: -1 and 1 are two labels.
    """
    known = np.ones(len(labels), dtype=bool)
    if labels.dtype.kind in "if":
        known = labels != UNLABELLED
        if len(np.unique(labels[known])) < 2:
            known = np.ones(len(labels), dtype=bool)
    classes, known_codes, counts = np.unique(labels[known], return_inverse=True, return_counts=True)
    codes = np.full(len(labels), UNLABELLED, dtype=np.int64)
    codes[known] = known_codes
    return LearnedClasses(classes, counts / counts.sum(), codes)


def with_labelled_repeated(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of all images, those that have a label so many times that they are `LABELLED_SHARE` of all or more.

    A few labels among many images would else hardly be heard: nothing but they ties a class to its name. (The same is
    done by a weight of the labelled images' loss, as Kingma et al. 2014, arXiv 1406.5298, section 3.1.2, have one; but
    batches would then differ the more in their loss, the fewer labels there are.)
    """
    labelled, unlabelled = np.flatnonzero(codes != UNLABELLED), np.flatnonzero(codes == UNLABELLED)
    if not len(unlabelled) or not len(labelled):
        return np.arange(len(codes))
    times = int(np.ceil(LABELLED_SHARE / (1 - LABELLED_SHARE) * len(unlabelled) / len(labelled)))
    return np.concatenate([np.tile(labelled, max(1, times)), unlabelled])
