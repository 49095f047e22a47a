"""In which step each pixel of a recurrent layer is evaluated, and the skewed map of the diagonals: from the plans."""

from __future__ import annotations

from collections.abc import Collection

import torch
from svg import GREY, INK, MARGIN, ORANGE, Drawing

from pofx.families.autoregressive.diagonal_bilstm import diagonal_plan
from pofx.families.autoregressive.lstm_scan import Cell, ScanPlan

ORDER_HEIGHT, ORDER_WIDTH = 4, 6
ORDER_READER: Cell = (2, 3)  # whose neighbours are shown; counted from 0


def order() -> Drawing:
    """In which step each pixel of a recurrent layer is evaluated, and the skewed map of the diagonals."""
    cell, gap = 40, 60
    by_diagonal, _, _ = diagonal_plan(ORDER_HEIGHT, ORDER_WIDTH, torch.device("cpu"))
    row_steps = {(row, column): row + 1 for row in range(ORDER_HEIGHT) for column in range(ORDER_WIDTH)}
    diagonal_steps = _steps(by_diagonal)
    row, column = ORDER_READER
    above = {(row - 1, column + d) for d in (-1, 0, 1)}
    side, height = cell * ORDER_WIDTH, cell * ORDER_HEIGHT
    drawing = Drawing(2 * MARGIN + 3 * side + 2 * gap, 0, "The order in which recurrent layers evaluate the pixels")

    def mirror(cells: Collection[Cell]) -> set[Cell]:
        return {(row, ORDER_WIDTH - 1 - column) for row, column in cells}

    reads = _neighbours(by_diagonal, ORDER_READER)
    panels = (
        ("Row LSTM", f"{ORDER_HEIGHT} steps, one a row", row_steps, above),
        ("Diagonal, from the left", f"{len(by_diagonal.steps)} steps, one a diagonal", diagonal_steps, reads),
        (
            "Diagonal, from the right",
            "in the same steps",
            {(row, ORDER_WIDTH - 1 - column): step for (row, column), step in diagonal_steps.items()},
            mirror(_neighbours(by_diagonal, *mirror([ORDER_READER]))),
        ),
    )
    top = 62.0
    for number, (title, subtitle, steps, neighbours) in enumerate(panels):
        left = MARGIN + number * (side + gap)
        drawing.text(left, top - 32, title, size=15, bold=True)
        drawing.text(left, top - 12, subtitle, colour=GREY)
        for (row, column), step in steps.items():
            part = (step - 1) / (max(steps.values()) - 1)
            _step_cell(drawing, left + column * cell, top + row * cell, cell, part, str(step))
        for (row, column), colour in _framed(neighbours):
            _frame(drawing, left + column * cell, top + row * cell, cell, colour)

    top += height + 38
    _frame(drawing, MARGIN, top - 14, 20, INK)
    drawing.text(MARGIN + 30, top, "a pixel")
    _frame(drawing, MARGIN + 110, top - 14, 20, ORANGE)
    drawing.text(MARGIN + 140, top, "pixels whose states it reads, in the same layer; the number is the step")

    top += 94
    left = MARGIN + 80
    drawing.text(
        MARGIN, top - 34, "The diagonals made columns: each row is moved right by one more", size=15, bold=True
    )
    subtitle = "A step is a column, and all that a pixel reads stands in the column before. In the cells: row, column."
    drawing.text(MARGIN, top - 12, subtitle, colour=GREY)
    last = max(diagonal_steps.values())
    for row in range(ORDER_HEIGHT):
        drawing.text(left - 12, top + row * cell + cell / 2 + 5, f"row {row + 1}", anchor="end", colour=GREY)
        for step in range(1, last + 1):
            drawing.rectangle(left + (step - 1) * cell + 1, top + row * cell + 1, cell - 2, cell - 2, "#f7f8fa")
    for (row, column), step in diagonal_steps.items():
        x, y = left + (step - 1) * cell, top + row * cell
        _step_cell(drawing, x, y, cell, (step - 1) / (last - 1), f"{row + 1},{column + 1}")
    for pixel, colour in _framed(reads):
        _frame(drawing, left + (diagonal_steps[pixel] - 1) * cell, top + pixel[0] * cell, cell, colour)
    for step in range(1, last + 1):
        drawing.text(left + (step - 0.5) * cell, top + height + 20, str(step), anchor="middle", colour=GREY)
    drawing.text(left - 12, top + height + 20, "step", anchor="end", colour=GREY)
    drawing.height = top + height + 20 + MARGIN
    return drawing


def _steps(plan: ScanPlan) -> dict[Cell, int]:
    """The step in which each cell is evaluated, from 1 on."""
    return {cell: number for number, (start, stop) in enumerate(plan.steps, start=1) for cell in plan.cells[start:stop]}


def _neighbours(plan: ScanPlan, cell: Cell) -> set[Cell]:
    """The cells whose states a cell reads; it must not lie at an edge."""
    cell_of = {slot: other for other, slot in plan.slot_of.items()}
    return {cell_of[int(slot)] for slot in plan.sources[:, plan.cells.index(cell)]}


def _framed(neighbours: Collection[Cell]) -> list[tuple[Cell, str]]:
    """What is framed in which colour; the reader last, as its frame goes on top."""
    return [*((cell, ORANGE) for cell in sorted(neighbours)), (ORDER_READER, INK)]


def _step_cell(drawing: Drawing, x: float, y: float, cell: float, part: float, text: str) -> None:
    """A square, the darker the later its step: ``part`` from 0 to 1."""
    light, dark = (226, 239, 252), (33, 98, 173)
    fill = "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(light, dark, strict=True))
    drawing.rectangle(x + 1, y + 1, cell - 2, cell - 2, fill)
    colour = "#ffffff" if part > 0.55 else INK
    drawing.text(x + cell / 2, y + cell / 2 + 5, text, size=13, colour=colour, anchor="middle")


def _frame(drawing: Drawing, x: float, y: float, cell: float, colour: str) -> None:
    drawing.rectangle(x + 2, y + 2, cell - 4, cell - 4, "none", edge=colour, thickness=4)
