"""Writes benchmarks.md: what each benchmark measures, and means over the runs in benchmarks/results/.

python docs/write_benchmarks.py
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

DOCS = Path(__file__).parent
BENCHMARKS = DOCS.parent / "benchmarks"
PAGE = DOCS / "benchmarks.md"
#: Rows of one table, at most: the last ones of a longer one are in its file alone.
MOST_ROWS = 120


@dataclass(frozen=True)
class Table:
    """Which columns of a file say what was measured, and which are means over runs of the same; what else to know."""

    script: str
    what: tuple[str, ...]
    measured: tuple[str, ...]
    page: str | None = None
    note: str = ""


BEFORE = (
    "Rows of PixelCNN and PixelRNN are of networks whose features did not know their place in the image yet; what that "
    "is worth stands in [pixelcnn.md](pixelcnn.md)."
)

TABLES = {
    "autoregressive": Table(
        "autoregressive", ("data", "arm"), ("nats", "bits_per_dim", "fit_minutes"), "pixelcnn.md", BEFORE
    ),
    "variational": Table("variational", ("data", "arm", "what"), ("nats", "bits_per_dim", "fit_minutes"), "bounds.md"),
    "adversarial": Table("adversarial", ("arm",), ("frechet", "jsd_bound", "c2st_accuracy", "modes", "kl"), "gan.md"),
    "gaussian_modes": Table("gaussian_modes", ("law", "arm", "what"), ("modes", "within_3_deviations", "kl"), "gan.md"),
    "outliers": Table("outliers", ("data", "arm", "score"), ("auroc", "fpr_at_95_tpr"), "outliers.md", BEFORE),
    "classification": Table(
        "classification",
        ("arm", "labels", "unlabelled", "levels", "minutes"),
        ("accuracy", "ece", "rejected_ordinary", "rejected_foreign", "total_minutes"),
        "classification.md",
    ),
    "features": Table(
        "features", ("data", "arm", "layer", "labels"), ("linear", "neighbours", "clusters_nmi"), "features.md"
    ),
    "completion": Table(
        "completion", ("levels", "unknown", "arm", "minutes"), ("log_p", "rms", "agreement", "seconds"), "completion.md"
    ),
    "comparison": Table(
        "comparison",
        ("data", "arm", "share", "splits", "images_of_each"),
        ("found", "floor", "p_median", "jsd_mean"),
        "report.md",
    ),
    "editing": Table(
        "editing",
        ("data", "arm", "attribute"),
        ("p_before", "p_after", "others_mean_absolute_change", "rms_error"),
        "editing.md",
    ),
    "latents": Table("latents", ("data", "arm", "settings", "labels"), ("accuracy",), "vae.md"),
    "sampling": Table(
        "sampling",
        ("arm", "size", "batch"),
        ("forward_seconds", "cached_over_forward", "auto_over_forward", "reference_full_passes_over_auto"),
        "autoregressive.md",
    ),
    "sampling_ties": Table("sampling", ("network", "method", "size"), ("images", "images_unlike_naive")),
    "recurrent_training": Table("recurrent_training", ("arm",), ("step_over_pixelcnn_median",), "pixelrnn.md"),
    "bounds": Table("bounds", ("comparison",), ("ratio_median", "least", "greatest"), "bounds.md"),
    "training": Table("training", ("comparison",), ("ratio_median", "least", "greatest")),
    "loop_overhead": Table("loop_overhead", ("comparison",), ("time_over_plain_loop_median", "least", "greatest")),
    "loading": Table(
        "loading",
        ("images",),
        ("packed_over_folder", "packed_over_plain_loop", "packed_over_data_loader_2_workers"),
        "sources.md",
    ),
}

HEAD = """# Benchmarks

What the programs in `benchmarks/` measured, as means over their runs (seeds and repetitions); written from
`benchmarks/results/` by `python docs/write_benchmarks.py`. Each row there has its date, its command, its threads and
cores, and the machine. The programs say at their head which data, which split and which units; what follows from the
figures, and what does not, stands on the page that each table names. `make bench` runs them all, in days.

"""


def main() -> None:
    PAGE.write_text(page())


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join("\n".join(section(name, table)) for name, table in TABLES.items())


def section(name: str, table: Table) -> Iterator[str]:
    path = BENCHMARKS / "results" / f"{name}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(tuple(key_of(column, row[column]) for column in table.what), []).append(row)
    measured = [column for column in table.measured if any(row.get(column) for row in rows)]
    groups = {key: some for key, some in groups.items() if any(row.get(column) for row in some for column in measured)}
    source = ast.get_docstring(ast.parse((BENCHMARKS / f"{table.script}.py").read_text())) or ""
    yield f"## {name.replace('_', ' ').capitalize()}\n"
    yield f"{' '.join(source.split(chr(10) * 2)[0].split())} (`benchmarks/{table.script}.py`)"
    if table.page is not None:
        yield f"See [{table.page}]({table.page})."
    if table.note:
        yield f"\n{table.note}"
    yield ""
    yield f"| {' | '.join([*table.what, *measured, 'runs'])} |".replace("_", " ")
    yield "|" + "---|" * (len(table.what) + len(measured) + 1)
    for key, some in sorted(groups.items(), key=lambda group: tuple(map(sortable, group[0])))[:MOST_ROWS]:
        means = [mean([row[column] for row in some if row.get(column)]) for column in measured]
        yield f"| {' | '.join([*map(cell, key), *means, str(len(some))])} |"
    if len(groups) > MOST_ROWS:
        yield f"\nThe other {len(groups) - MOST_ROWS} are in `benchmarks/results/{name}.csv`."
    yield ""


def key_of(column: str, text: str) -> str:
    """Runs of as many minutes, to the nearest, are of one kind."""
    return f"{float(text):.0f}" if column == "minutes" and text else text or ""


def sortable(text: str) -> tuple[bool, float, str]:
    """Numbers by their value, before other texts."""
    number = text.replace(".", "", 1).isdigit()
    return not number, float(text) if number else 0.0, text


def cell(text: str) -> str:
    return text.replace("|", r"\|") or "-"


def mean(texts: list[str]) -> str:
    return f"{fmean(map(float, texts)):.4g}" if texts else "-"


if __name__ == "__main__":
    main()
