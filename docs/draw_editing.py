"""Draws the pictures of editing.md.

    python docs/draw_editing.py

Nothing is drawn by hand: directions and ways come from the code that the page is about.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi
from svg import BLUE, GREEN, GREY, INK, MARGIN, ORANGE, PALE, RED, Drawing

import pofx
from pofx.applications.paths import interpolate_linearly, interpolate_spherically

PICTURES = Path(__file__).parent / "pictures"
LIGHT_BLUE, LIGHT_ORANGE = "#b9d2f2", "#f9d3a5"


class Identity:
    """A model whose images are its latents, so that a latent space can be looked at."""

    def transform(self, X):
        return X

    def inverse_transform(self, Z):
        return Z


def line(drawing: Drawing, points: list[tuple[float, float]], colour: str, width: float = 2) -> None:
    """A line through points."""
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    drawing.parts.append(
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"/>'
    )


def dot(drawing: Drawing, x: float, y: float, radius: float, colour: str) -> None:
    drawing.parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:g}" fill="{colour}"/>')


def arrow(drawing: Drawing, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """A line with a head at its end."""
    step = np.subtract(end, start) / np.linalg.norm(np.subtract(end, start))
    across = np.array([-step[1], step[0]])
    head = [np.array(end), np.array(end) - 14 * step + 6 * across, np.array(end) - 14 * step - 6 * across]
    line(drawing, [start, tuple(np.array(end) - 10 * step)], colour, 4)
    corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in head)
    drawing.parts.append(f'<polygon points="{corners}" fill="{colour}"/>')


def latents_of_two_attributes() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Two-dimensional latents, and two attributes that go together more often than not."""
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(160, 2)) * [1.15, 0.7] @ np.array([[0.9, 0.45], [-0.45, 0.9]])
    round_ = (Z @ [0.45, 1.0] + 0.45 * rng.normal(size=160)) > 0
    dark = (Z @ [1.0, 0.0] + 0.4 * rng.normal(size=160)) > 0.1
    return Z, round_.astype(float), dark.astype(float)


def directions() -> Drawing:
    """The directions of one attribute: by both methods, and orthogonal to another attribute."""
    Z, round_, dark = latents_of_two_attributes()
    scale, middle_x, middle_y = 105.0, 380.0, 330.0

    def place(z: NDArray[np.float64]) -> tuple[float, float]:
        return middle_x + scale * float(z[0]), middle_y - scale * float(z[1])

    drawing = Drawing(760, 0, "Directions of an attribute in a latent space of two dimensions")
    drawing.text(MARGIN, 30, "Directions in a latent space of two dimensions", size=18, bold=True)
    drawing.text(
        MARGIN, 54, "Each dot is an image. Being round and being dark go together, but are not the same.", colour=GREY
    )
    for z, is_round, is_dark in zip(Z, round_, dark, strict=True):
        x, y = place(z)
        dot(drawing, x, y, 6, BLUE if is_round else ORANGE)
        if not is_dark:
            dot(drawing, x, y, 4, LIGHT_BLUE if is_round else LIGHT_ORANGE)
    attributes = {"round": round_, "dark": dark}
    found = {
        "dark": (pofx.LatentEditor(Identity()).fit(Z, attributes).directions_["dark"].vector, GREY),
        "round, mean difference": (pofx.LatentEditor(Identity()).fit(Z, attributes).directions_["round"].vector, INK),
        "round, logistic": (
            pofx.LatentEditor(Identity(), method="logistic").fit(Z, attributes).directions_["round"].vector,
            RED,
        ),
        "round, orthogonal to dark": (
            pofx.LatentEditor(Identity(), orthogonal=["dark"]).fit(Z, attributes).directions_["round"].vector,
            GREEN,
        ),
    }
    for vector, colour in found.values():
        arrow(drawing, place(np.zeros(2)), place(2.1 * vector), colour)
    y = 610.0
    for number, (name, (_, colour)) in enumerate(found.items()):
        drawing.rectangle(MARGIN + number % 2 * 330, y + number // 2 * 26 - 12, 26, 6, colour)
        drawing.text(MARGIN + 36 + number % 2 * 330, y + number // 2 * 26 - 4, name)
    y += 58
    legend = (
        (BLUE, "round, dark"),
        (LIGHT_BLUE, "round, bright"),
        (ORANGE, "not round, dark"),
        (LIGHT_ORANGE, "neither"),
    )
    for number, (colour, name) in enumerate(legend):
        dot(drawing, MARGIN + 8 + number * 165, y - 5, 6, colour)
        drawing.text(MARGIN + 24 + number * 165, y, name)
    drawing.height = y + MARGIN
    return drawing


WAY_DIMS, WAY_SEED, WAY_POINTS = 64, 3, 41


def ways() -> Drawing:
    """How far from the origin the points between two draws lie, along the line and along the arc."""
    ends = np.random.default_rng(WAY_SEED).normal(size=(2, 1, WAY_DIMS))
    t = np.linspace(0, 1, WAY_POINTS)
    found = {
        'mode="linear"': (interpolate_linearly(*ends, t)[0], RED),
        'mode="spherical"': (interpolate_spherically(*ends, t)[0], GREEN),
    }
    left, top, width, height, most = 70.0, 90.0, 560.0, 300.0, 10.0

    def place(share: float, length: float) -> tuple[float, float]:
        return left + width * share, top + height * (1 - length / most)

    drawing = Drawing(left + width + MARGIN, 0, "The length of the latents on the way between two images")
    drawing.text(MARGIN, 30, f"How long the latents on the way are, in {WAY_DIMS} dimensions", size=18, bold=True)
    drawing.text(MARGIN, 54, "Between two draws from the prior N(0, I).", colour=GREY)
    low, high = chi.ppf([0.005, 0.995], WAY_DIMS)
    drawing.rectangle(left, round(place(0, high)[1]), width, round(place(0, low)[1] - place(0, high)[1]), PALE)
    drawing.text(
        left + width - 8, round(place(0, high)[1]) + 18, "99% of draws from the prior", colour=GREY, anchor="end"
    )
    for length in range(0, int(most) + 1, 2):
        drawing.text(left - 10, place(0, length)[1] + 5, str(length), anchor="end")
        line(drawing, [place(0, length), place(1, length)], "#d5dae1", 1)
    for name, (path, colour) in found.items():
        lengths = np.linalg.norm(path, axis=1)
        line(drawing, [place(share, length) for share, length in zip(t, lengths, strict=True)], colour, 3)
        below = name.startswith('mode="l')
        middle = place(0.5, lengths[WAY_POINTS // 2])
        drawing.text(middle[0], round(middle[1]) + (24 if below else -12), name, colour=colour, anchor="middle")
    y = top + height
    for share in (0.0, 0.5, 1.0):
        drawing.text(place(share, 0)[0], y + 24, f"{share:.0%}", anchor="middle")
    drawing.text(left + width / 2, y + 48, "of the way", anchor="middle")
    drawing.text(MARGIN, top - 14, "|z|")
    drawing.height = y + 48 + MARGIN
    return drawing


DRAWINGS = {"directions": directions, "ways": ways}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        draw().save(PICTURES / f"{name}.svg")


if __name__ == "__main__":
    main()
