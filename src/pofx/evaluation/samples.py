"""What models draw, beside held-out images: all measures of `pofx.measures` in one table, with its floor."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.base import GenerativeModel
from pofx.data.collection import Progress
from pofx.data.levels import UnitLevels
from pofx.evaluation.autoencoder import PlainAutoencoder
from pofx.measures.alike import alike, checked_count
from pofx.measures.classifier import SmallClassifier
from pofx.measures.extractors import Extractor, of_classifier, pixels, scaled
from pofx.measures.frechet import FrechetDistance, SmallSampleWarning, frechet_distance
from pofx.measures.kernel_distance import KernelDistance, kernel_distance
from pofx.measures.mode_coverage import ModeCoverage, mode_coverage
from pofx.measures.precision_recall import PrecisionRecall, precision_recall
from pofx.measures.two_sample import LEAST, TwoSampleTest, classifier_two_sample_test

M = TypeVar("M")
#: Images that features are learned from, at most.
EXTRACTOR_IMAGES = 20_000
#: What the row of real images is called.
FLOOR = "real images"

COLUMNS = (
    "name", "frechet_distance", "frechet_standard_error", "kernel_distance", "kernel_standard_error", "precision",
    "recall", "jsd_bound_nats", "jsd_standard_error_nats", "accuracy", "p_value", "modes_covered", "modes_kl_nats",
)  # fmt: skip


@dataclass(frozen=True)
class SampleRow:
    """One set of images beside the held-out ones; ``modes`` only where there are labels."""

    name: str
    frechet: FrechetDistance
    kernel: KernelDistance
    manifolds: PrecisionRecall
    two_sample: TwoSampleTest
    modes: ModeCoverage | None

    def to_dict(self) -> dict[str, str | float | None]:
        """The numbers by the names in `COLUMNS`."""
        modes = self.modes
        numbers = (
            self.frechet.value, self.frechet.standard_error, self.kernel.value, self.kernel.standard_error,
            self.manifolds.precision, self.manifolds.recall, self.two_sample.jsd_bound,
            self.two_sample.jsd_standard_error, self.two_sample.accuracy, self.two_sample.p_value,
            None if modes is None else modes.covered, None if modes is None else modes.kl,
        )  # fmt: skip
        return dict(zip(COLUMNS, (self.name, *numbers), strict=True))


@dataclass(frozen=True)
class SampleTable:
    """Rows of models and the floor below them, and what they were measured on.

    Attributes:
        title: heads the table. rows: the last one is of real images.
        extractor: the features of the Fréchet and kernel distances and of precision and recall.
        n_images: images in each set that is compared. note: how to read it.
    """

    title: str
    rows: tuple[SampleRow, ...]
    extractor: Extractor
    n_images: int
    note: str

    def cells(self) -> list[list[str]]:
        """The table for people: a heading and a line a row, of texts."""
        with_modes = any(row.modes is not None for row in self.rows)
        heading = ["", "Fréchet", "kernel", "precision", "recall", "JSD >=, nats", "accuracy", "p"]
        lines = [heading + ["classes", "KL, nats"] * with_modes]
        for row in self.rows:
            line = [
                row.name,
                f"{row.frechet.value:.4g} ± {row.frechet.standard_error:.2g}",
                f"{row.kernel.value:.3g} ± {row.kernel.standard_error:.1g}",
                f"{row.manifolds.precision:.3f}",
                f"{row.manifolds.recall:.3f}",
                f"{row.two_sample.jsd_bound:.3f} ± {row.two_sample.jsd_standard_error:.3f}",
                f"{row.two_sample.accuracy:.3f}",
                f"{row.two_sample.p_value:.2g}",
            ]
            if row.modes is not None:
                line += [f"{row.modes.covered} of {row.modes.n_modes}", f"{row.modes.kl:.4f}"]
            lines.append(line)
        return lines

    def __str__(self) -> str:
        lines = self.cells()
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        padded = [
            "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
            for line in lines
        ]
        return "\n".join([self.title, *padded, self.note])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and texts, such as JSON holds."""
        return {
            "title": self.title,
            "extractor": self.extractor.name,
            "n_images": self.n_images,
            "rows": [row.to_dict() for row in self.rows],
            "note": self.note,
        }


