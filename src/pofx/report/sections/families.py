"""The models side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from pofx.evaluation.densities import SCORED_IMAGES, density_table
from pofx.report.clock import affordable
from pofx.report.section import Section, Table, Text
from pofx.report.study import Study

#: Images drawn to tell how long one takes.
DRAWN = 16


def families(study: Study, seconds: float) -> Section:
    """Which kind of p(x) each has, how likely held-out images are under it, and what it costs."""
    section = Section(
        "models",
        "The models, side by side",
        "How likely each model finds images that it never saw, beside simple densities, and what that took.",
        "A higher log p says that a model predicts pixels better, and nothing of how good its samples look.",
    )
    for name, reason in study.failures.items():
        section.add(Text(f"{name}: no model. {reason}", warning=True))
    section.add(_costs(study))
    densities = {name: model for name, model in study.models.items() if hasattr(model, "score_samples")}
    if densities:
        table = _likelihoods(study, seconds)
        section.add(table)
        of_what = "held-out images" if study.fitted_before else "images that it never saw"
        section.finding = _finding(table, densities, of_what)
    if study.fitted_before:
        section.add(
            Text(
                "These models were fitted before. As far as images here were among those that they were fitted to, "
                "all figures of held-out images flatter them."
            )
        )
    for name in [name for name in study.models if name not in densities]:
        section.add(Text(f"{name} has no p(x): it only draws. Its samples are measured below."))
    return section


def _finding(table: Table, densities: Mapping[str, Any], of_what: str) -> str:
    best = max((row for row in table.records if row["name"] in densities), key=lambda row: row["log_p_nats"])
    floor = max((row for row in table.records if row["name"] not in densities), key=lambda row: row["log_p_nats"])
    is_better = "better than" if best["log_p_nats"] > floor["log_p_nats"] else "no better than"
    return (
        f"{best['name']} says most of {of_what}: {best['bits_per_dim']:.3f} bits for each sub-pixel "
        f"({best['kind']}), {is_better} the best simple density, {floor['name']} with {floor['bits_per_dim']:.3f}."
    )


def _costs(study: Study) -> Table:
    cells = [["model", "p(x)", "minutes of training", "steps", "ended by", "parameters", "seconds to draw an image"]]
    records = []
    for name, model in study.models.items():
        start = time.perf_counter()
        model.sample(DRAWN, random_state=study.seed)
        drawing = (time.perf_counter() - start) / DRAWN
        parameters = sum(one.numel() for one in model.module_.parameters())
        minutes = float(model.provenance_["minutes"])
        records.append(
            {
                "model": name, "p_x": model.density, "minutes": minutes, "steps": model.n_steps_,
                "ended_by": model.stopped_by_, "parameters": parameters, "seconds_to_draw": drawing,
            }
        )  # fmt: skip
        cells.append(
            [name, model.density, f"{minutes:.2f}", f"{model.n_steps_:,}", model.stopped_by_, f"{parameters:,}",
             f"{drawing:.2g}"]
        )  # fmt: skip
    return Table("models", cells, records, f"Drawing: a mean over {DRAWN} images drawn together.")


def _likelihoods(study: Study, seconds: float) -> Table:
    held_out = study.held_out.images

    def score(n: int) -> None:
        for model in study.models.values():
            if hasattr(model, "score_samples"):
                model.score_samples(held_out[:n])

    n = affordable(score, seconds, least=min(10, len(held_out)), most=min(SCORED_IMAGES, len(held_out)))
    some = study.held_out.some(n, study.seed).images
    table = density_table(study.models, study.training.images, some, title="")
    cells = [["", "log p(x), nats", "kind", "bits/dim"]]
    cells += [
        [row.name, f"{row.log_p:.2f} ± {row.standard_error:.2f}", row.kind, f"{row.bits_per_dim:.3f}"]
        for row in table.rows
    ]
    records = [
        {
            "name": row.name, "log_p_nats": row.log_p, "standard_error_nats": row.standard_error, "kind": row.kind,
            "bits_per_dim": row.bits_per_dim, "images": n,
        }
        for row in table.rows
    ]  # fmt: skip
    note = f"{table.note} A lower bound is at most log p(x): the model may be better than it says."
    if any(np.isclose(row.log_p, table.rows[-1].log_p) for row in table.rows[:-1]):
        note += " As low as the uniform law: such a model has learned nothing."
    return Table("likelihoods", cells, records, note)
