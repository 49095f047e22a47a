"""``pofx info``: what a model file, a detector file or a packed file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from pofx.applications.classifier import GenerativeClassifier
    from pofx.applications.outliers import OutlierDetector
    from pofx.base import GenerativeModel

#: Classes that are listed by name, at most.
LISTED_CLASSES = 20
#: Latent dimensions whose divergences are listed, at most; those that say most come first.
LISTED_DIMENSIONS = 16


def info(
    file: Annotated[
        Path,
        Parameter(
            help="A model file of `pofx fit`, one that `pofx outliers` or `pofx classify` saved, or a .packed file of "
            "`pofx prepare`."
        ),
    ],
    /,
    *,
    config: Annotated[
        bool, Parameter(help="Print the options of the fit as YAML, for `pofx fit --config`.", negative=())
    ] = False,
) -> None:
    """Tell what a file of a model, a detector, a classifier or packed images holds and where it comes from.

    Example: `pofx info photos.pofx`

    Example: `pofx info photos.pofx --config > photos.yaml`
    """
    import pofx
    from pofx.cli.fit_config import config_of
    from pofx.cli.output import OutputConsole
    from pofx.data.packed import SUFFIX

    console = OutputConsole()
    packed = file.suffix.lower() == SUFFIX
    if config and packed:
        raise ValueError(f"{file} is no model: --config prints how a model was fitted")
    if packed:
        _packed_info(console, file)
        return
    loaded = pofx.load(file)
    fitted = getattr(loaded, "model_", loaded)  # a detector or a classifier has a model and is none
    if config:
        print(config_of(fitted), end="")
    else:
        facts = _application_facts(loaded)
        _print_facts(console, facts | _model_facts(fitted))


def _application_facts(loaded: Any) -> dict[str, object]:
    """What the file holds besides a model."""
    import pofx

    if isinstance(loaded, pofx.GenerativeClassifier):
        return _classifier_facts(loaded)
    return _detector_facts(loaded) if isinstance(loaded, pofx.OutlierDetector) else {}


def _classifier_facts(classifier: GenerativeClassifier) -> dict[str, object]:
    temperature = f", temperature {classifier.temperature_:.3g}" if classifier.calibrated else ""
    facts: dict[str, object] = {"classifier": f"{classifier.prior} prior{temperature}"}
    return facts | {f"its {name}": value for name, value in _detector_facts(classifier.detector_).items()}


def _detector_facts(detector: OutlierDetector) -> dict[str, object]:
    from pofx.applications.outlier_file import to_attachment

    rate = detector.report_rate()
    facts: dict[str, object] = {
        "outlier detector": f"score {detector.score}, false-alarm rate {100 * rate.nominal:.3g} %",
        "false alarms": str(rate),
    }
    if hasattr(detector, "classes_"):
        facts["calibrated within each class of"] = _listed([str(label) for label in detector.classes_])
    if detector.tile is not None:
        size = " x ".join(str(side) for side in to_attachment(detector).state["image_shape"])
        facts["judges images of"] = f"{size}, by tiles of the size below"
    return facts


def _model_facts(fitted: GenerativeModel) -> dict[str, object]:
    from pofx.saving import IMAGE_HASHES

    facts: dict[str, object] = {
        "model": f"{type(fitted).__name__} (density: {fitted.density})",
        "images": str(fitted.spec_),
        "parameters of the network": f"{sum(p.numel() for p in fitted.module_.parameters()):,}",
    }
    if hasattr(fitted, "classes_"):
        facts["classes"] = _listed([str(label) for label in fitted.classes_])
    if hasattr(fitted, "latent_importance_"):
        active = int((fitted.latent_importance_ > 0.01).sum())
        facts["latent dimensions in use"] = f"{active} of {len(fitted.latent_importance_)} (KL above 0.01 nats)"
        facts["KL of the dimensions in nats"] = _sorted_numbers(fitted.latent_importance_)
    if getattr(fitted, "held_out_kl_", None) is not None:
        facts["KL of held-out images"] = f"{fitted.held_out_kl_:.2f} nats"
    if hasattr(fitted, "latent_activity_"):
        active = int((fitted.latent_activity_ > 0.01).sum())
        facts["active units"] = (
            f"{active} of {len(fitted.latent_activity_)} (their mean varies over images by over 0.01)"
        )
    if getattr(fitted, "posterior_collapsed_", False):
        facts["posterior"] = "collapsed: the latents say next to nothing about the image"
    facts |= {name: value for name, value in fitted.provenance_.items() if name != IMAGE_HASHES}
    defaults = type(fitted)().get_params()
    facts["parameters that are not the defaults"] = (
        ", ".join(f"{name}={value!r}" for name, value in fitted.get_params().items() if value != defaults[name])
        or "none"
    )
    return facts


def _packed_info(console: Console, path: Path) -> None:
    from pofx.cli.show import print_left_out
    from pofx.data.packed import read_packed

    packed = read_packed(path)
    contents = packed.contents
    facts: dict[str, object] = {
        "packed from": contents.origin,
        "images": f"{packed.shape[0]:,}",
        "shape": " x ".join(str(side) for side in packed.shape[1:]),
        "levels": contents.levels,
        "labels": "none" if contents.labels is None else "yes",
    }
    if contents.label_names is not None:
        facts["classes"] = _listed(list(contents.label_names))
    facts["fingerprint"] = packed.fingerprint
    _print_facts(console, facts)
    print_left_out(console, contents.skipped, contents.conversions)


def _print_facts(console: Console, facts: dict[str, object]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pofx.data.collection import printable

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(printable(name.replace("_", " ")), Text(printable(value)))
    console.print(table)


def _sorted_numbers(values: NDArray[np.float64]) -> str:
    ordered = sorted((float(value) for value in values), reverse=True)
    rest = len(ordered) - LISTED_DIMENSIONS
    shown = ", ".join(f"{value:.2f}" for value in ordered[:LISTED_DIMENSIONS])
    return shown + (f" and {rest:,} of at most {ordered[LISTED_DIMENSIONS]:.2f}" if rest > 0 else "")


def _listed(names: list[str]) -> str:
    rest = len(names) - LISTED_CLASSES
    return ", ".join(names[:LISTED_CLASSES]) + (f" and {rest:,} more" if rest > 0 else "")
