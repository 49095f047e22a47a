"""All sections of a page, each within its share of the time that is left."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from pofx.report.clock import Clock
from pofx.report.section import Section, Text
from pofx.report.sections.again import again
from pofx.report.sections.atypical import atypical
from pofx.report.sections.classes import classes
from pofx.report.sections.collection import collection
from pofx.report.sections.families import families
from pofx.report.sections.features import features
from pofx.report.sections.latents import latents
from pofx.report.sections.rebuilt import rebuilt
from pofx.report.sections.samples import samples
from pofx.report.study import Study

Maker = Callable[[Study, float], Section | None]


def sections_of(study: Study, clock: Clock, command: str, of_classes: Any, say: Callable[[str], None]) -> list[Section]:
    """The page from above; a section that fails says so in its place, and the others stand.

    Args:
        of_classes: a model of p(x|y), if there is one. say: is told which section is made.
    """
    makers: dict[str, tuple[float, Maker]] = {
        "the collection": (1, collection),
        "likelihoods": (2, families),
        "samples": (6, samples),
        "reconstructions and completions": (2, rebuilt),
        "latents": (1, latents),
        "atypical images": (3, atypical),
        "features": (2, features),
    }
    if of_classes is not None:
        makers["classes"] = (4, lambda study, seconds: classes(study, seconds, of_classes))
    made = []
    while makers:
        name = next(iter(makers))
        weight, maker = makers.pop(name)
        say(f"{clock}: measuring {name}")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                section = maker(study, clock.for_section(weight, sum(weight for weight, _ in makers.values())))
            if section is not None:
                told = dict.fromkeys(str(one.message) for one in caught)
                section.add(*(Text(f"{message[0].upper()}{message[1:]}.", warning=True) for message in told))
        except KeyboardInterrupt:
            made.append(_unfinished(name, "It was interrupted, as were those that would have followed."))
            break
        except Exception as error:
            section = _unfinished(name, f"It failed. {type(error).__name__}: {error}")
        if section is not None:
            made.append(section)
    return [*made, again(study, command)]


def _unfinished(name: str, why: str) -> Section:
    key = name.replace(" ", "-")
    section = Section(
        key, name.capitalize(), "Nothing is shown here.", "The other parts of the page do not depend on it."
    )
    section.add(Text(why, warning=True))
    return section
