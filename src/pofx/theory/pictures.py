"""The course of a game as a picture and as frames of an animation.

In one dimension densities and discriminators are curves, in two they are maps; the criterion is a curve over training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pofx.files.colours import diverging
from pofx.theory.axes import BLACK, BLUE, DASHED, DOTTED, GREEN, GREY, VERMILION, Axes, Page
from pofx.theory.course import Course, Record
from pofx.theory.gan_optimality import GLOBAL_MINIMUM, Floats

Box = tuple[float, float, float, float]

_WIDTH = 1000
#: Of two columns and of three; the edges of a row of panels are its top and bottom.
_LEFT, _RIGHT = (60.0, 480.0), (560.0, 980.0)
_THIRDS = ((60.0, 330.0), (400.0, 670.0), (740.0, 980.0))
#: The densities of a picture reach so many times higher than that of the data; a peak of p_G may be cut.
_HIGHEST = 1.6
#: Where both densities are a smaller share of their peak than this, no x comes from, and D* is any number.
_NOWHERE = 1e-6


def picture(course: Course) -> Image.Image:
    """The end of the part in which the generator stands still, the end of the whole, and the criterion on the way."""
    if course.grid.d == 2:
        return frame(course, len(course.records) - 1)
    shown = [course.end_of_fixed]
    if course.records[-1].step > shown[0].step:
        shown.append(course.records[-1])
    page = Page(_WIDTH, 365 * (len(shown) + 1))
    page.text(_LEFT[0], 16, "The adversarial game where both laws are known", size=20)
    top = 60.0
    for record in shown:
        page.text(_LEFT[0], top, _where(course, record), colour=GREY)
        _densities(page, (_LEFT[0], top + 95, _LEFT[1], top + 295), course, record)
        _discriminators(page, (_RIGHT[0], top + 95, _RIGHT[1], top + 295), course, record)
        top += 365
    _criterion(page, (_LEFT[0], top + 50, _LEFT[1], top + 250), course, course.records)
    _distances(page, (_RIGHT[0], top + 50, _RIGHT[1], top + 250), course, course.records)
    return page.finished()


def frames(course: Course) -> list[Image.Image]:
    """A page for each record, all with the same scales."""
    return [frame(course, index) for index in range(len(course.records))]


def frame(course: Course, index: int) -> Image.Image:
    """The game at one record, and the criterion up to there."""
    record, past = course.records[index], course.records[: index + 1]
    page = Page(_WIDTH, 800 if course.grid.d == 2 else 700)
    page.text(_LEFT[0], 16, _where(course, record))
    if course.grid.d == 2:
        best, found = course.optimal(record), record.discriminator
        laws = ((course.p_data, "p_data"), (record.p_generator, "p_G, standing still"))
        for (law, name), (left, right) in zip(laws, _THIRDS, strict=False):
            _map(page, (left, 110, right, 110 + right - left), course, _shades(law), f"{name}: the darker, the denser")
        for (d, name), (left, right) in zip(((best, "D*"), (found, "D")), _THIRDS, strict=False):
            title = f"{name}: red real, blue generated"
            _map(page, (left, 475, right, 475 + right - left), course, diverging(d - 0.5, 0.5), title)
        left, right = _THIRDS[2]
        _criterion(page, (left, 110, right, 380), course, past)
        _distances(page, (left, 475, right, 745), course, past)
        return page.finished()
    _densities(page, (_LEFT[0], 110, _LEFT[1], 320), course, record)
    _discriminators(page, (_RIGHT[0], 110, _RIGHT[1], 320), course, record)
    _criterion(page, (_LEFT[0], 440, _LEFT[1], 650), course, past)
    _distances(page, (_RIGHT[0], 440, _RIGHT[1], 650), course, past)
    return page.finished()


def _where(course: Course, record: Record) -> str:
    part = "G stands still, D learns" if record.step <= course.fixed_steps else "D and G learn in turn"
    return (
        f"Step {record.step:,} of {course.steps:,} ({part}): V(D, G) = {record.value:.4f} nats, at most C(G) = "
        f"{record.criterion:.4f} nats;\nmean |D - D*| = {record.error:.4f}, JSD(p_data || p_G) = "
        f"{record.jensen_shannon:.4f} nats."
    )


def _densities(page: Page, box: Box, course: Course, record: Record) -> None:
    x, highest = course.grid.line, _HIGHEST * float(course.p_data.max())
    axes = Axes(page, box, _ends(course), (0.0, highest), title="Densities, per unit of x", x_label="x")
    axes.area(x, course.p_data, BLUE)
    axes.curve(x, course.p_data, BLUE, label="p_data")
    axes.curve(x, record.p_generator, VERMILION, label="p_G")


def _discriminators(page: Page, box: Box, course: Course, record: Record) -> None:
    title = "Probability that x is real"
    axes = Axes(page, box, _ends(course), (-0.02, 1.02), title=title, x_label="x")
    x = course.grid.line
    axes.curve(x, record.discriminator, GREEN, label="D", width=3)
    both = course.p_data + record.p_generator
    best = np.where(both > _NOWHERE * both.max(), course.optimal(record), np.nan)
    axes.curve(x, best, BLACK, label="D* = p_data / (p_data + p_G)", dashes=DASHED)


def _criterion(page: Page, box: Box, course: Course, records: Sequence[Record]) -> None:
    steps = [record.step for record in records]
    criterion = [record.criterion for record in course.records]
    lowest = min(record.value for record in course.records)
    # A first D that is far off would press everything else flat.
    y_range = (max(min(lowest, GLOBAL_MINIMUM) - 0.06, GLOBAL_MINIMUM - 0.5), max(criterion) + 0.06)
    title = "Value of the game, nats"
    axes = Axes(page, box, (0.0, max(1.0, course.steps)), y_range, title=title, x_label="steps")
    if 0 < course.fixed_steps < course.steps:
        axes.vertical(course.fixed_steps, "G learns")
    axes.curve([0, course.steps], [GLOBAL_MINIMUM] * 2, GREY, label="-log 4", dashes=DOTTED)
    axes.curve(steps, [record.value for record in records], GREEN, label="V(D, G)", width=3)
    axes.curve(steps, criterion[: len(records)], BLACK, label="C(G)", dashes=DASHED)


def _distances(page: Page, box: Box, course: Course, records: Sequence[Record]) -> None:
    steps = [record.step for record in records]
    highest = max(max(record.error, record.jensen_shannon) for record in course.records)
    title = "What is left to learn"
    y_range = (0.0, 1.1 * highest or 1.0)  # of equal laws and D = 1/2 there is nothing left
    axes = Axes(page, box, (0.0, max(1.0, course.steps)), y_range, title=title, x_label="steps")
    if 0 < course.fixed_steps < course.steps:
        axes.vertical(course.fixed_steps, "G learns")
    axes.curve(steps, [record.error for record in records], GREEN, label="mean |D - D*|")
    axes.curve(steps, [record.jensen_shannon for record in records], VERMILION, label="JSD, nats", dashes=DASHED)


def _map(page: Page, box: Box, course: Course, pixels_nC: NDArray[np.uint8], title: str) -> None:
    axes = Axes(page, box, _ends(course), _ends(course), title=title, x_label="first coordinate")
    side = course.grid.n_per_side
    # The first coordinate goes to the right, the second upwards.
    axes.image(np.ascontiguousarray(pixels_nC.reshape(side, side, 3).transpose(1, 0, 2)[::-1]))


def _shades(density: Floats) -> NDArray[np.uint8]:
    """White where there is nothing, black at the peak; shape (n, 3)."""
    gray = np.rint(255 * (1 - density / density.max())).astype(np.uint8)
    return np.repeat(gray[:, None], 3, axis=1)


def _ends(course: Course) -> tuple[float, float]:
    return course.grid.lower, course.grid.upper