def sample_table(
    models: Mapping[str, Any],
    train_images: ArrayLike,
    held_out_images: ArrayLike,
    *,
    train_labels: ArrayLike | None = None,
    extractor: Extractor | None = None,
    n_images: int = 2000,
    random_state: int = 0,
    device: str = "cpu",
    shape: tuple[int, int, int] | None = None,
    title: str = "Drawn images beside held-out real ones",
    progress: Progress | None = None,
) -> SampleTable:
    """Measure what models draw against held-out images, and training images against them as the floor.

    All sets that are compared have the same number of images, because most of the measures depend on it, and are
    quantised alike. The features are learned from training images that no set holds: those of images that a network
    was trained on differ from those of new ones.

    Args:
        models: by the name of its row anything with ``sample(n, random_state=...)``, or an array of images it drew.
        train_images: what the models were fitted to. held_out_images: real images that they never saw.
        train_labels: of the training images; with them the features are those of a classifier of the labels, and the
            classes are counted as modes.
        extractor: features to be used instead. Without labels they are the code of a plain autoencoder, and of vectors
            the numbers themselves.
        n_images: in each set, at most; fewer if there are fewer held-out images, or not twice as many training images.
        random_state: seed of the draws, the choice of images and the networks.
        device: of the classifiers.
        shape: height, width and channels of images that come as rows (n, d); read off the models, if there are any.
        title: heads the table.
        progress: called with the measures done and their number.

    Raises:
        ValueError: fewer than 16 images a set, not as many labels as training images, or images that are not of
            one shape and scale.
    """
    for model in models.values():
        shape = model.spec_.shape_HWC if isinstance(model, GenerativeModel) else shape
    rng = np.random.default_rng([random_state, 3])
    train, held_out = np.asanyarray(train_images), np.asanyarray(held_out_images)
    if train_labels is not None and np.shape(train_labels) != (len(train),):
        raise ValueError(f"{len(train)} training images need as many labels, not {np.shape(train_labels)}")
    n = min(checked_count(n_images, "n_images", 1), len(held_out), len(train) // 2 if extractor is None else len(train))
    if n < LEAST:
        raise ValueError(
            f"at least {LEAST} images are needed in each set, not {n} ({len(train)} training and {len(held_out)} "
            "held-out images)"
        )
    order = rng.permutation(len(train))
    held_out = as_images(held_out[_sorted(rng.permutation(len(held_out))[:n])], shape)
    rest = _sorted(order[n : n + EXTRACTOR_IMAGES])
    labels, told = (None, []) if train_labels is None else _usable(np.asarray(train_labels)[rest])
    classifier: SmallClassifier | None = None
    if labels is not None:
        learned, classifier = of_classifier(
            alike(held_out, as_images(train[rest], shape))[1], labels, random_state=random_state, device=device
        )
        extractor = extractor or learned
    if extractor is None:
        extractor = _unlabelled(alike(held_out, as_images(train[rest], shape))[1], random_state)

    done, measures = 0, 5 * (len(models) + 1)

    def measured(value: M) -> M:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, measures)
        return value

    def row(name: str, images: NDArray[Any]) -> SampleRow:
        real, drawn = alike(held_out, as_images(images, shape))
        features = measured((extractor(real), extractor(drawn)))
        modes = None
        if classifier is not None and labels is not None:
            codes = np.searchsorted(classifier.classes_, classifier.predict(drawn))
            frequencies = np.unique(labels, return_counts=True)[1] / len(labels)
            modes = mode_coverage(codes, len(frequencies), reference=frequencies)
        return SampleRow(
            name,
            measured(frechet_distance(*features, extractor=extractor.name)),
            measured(kernel_distance(*features, extractor=extractor.name, random_state=random_state)),
            measured(precision_recall(*features, extractor=extractor.name)),
            measured(classifier_two_sample_test(real, drawn, random_state=random_state, device=device)),
            modes,
        )

    sets = {name: _drawn(name, model, n, random_state) for name, model in models.items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SmallSampleWarning)
        rows = [row(name, images) for name, images in sets.items()]
        rows.append(row(FLOOR, train[_sorted(order[:n])]))
    told += {str(one.message): None for one in caught if issubclass(one.category, SmallSampleWarning)}
    _pass_on([one for one in caught if not issubclass(one.category, SmallSampleWarning)])
    return SampleTable(title, tuple(rows), extractor, n, _note(extractor.name, n, rows, told))


