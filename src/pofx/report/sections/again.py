"""How to use the models, and how to make the page again."""

from __future__ import annotations

import platform
import shlex

import numpy as np
import sklearn
import torch

from pofx._version import __version__
from pofx.report.section import Code, Section, Text
from pofx.report.study import Study


def again(study: Study, command: str) -> Section:
    """Commands, seed and versions.

    Args:
        command: that made the page.
    """
    section = Section(
        "again",
        "How to go on",
        "Where the models are, how to use them, and how this page was made.",
        "With a budget of minutes another run comes to other steps: its figures are near to these, not the same.",
    )
    section.add(Code(command))
    if study.models:
        first = next(iter(study.models))
        path = shlex.quote(str(study.folder / f"{first.lower()}.pofx"))
        images = shlex.quote(str(study.folder / "images.npz"))
        detector = study.folder / f"detector_{first.lower()}.pofx"
        judge = shlex.quote(str(detector)) if detector.exists() else f"{path} --ordinary {images}"
        section.add(
            Text(f"The models, tables and pictures of this page lie in {study.folder}. With one of the models:"),
            Code(
                f"pofx info {path}\n"
                f"pofx sample {path} -o samples.png\n"
                f"pofx evaluate {path} {images} --held-out {images} -o evaluated.png\n"
                f"pofx outliers {judge} {images} -o outliers.csv"
            ),
            Code(
                f"import pofx\n\nmodel = pofx.load({str(study.folder / f'{first.lower()}.pofx')!r})\nmodel.sample(16)"
            ),
        )
    section.add(
        Text(
            f"Seed {study.seed}. pofx {__version__}, torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
            f"numpy {np.__version__}, Python {platform.python_version()} on {platform.machine()}, "
            f"{torch.get_num_threads()} threads, device {study.device}."
        )
    )
    return section
