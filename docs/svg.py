"""The little of SVG that the pictures in these pages need: rectangles and texts on a white ground.

A file is written as text in the order of the calls, so that the same drawing is the same file. Lengths are pixels.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

INK, GREY, PALE = "#1f2933", "#5f6b7a", "#eceff3"
RED, GREEN, BLUE = "#d9534a", "#3c9a5f", "#3b7dd8"
ORANGE = "#f08c1e"

MARGIN = 20


class Drawing:
    """A picture of so many pixels; every method adds one thing on top of those before."""

    def __init__(self, width: float, height: float, description: str) -> None:
        """
        Args:
            description: what the picture shows, for those who cannot see it.
        """
        self.width, self.height, self.description = width, height, description
        self.parts: list[str] = []

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        edge: str | None = None,
        thickness: float = 1,
    ) -> None:
        outline = "" if edge is None else f' stroke="{edge}" stroke-width="{thickness:g}"'
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{outline}/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 14,
        colour: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """A line of text whose baseline is at y; ``anchor`` "start", "middle" or "end" tells what x is."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}>'
            f"{escape(text)}</text>"
        )

    def __str__(self) -> str:
        size = f'width="{self.width:g}" height="{self.height:g}"'
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width:g} {self.height:g}" '
            'font-family="DejaVu Sans, Verdana, sans-serif" role="img">'
        )
        ground = f'<rect {size} fill="#ffffff"/>'
        description = f"<title>{escape(self.description)}</title>"
        return "\n".join([head, description, ground, *self.parts, "</svg>", ""])

    def save(self, path: Path) -> None:
        path.write_text(str(self), encoding="utf-8")