def of_model(model: GenerativeModel, name: str) -> Extractor:
    """The ``transform`` of a fitted model, of images as they are compared: levels k, also where it was fitted to k/255.

    Raises:
        ValueError: the model has no ``transform``.
    """
    transform: Any = getattr(model, "transform", None)
    if transform is None:
        raise ValueError(f"{type(model).__name__} has no features (transform)")
    grid = model.image_format_.grid

    def features(images: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(transform(grid.expected_values(images) if isinstance(grid, UnitLevels) else images))

    return Extractor(name, features)


def _note(extractor: str, n: int, rows: list[SampleRow], told: list[str]) -> str:
    modes, test = rows[-1].modes, rows[-1].two_sample
    parts = [
        f"{n:,} images in each set, beside as many held-out ones. Fréchet and kernel distance, precision and recall on "
        f"{extractor}; figures on other features, or of other numbers of images, cannot be compared with these.",
        f"The row of {FLOOR} is what training images get: as near as can be measured, not zero.",
        f"JSD: lower bound on the Jensen-Shannon divergence by a fresh {test.classifier}, at most log 2 = "
        f"{math.log(2):.3f}; accuracy: its own, {test.null_standard_error:.3f} around 0.5 by chance; p: probability of "
        "as high an accuracy if both sets are of one law.",
    ]
    if modes is not None:
        parts.append(
            "classes: how many the same classifier's labels reach; KL: of their frequencies from those of the training "
            f"images, about {modes.kl_of_perfect:.4f} at best."
        )
    return " ".join(parts + [f"Beware: {one}." for one in told])


def _drawn(name: str, model: Any, n: int, random_state: int) -> NDArray[Any]:
    if hasattr(model, "sample"):
        return np.asarray(model.sample(n, random_state=random_state))
    images = np.asarray(model)
    if len(images) < n:
        raise ValueError(f"{name} has {len(images)} images; as many as held-out ones are needed, {n}")
    return images[_sorted(np.random.default_rng([random_state, 4]).permutation(len(images))[:n])]


def _usable(labels: NDArray[Any]) -> tuple[NDArray[Any] | None, list[str]]:
    """The labels, if a classifier can be trained on them and its classes counted among some thousand images; if not,
    why."""
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        return None, ["all images have one label, so that there is no classifier of the labels and no class is counted"]
    if counts.min() < 2:
        return None, [
            f"the class {classes[counts.argmin()]} has a single image among the {len(labels):,} that features are "
            "learned from, so that there is no classifier of the labels and no class is counted"
        ]
    return labels, []


def _unlabelled(images: NDArray[Any], random_state: int) -> Extractor:
    if images.ndim == 2:
        return pixels()
    rows = images.reshape(len(images), -1)
    plain = PlainAutoencoder(min(32, rows.shape[1]), width=256, max_epochs=15, random_state=random_state).fit(rows)
    code = Extractor("the code of a plain autoencoder", lambda one: plain.transform(one.reshape(len(one), -1)))
    return scaled(code, images)


def as_images(images: NDArray[Any], shape: tuple[int, int, int] | None) -> NDArray[Any]:
    """Rows (n, d) of images of shape (H, W, C) as (n, H, W) or (n, H, W, C); vectors (H = 1) and images as they are."""
    if shape is None or images.ndim != 2 or shape[0] == 1:
        return np.asarray(images)
    return np.asarray(images).reshape(len(images), *(shape if shape[2] > 1 else shape[:2]))


def _sorted(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    # In order: a file is then read from front to back.
    return np.sort(indices)


def _pass_on(caught: list[warnings.WarningMessage]) -> None:
    for one in caught:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
