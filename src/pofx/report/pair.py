"""Two collections, and the sections of a page that compares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pofx.data.images import ImageFormat
from pofx.evaluation.comparison import Comparison
from pofx.files.pictures import sheet, to_display
from pofx.report.section import Picture, Section, Table, Text
from pofx.report.study import COLUMNS, Images

#: A difference is told where it would come with this probability, at most, if there were none.
ERROR = 0.05
#: Rows of the pictures.
ROWS = 2


@dataclass(frozen=True)
class Pair:
    """Two collections of images of one shape and scale.

    Attributes:
        names: what the page calls them. format: how the arrays hold images, as a model of either knows it.
    """

    first: Images
    second: Images
    names: tuple[str, str]
    format: ImageFormat
    seed: int

    def displayed(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Images as pictures."""
        return to_display(self.format.nearest_levels_NCHW(np.asarray(images)), self.format.spec.levels)


def verdict(found: Comparison, names: tuple[str, str]) -> str:
    """Whether a difference was found, in a sentence."""
    if found.p_value > ERROR:
        return (
            f"No difference found between {names[0]} and {names[1]} (p = {found.p_value:.3g}; {found.n:,} images of "
            "each): either there is none, or it takes more images, or another eye, to see it."
        )
    differ = f"{names[0]} and {names[1]} differ (p = {found.p_value:.3g}; {found.n:,} images of each)"
    if found.jsd_bound <= 0:
        return f"{differ}, by too little or in too few images for a bound on how much."
    return (
        f"{differ}: a lower bound on their Jensen-Shannon divergence is estimated at {found.jsd_bound:.4f} ± "
        f"{found.jsd_standard_error:.4f} of at most 0.6931 nats."
    )


def collections(pair: Pair) -> Section:
    """What both are."""
    section = Section(
        "collections",
        "The two collections",
        "Some images of either, at random.",
        "What can be seen in a few images need not be so in all.",
    )
    cells = [["", "images"], *([name, f"{len(images):,}"] for name, images in _both(pair))]
    section.add(Table("collections", cells))
    for number, (name, images) in enumerate(_both(pair), start=1):
        page = sheet(pair.displayed(images.some(ROWS * COLUMNS, pair.seed).images), n_columns=COLUMNS)
        section.add(Picture(f"collection_{number}", page, f"Images of {name}", f"{name}."))
    return section


def difference(pair: Pair, found: Comparison) -> Section:
    """Whether they differ, and by how much."""
    section = Section(
        "difference",
        "Do they differ?",
        "Whether a fresh classifier, shown one half of both collections, can tell the other halves apart.",
        f"Of pairs of collections that do not differ, {ERROR:.0%} at most are said to, if their images were drawn "
        "independently of one another: shots of one scene, or copies, tell collections apart that are of one kind. A "
        "difference that this classifier cannot see is not found.",
        verdict(found, pair.names),
    )
    section.add(Text(section.finding))
    cells = [
        ["", ""],
        ["images of each", f"{found.n:,}"],
        ["p-value", f"{found.p_value:.3g}"],
        [
            "lower bound on the JSD, nats",
            f"{found.jsd_bound:.4f} ± {found.jsd_standard_error:.4f}",
        ],
        ["accuracy (0.5: as by chance)", f"{found.accuracy:.3f}"],
    ]
    records = [
        {"images": found.n, "p_value": found.p_value, "jsd_bound_nats": found.jsd_bound,
         "jsd_standard_error_nats": found.jsd_standard_error, "accuracy": found.accuracy,
         "classifier": found.classifier}
    ]  # fmt: skip
    note = (
        f"By a {found.classifier}. The p-value is that of Fisher's permutation test; the bound is not clipped at zero, "
        "so that its mean over many comparisons is one."
    )
    section.add(Table("difference", cells, records, note))
    return section


def examples(pair: Pair, found: Comparison) -> Section:
    """The images by which they are told apart best."""
    section = Section(
        "examples",
        "Which images show it",
        "The images that the classifier, which had not seen them, is surest of, and those that look most like the "
        "other collection.",
        "It does not say what in an image gave it away, and where no difference was found chance put them first.",
    )
    records = []
    sides = (
        (*_both(pair)[0], found.first_log_odds, found.first_indices),
        (*_both(pair)[1], -found.second_log_odds, found.second_indices),
    )
    for number, (name, images, own_odds, indices) in enumerate(sides, start=1):
        order = np.argsort(-own_odds, kind="stable")
        for which, some in (("most", order[:COLUMNS]), ("least", order[::-1][:COLUMNS])):
            page = sheet(
                pair.displayed(images.images[indices[some]]),
                n_columns=COLUMNS,
                captions=[f"{images.name(int(indices[i]))} {own_odds[i]:+.1f}" for i in some],
            )
            what = "surely of it" if which == "most" else "most like those of the other"
            note = f"{name}: {what}. Below each its log-odds of being of {name}, nats."
            section.add(Picture(f"{which}_{number}", page, f"Images of {name}, {what}", note))
        records += [
            {"collection": name, "image": images.name(int(index)), "log_odds": float(odds)}
            for index, odds in zip(indices, own_odds, strict=True)
        ]
    cells = [["", "images surely of it (log-odds above 2)"]]
    cells += [[name, f"{int((own > 2).sum()):,} of {len(own):,}"] for name, _, own, _ in sides]
    section.add(Table("examples", cells, records, "The file has the log-odds of every image that was compared."))
    return section


def likelihoods(pair: Pair, models: tuple[Any, Any], held_out: tuple[Images, Images]) -> Section:
    """Mean log p of each under the other's model.

    Args:
        models: with a p(x), of the first and of the second collection. held_out: images that neither was fitted to.
    """
    section = Section(
        "likelihoods",
        "Likelihoods, each under the other's model",
        "The mean log p(x) of images of either collection under a model of it and under a model of the other.",
        "A simple image is likely under any model: a collection may be likelier under the other's model than that "
        "one's own images are.",
    )
    values = [[model.score_samples(images.images) for images in held_out] for model in models]
    cells = [["log p(x), nats", *(f"images of {name}" for name in pair.names)]]
    records = []
    for name, row in zip(pair.names, values, strict=True):
        cells.append([f"model of {name}", *(f"{v.mean():.2f} ± {v.std(ddof=1) / np.sqrt(len(v)):.2f}" for v in row)])
        records += [
            {"model_of": name, "images_of": other, "log_p_nats": float(v.mean()),
             "standard_error_nats": float(v.std(ddof=1) / np.sqrt(len(v))), "images": len(v)}
            for other, v in zip(pair.names, row, strict=True)
        ]  # fmt: skip
    kind = models[0].density
    note = (
        f"{type(models[0]).__name__}, {'exact' if kind == 'exact' else f'a {kind}'}; {len(held_out[0]):,} and "
        f"{len(held_out[1]):,} images that neither model was fitted to, ± standard error."
    )
    section.add(Table("likelihoods", cells, records, note))
    return section


def _both(pair: Pair) -> tuple[tuple[str, Images], tuple[str, Images]]:
    return (pair.names[0], pair.first), (pair.names[1], pair.second)
