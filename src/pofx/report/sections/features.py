"""What the features of the models are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pofx.evaluation.feature_floors import FLOORS, RANDOM_FEATURES
from pofx.evaluation.features import TRANSFORM, FeatureRow, FeatureTable, feature_table, transform_of
from pofx.pages.feature_map import MAP_NOTE, map_page
from pofx.report.clock import affordable
from pofx.report.section import Picture, Section, Table
from pofx.report.study import Study

#: Images of the map, and images that probes learn from and are tested on, at most.
MAPPED, LABELLED, TESTED = 600, 2_000, 1_000
#: Probes learn from so many images at least, whatever the time.
LEAST_LABELLED = 200
#: Held-out images of every class, about, that a probe needs.
FEWEST = 5


def features(study: Study, seconds: float) -> Section | None:
    """A map of images by the features of each model, and how well simple readers tell the classes by them."""
    models = {name: model for name, model in study.models.items() if hasattr(model, "transform")}
    if not models:
        return None
    section = Section(
        "features",
        "Features",
        "Which images are alike to each model, and how well simple readers tell classes apart by what it sees in them.",
        "What a map puts together need not belong together, and untrained networks have features, too.",
    )
    started = time.perf_counter()
    some = study.held_out.some(MAPPED, study.seed)
    labels = some.labels if study.labelled else None
    for name, model in models.items():
        spent = time.perf_counter() - started
        if section.parts and spent > 0.4 * seconds:
            break
        page = map_page(model.transform(some.images), some.images, labels, name=f"{name} features", title=None)
        section.add(Picture(f"map_{name}", page, f"A map of images by the features of {name}", f"{name}. {MAP_NOTE}"))
    labels = study.held_out.labels if study.labelled else None
    if labels is not None and len(labels) >= FEWEST * len(set(labels.tolist())):
        section.add(_probes(study, models, seconds - (time.perf_counter() - started)))
    return section


def _probes(study: Study, models: Mapping[str, Any], seconds: float) -> Table:
    started = time.perf_counter()
    n_labelled = _affordable_labels(study, models, seconds)
    training, tested = study.training.some(n_labelled, study.seed), study.held_out.some(TESTED, study.seed)
    assert training.labels is not None and tested.labels is not None
    rows: dict[str, FeatureRow] = {}
    table: FeatureTable | None = None
    without: list[str] = []
    for name, model in models.items():
        if table is not None and time.perf_counter() - started > seconds:
            without.append(name)
            continue
        # The floors are of no model: once is enough.
        table = feature_table(
            model, training.images, training.labels, tested.images, tested.labels, layers=[TRANSFORM, *_middle(model)],
            floors=FLOORS if table is None else (), n_few=n_labelled, seeds=[study.seed],
        )  # fmt: skip
        of_class = type(model).__name__
        rows |= {row.name.replace(of_class, name, 1): row for row in table.rows}
    assert table is not None
    order = sorted(rows, key=lambda row: not row.startswith(tuple(models)))  # models first, floors below
    whole = FeatureTable(
        tuple(replace(rows[row], name=row) for row in order), table.n_labels, table.n_few, table.n_test, 1
    )
    records = [
        {"features": row.name, "how_many": row.n_features, "linear": row.linear[0], "neighbours": row.neighbours[0],
         "clusters_nmi": row.clusters[0], "labels": whole.n_labels, "test_images": whole.n_test}
        for row in whole.rows
    ]  # fmt: skip
    missing = f" There was no time for those of {' and '.join(without)}." if without else ""
    return Table("features", whole.cells(), records, whole.note + missing)


def _affordable_labels(study: Study, models: Mapping[str, Any], seconds: float) -> int:
    """How many labelled images the probes may learn from; an iteration of theirs takes time in proportion."""
    tested = study.held_out.some(TESTED, study.seed)
    assert tested.labels is not None

    def probe_pixels(n: int) -> None:
        training = study.training.some(n, study.seed)
        assert training.labels is not None and tested.labels is not None
        feature_table(
            None, training.images, training.labels, tested.images, tested.labels, layers=(), floors=("raw",), n_few=n,
            seeds=[study.seed],
        )  # fmt: skip

    return affordable(
        probe_pixels, seconds / _times_pixels(study, models), least=min(LEAST_LABELLED, len(study.training)),
        most=min(LABELLED, len(study.training)),
    )  # fmt: skip


def _times_pixels(study: Study, models: Mapping[str, Any]) -> float:
    """How many times as long as on pixels all probes take: in proportion to the features, and never less than half."""
    few = study.training.images[:2]
    n_pixels = few[0].size
    numbers = [n_pixels, n_pixels, n_pixels, RANDOM_FEATURES]  # PCA and the autoencoder have no more
    for model in models.values():
        numbers += [transform_of(model, layer)(few).shape[1] for layer in (TRANSFORM, *_middle(model))]
    return sum(max(0.5, number / n_pixels) for number in numbers)


def _middle(model: Any) -> list[str]:
    """The layer in the middle of those before the latents: where features often are worth most."""
    layers = [name for name in getattr(model, "feature_layers_", ()) if name.startswith("layer")]
    return layers[(len(layers) - 1) // 2 :][:1] if len(layers) > 1 else layers
