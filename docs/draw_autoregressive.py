"""Draws the pictures of autoregressive.md, pixelcnn.md and pixelrnn.md, and writes the sentences that are computed.

    python docs/draw_autoregressive.py

Nothing is drawn by hand: masks, plans, contexts and rows come from the code that the pages are about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from draw_order import order
from measured_autoregressive import NETWORKS, jacobi_rows, reach_of, seen_by
from svg import BLUE, GREEN, GREY, INK, MARGIN, ORANGE, PALE, RED, Drawing

from pofx.families.autoregressive.input_layer import INPUT_KERNEL
from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups

PAGES = Path(__file__).parent
PICTURES = PAGES / "pictures"

LIGHT_RED, LIGHT_ORANGE, LIGHT_GREEN = "#f6b7b1", "#fde3c4", "#cfe8d8"
COLOURS = (RED, GREEN, BLUE)

# ---- masks -----------------------------------------------------------------------------------------------------------


def masks() -> Drawing:
    """The weights of masks A and B that count, for the features of each colour."""
    cells = {INPUT_KERNEL: 30, 3: 46}
    block = INPUT_KERNEL * cells[INPUT_KERNEL]
    drawing = Drawing(2 * MARGIN + 3 * block + 2 * 30, 690, "What the features of each colour see under masks A and B")
    y = 30.0
    for mask, kernel, layer in (("A", INPUT_KERNEL, "the first layer"), ("B", 3, "all later layers")):
        cell, groups = cells[kernel], colour_groups(3, 3)
        allowed = MaskedConv2d(groups, groups, kernel, mask).allowed
        drawing.text(MARGIN, y, f"Mask {mask}, {kernel} x {kernel}: {layer}", size=18, bold=True)
        for group, name in enumerate("RGB"):
            left = MARGIN + group * (block + 30) + (block - kernel * cell) / 2
            drawing.text(
                left + kernel * cell / 2, y + 30, f"features of {name}", colour=COLOURS[group], anchor="middle"
            )
            _kernel(drawing, left, y + 42, cell, allowed[group])
        y += 42 + kernel * cell + 56
    y -= 8
    for group, colour in enumerate(COLOURS):
        drawing.rectangle(MARGIN + group * 9, y - 14, 8, 18, colour)
    drawing.text(MARGIN + 36, y, "seen: red, green, blue part of a pixel")
    drawing.rectangle(MARGIN + 330, y - 14, 18, 18, PALE)
    drawing.text(MARGIN + 356, y, "not seen")
    drawing.rectangle(MARGIN + 440, y - 14, 18, 18, "#ffffff", edge=INK, thickness=3)
    drawing.text(MARGIN + 468, y, "the pixel itself")
    y += 26
    drawing.text(
        MARGIN, y, "Of the pixel itself, mask A lets through the colours before a feature's own; mask B that one too."
    )
    drawing.height = y + 20
    return drawing


def _kernel(drawing: Drawing, left: float, top: float, cell: int, allowed_IHW: torch.Tensor) -> None:
    """A kernel x kernel window, three stripes a pixel; the rows below the centre have no weights at all."""
    _, height, kernel = allowed_IHW.shape
    for row in range(kernel):
        for column in range(kernel):
            x, y = left + column * cell, top + row * cell
            stripe = (cell - 3) / 3
            drawing.rectangle(x + 1.5, y + 1.5, cell - 3, cell - 3, PALE)
            for colour in range(3):
                if row < height and allowed_IHW[colour, row, column]:
                    drawing.rectangle(x + 1.5 + colour * stripe, y + 1.5, stripe, cell - 3, COLOURS[colour])
    centre = kernel // 2
    drawing.rectangle(left + centre * cell, top + centre * cell, cell, cell, "none", edge=INK, thickness=3)


# ---- contexts --------------------------------------------------------------------------------------------------------

CONTEXT_SIDE, CONTEXT_ROW, CONTEXT_COLUMN = 15, 12, 6
CONTEXT_TITLES = {
    "plain": ("PixelCNN(gated=False)", "a cone, and a blind spot"),
    "gated": ("PixelCNN(gated=True)", "everything within reach"),
    "row_lstm": ('PixelRNN(cell="row_lstm")', "a triangle, and a blind spot"),
    "diagonal_bilstm": ('PixelRNN(cell="diagonal_bilstm")', "everything but one pixel"),
}
BEFORE_BUT_FAR, NEVER_SEEN, SEEN = LIGHT_ORANGE, RED, "#8db8ec"


def contexts() -> Drawing:
    """Which pixels one pixel sees, in each of the networks, by their derivatives."""
    cell, gap = 19, 50
    side = cell * CONTEXT_SIDE
    drawing = Drawing(2 * MARGIN + 2 * side + gap, 0, "What a pixel sees of the pixels before it, in four networks")
    for number, name in enumerate(NETWORKS):
        left, top = MARGIN + number % 2 * (side + gap), 62 + number // 2 * (side + 78)
        title, subtitle = CONTEXT_TITLES[name]
        drawing.text(left, top - 32, title, size=15, bold=True)
        drawing.text(left, top - 12, subtitle, size=14, colour=GREY)
        place = (CONTEXT_SIDE, CONTEXT_SIDE, CONTEXT_ROW, CONTEXT_COLUMN)
        seen, ever_seen = seen_by(name, *place), seen_by(name, *place, n_layers=CONTEXT_SIDE)
        for row in range(CONTEXT_SIDE):
            for column in range(CONTEXT_SIDE):
                x, y = left + column * cell, top + row * cell
                if (row, column) == (CONTEXT_ROW, CONTEXT_COLUMN):
                    drawing.rectangle(x + 1, y + 1, cell - 2, cell - 2, INK)
                elif (row, column) > (CONTEXT_ROW, CONTEXT_COLUMN):
                    drawing.rectangle(x + 1, y + 1, cell - 2, cell - 2, PALE)
                else:
                    unseen = BEFORE_BUT_FAR if ever_seen[row, column] else NEVER_SEEN
                    fill = SEEN if seen[row, column] else unseen
                    drawing.rectangle(x + 1, y + 1, cell - 2, cell - 2, fill)
    y = 62 + 2 * side + 78 + 34
    legend = (
        (INK, "the pixel whose law is asked for"),
        (SEEN, "seen"),
        (NEVER_SEEN, "comes before, never seen: blind spot"),
        (BEFORE_BUT_FAR, "comes before, seen with more layers"),
        (PALE, "comes after: must not be seen"),
    )
    for number, (fill, text) in enumerate(legend):
        x = MARGIN + number % 2 * (side + gap)
        drawing.rectangle(x, y + number // 2 * 26 - 14, 18, 18, fill)
        drawing.text(x + 26, y + number // 2 * 26, text)
    drawing.height = y + 2 * 26 + 20
    return drawing


# ---- Jacobi iteration ------------------------------------------------------------------------------------------------

JACOBI_HEIGHT, JACOBI_WIDTH, JACOBI_SEED = 8, 16, 1


def jacobi() -> Drawing:
    """A row of an image while its fixed point is being found."""
    rows = jacobi_rows(JACOBI_HEIGHT, JACOBI_WIDTH, JACOBI_SEED)
    counts = [len(row.rows) - 1 for row in rows]
    slowest = max(rows[1:], key=lambda row: len(row.rows))  # the first row has none above it to guess from
    n_evaluations = len(slowest.rows) - 1
    cell, left, top = 34, 170.0, 84.0
    drawing = Drawing(left + JACOBI_WIDTH * cell + MARGIN, 0, "A row of an image converging to its fixed point")
    title = f"{JACOBI_WIDTH} pixels in {n_evaluations} evaluations of the row"
    drawing.text(MARGIN, 30, title, size=18, bold=True)
    drawing.text(
        MARGIN,
        54,
        f"A row of an image of {len(rows)} rows, which took {_listed(counts)} evaluations.",
        colour=GREY,
    )
    for number, levels in enumerate(slowest.rows):
        y = top + number * (cell + 12)
        last = number == len(slowest.rows) - 1
        name = "guess: the row above" if number == 0 else f"evaluation {number}"
        drawing.text(left - 12, y + cell / 2 + 5, name, size=13, anchor="end")
        for column, level in enumerate(levels):
            changed = number > 0 and level != slowest.rows[number - 1][column]
            _pixel(drawing, left + column * cell, y, cell, bool(level), changed, column < slowest.n_final[number])
        if last:
            drawing.text(
                left, y + cell + 22, 'nothing changed: this is the row that method="cached" draws', colour=GREEN
            )
    y = top + len(slowest.rows) * (cell + 12) + 44
    for x, fill, edge, text in (
        (MARGIN, LIGHT_GREEN, GREEN, "final for certain"),
        (MARGIN + 190, "#ffffff", "#c5ccd6", "may still change"),
        (MARGIN + 380, LIGHT_ORANGE, ORANGE, "drawn anew to another level"),
    ):
        drawing.rectangle(x, y - 14, 18, 18, fill, edge=edge, thickness=2)
        drawing.text(x + 28, y, text)
    drawing.height = y + MARGIN
    return drawing


def _pixel(drawing: Drawing, x: float, y: float, cell: float, level: bool, changed: bool, final: bool) -> None:
    """A black or white pixel on a ground that tells what is known of it."""
    ground, edge = (LIGHT_GREEN, GREEN) if final else ("#ffffff", "#c5ccd6")
    if changed:
        edge = ORANGE
        ground = ground if final else LIGHT_ORANGE
    drawing.rectangle(x + 2, y + 2, cell - 4, cell - 4, ground, edge=edge, thickness=3 if changed else 1.5)
    drawing.rectangle(x + 10, y + 10, cell - 20, cell - 20, INK if level else "#ffffff", edge=INK, thickness=1)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"


# ---- all of it -------------------------------------------------------------------------------------------------------


def reach_sentence() -> str:
    """What is said in pixelcnn.md of how far the default networks see."""
    gated, plain = reach_of("gated"), reach_of("plain")
    defaults = NETWORKS["gated"]().get_params()
    size = f"`n_layers={defaults['n_layers']}`, `kernel_size={defaults['kernel_size']}`"
    everything = "all that comes before it" if gated.is_full else "some of what comes before it,"
    return (
        f"With the defaults ({size}) a pixel sees {everything}\n"
        f"within {gated.up} rows up, {gated.left} columns to the left and {gated.right} to the right. "
        f"With `gated=False` these are\n{plain.up}, {plain.left} and {plain.right}, less the blind spot."
    )


def with_sentence(page: str, name: str, sentence: str) -> str:
    """The page with the sentence in its place, between two comments of that name."""
    place = rf"(<!-- computed: {name} -->\n).*?(<!-- end -->)"
    if not re.search(place, page, flags=re.DOTALL):
        raise ValueError(f"the page has no place for {name}")
    return re.sub(place, lambda found: f"{found[1]}{sentence}\n{found[2]}", page, flags=re.DOTALL)


DRAWINGS = {"masks": masks, "contexts": contexts, "order": order, "jacobi": jacobi}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        draw().save(PICTURES / f"{name}.svg")
    page = PAGES / "pixelcnn.md"
    page.write_text(with_sentence(page.read_text(), "reach", reach_sentence()))


if __name__ == "__main__":
    main()
