"""Fits a model of each family within its share of the minutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pofx import registry
from pofx.report.clock import Clock
from pofx.report.study import Images

#: The family whose p(x|y) names classes, and how much of the minutes it gets, beside 1 for each other model.
CLASSIFIER, CLASSIFIER_WEIGHT = "vae", 0.7
#: The clock ends a fit, or early stopping; not the number of epochs.
MAX_EPOCHS = 1_000_000


@dataclass
class Fitted:
    """What came of the fits.

    Attributes:
        models: by the name of their class. failures: why there is none, by the same names.
        of_classes: p(x|y), if there are labels.
        interrupted: whether Ctrl-C ended the fits.
    """

    models: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    of_classes: Any = None
    interrupted: bool = False


def families_of_report() -> list[str]:
    """The families that a page tells of unless it is told otherwise: all that do not say that they take too long."""
    names = [name for name in registry.family_names() if getattr(registry.family(name), "in_report", True)]
    order = {"vae": 0, "pixelcnn": 1, "gan": 2}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def fit_families(
    names: Sequence[str],
    training: Images,
    clock: Clock,
    *,
    levels: int | None,
    seed: int,
    device: str,
    verbose: bool,
    say: Callable[[str], None],
    keep: Callable[[str, Any], object],
) -> Fitted:
    """Fit one after the other; where one fails, the others go on.

    After Ctrl-C the fit under way keeps what it has learned, and none begins any more.

    Args:
        say: is told what has been done. keep: gets each model by its name as soon as it is fitted, so that nothing is
            lost with what comes after.
    """
    fitted = Fitted()
    labels = training.labels
    with_classes = labels is not None and len(set(labels.tolist())) > 1
    weights = dict.fromkeys(names, 1.0) | ({"": CLASSIFIER_WEIGHT} if with_classes else {})
    common = {"levels": levels, "device": device, "verbose": verbose, "random_state": seed, "max_epochs": MAX_EPOCHS}
    while weights and not fitted.interrupted:
        name = next(iter(weights))
        weight = weights.pop(name)
        minutes = clock.for_fit(weight, sum(weights.values())) / 60
        estimator = registry.family(name or CLASSIFIER)(
            **common, max_minutes=minutes, **({} if name else {"conditional": True})
        )
        title = type(estimator).__name__ if name else f"{type(estimator).__name__} of p(x|y)"
        try:
            model = estimator.fit(training.images, None if name else labels)
        except KeyboardInterrupt:
            fitted.interrupted = True
            break
        except Exception as error:
            fitted.failures[title] = f"{type(error).__name__}: {error}"
            say(f"{title}: no model. {fitted.failures[title]}")
            continue
        fitted.interrupted = model.stopped_by_ == "interrupt"
        if name:
            fitted.models[type(model).__name__] = model
            keep(type(model).__name__, model)
        else:
            fitted.of_classes = model
        say(f"{title}: fitted in {model.provenance_['minutes']:.2f} minutes, {model.n_steps_:,} steps")
    return fitted
