"""Drawing images: three ways that make the same image from the same noise.

    x_i = draw(parameters(x_<i), noise_i)        for one sub-pixel (one pixel, under a law of the whole pixel) at a time

``naive``   a full pass of the network for every event: D passes. What the other two are measured against.
``cached``  one pass over the network's rows, pixel by pixel, with remembered activations (`rows.NetworkRows`).
            Where no pixel looks far to the right into the rows above, several rows at once (`staggered`).
``jacobi``  row by row over the same rows: guess the row, evaluate it whole, draw it whole from the same noise, and
            repeat until nothing changes. The fixed point is the image that ``cached`` draws: its first column does not
            depend on the guess, its second then no more, and so on. Images that are finished leave the batch. Song et
            al. 2021, arXiv 2002.03629.

In exact arithmetic the three are equal; in float64 they are in practice, in float32 a draw within a rounding error of a
tie may fall to the other side, rarely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Literal

import torch
from torch import Tensor

from pofx.families.autoregressive.module import AutoregressiveModule, NetworkRows, scaled
from pofx.families.autoregressive.staggered import Stagger

Method = Literal["auto", "naive", "cached", "jacobi"]
METHODS: tuple[Method, ...] = ("auto", "naive", "cached", "jacobi")

#: Up to this many images at a time, evaluating whole rows a few times is quicker than one pixel after the other.
JACOBI_BATCH = 8

AfterRow = Callable[[int, Tensor, Tensor], Tensor | None]
"""Called after each row with its number, its parameters NP1W and its levels NCW; may give the images to go on with."""


@dataclass
class Canvas:
    """Images that are being drawn.

    Attributes:
        x_NCHW: levels, int64; what is not drawn yet is 0, or whatever is known.
        known_NCHW: True for sub-pixels that keep their value; None: all are drawn.
        codes: class codes (n,), or None.
        generator: where the noise comes from: one row after the other, so that every method meets the same.
        temperature: what the noise is multiplied with; 1 samples from the model.
    """

    x_NCHW: Tensor
    known_NCHW: Tensor | None
    codes: Tensor | None
    generator: torch.Generator
    temperature: float = 1.0

    def noise(self, module: AutoregressiveModule) -> Tensor:
        """The noise of the next row, NQ1W."""
        n, _, _, width = self.x_NCHW.shape
        like = torch.empty(0, dtype=module.dtype, device=module.device)
        return self.temperature * module.law.noise((n, 1, width), like, self.generator)

    def select(self, index: Tensor) -> None:
        """Keep the images of these indices."""
        self.x_NCHW = self.x_NCHW[index]
        self.known_NCHW = None if self.known_NCHW is None else self.known_NCHW[index]


@torch.inference_mode()
def draw_images(
    module: AutoregressiveModule,
    canvas: Canvas,
    method: Method = "auto",
    *,
    after_row: AfterRow | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Draw the images of a canvas; levels NCHW, int64.

    Args:
        after_row: not with ``naive``, which keeps no parameters.
        progress: called with the rows done and their number.
    """
    n, _, height, width = canvas.x_NCHW.shape
    if method == "naive":
        return _draw_naively(module, canvas, progress)
    if method in ("auto", "cached") and after_row is None and module.lag is not None:
        # In the precision of the parameters, as in a pass of the network.
        with torch.autocast(module.device.type, enabled=False):
            return _draw_staggered(module, canvas, module.lag, progress)
    rows = module.rows(n, width, canvas.codes)
    chosen = chosen_method(method, n, rows)
    for r in range(height):
        rows.start()
        row = _Row(module, canvas, r)
        parameters_NP1W = row.by_pixels(rows) if chosen == "cached" else row.by_fixed_point(rows)
        canvas.x_NCHW[:, :, r] = row.x_NCW
        rows.finish(row.x_NCW.transpose(1, 2))
        survivors = None if after_row is None else after_row(r, parameters_NP1W, row.x_NCW)
        if survivors is not None:
            rows.select(survivors)
            canvas.select(survivors)
        progress(r + 1, height)
    return canvas.x_NCHW


def chosen_method(method: Method, n: int, rows: NetworkRows) -> Method:
    """The method that "auto" stands for; the three draw the same images."""
    if method != "auto":
        return method
    return "jacobi" if n <= JACOBI_BATCH and rows.columns_are_parallel else "cached"


class _Row:
    """One row of a canvas: its noise, what is known of it, and the levels it has so far."""

    def __init__(self, module: AutoregressiveModule, canvas: Canvas, r: int) -> None:
        self.law, self.n_groups = module.law, module.n_groups
        self.noise_NQ1W = canvas.noise(module)
        self.known_NC1W = None if canvas.known_NCHW is None else canvas.known_NCHW[:, :, r : r + 1]
        self.given_NC1W = canvas.x_NCHW[:, :, r : r + 1].clone()
        self.x_NCW = self.given_NC1W[:, :, 0].clone()
        if r > 0 and self.known_NC1W is None:
            self.x_NCW = canvas.x_NCHW[:, :, r - 1].clone()  # a good first guess, and no method depends on it

    def by_pixels(self, rows: NetworkRows) -> Tensor:
        """Draw one pixel after the other; the parameters of the row, NP1W."""
        parameters = []
        x_NWC = self.x_NCW.transpose(1, 2)
        # Found once: slicing for every pixel anew would take longer than drawing it.
        columns = [
            *zip(*(_columns(part) for part in (self.noise_NQ1W, self.given_NC1W, self.known_NC1W)), strict=False)
        ]
        for column, (x_NC, here) in enumerate(zip(x_NWC.unbind(1), columns, strict=True)):
            for group in range(self.n_groups):
                parameters_NP11 = rows.pixel(x_NWC, column)[:, :, None, None]
                drawn_NC = self.law.draw(parameters_NP11, *here)[:, :, 0, 0]
                if self.n_groups == 1:
                    x_NC.copy_(drawn_NC)
                else:
                    x_NC[:, group] = drawn_NC[:, group]
            parameters.append(parameters_NP11)
        return torch.cat(parameters, 3)

    def by_fixed_point(self, rows: NetworkRows) -> Tensor:
        """Draw the whole row from a guess of it until nothing changes; the parameters of the row, NP1W."""
        first, active = 0, None
        parameters_NP1W: Tensor | None = None
        while True:
            x_NCW = self.x_NCW[:, :, first:] if active is None else self.x_NCW[active, :, first:]
            parameters_NWP = rows.columns(x_NCW.transpose(1, 2), first, active)
            new_NP1W = parameters_NWP.transpose(1, 2).unsqueeze(2)
            if parameters_NP1W is None:
                parameters_NP1W = new_NP1W.clone()
            elif active is None:
                parameters_NP1W[..., first:] = new_NP1W
            else:
                parameters_NP1W[active, ..., first:] = new_NP1W
            drawn_NCW = self._drawn(new_NP1W, slice(first, None), active)
            changed_NW = (drawn_NCW != x_NCW).any(1)
            changing = changed_NW.any(1)
            if not bool(changing.any()):
                return parameters_NP1W
            if active is None:
                self.x_NCW[:, :, first:] = drawn_NCW
                active = changing.nonzero()[:, 0]
            else:
                self.x_NCW[active, :, first:] = drawn_NCW
                active = active[changing]
            # To the left of the first change everything is final; the changed pixel itself is a new input.
            first += int(changed_NW.any(0).nonzero()[0, 0])

    def _drawn(self, parameters_NP1W: Tensor, columns: slice, active: Tensor | None) -> Tensor:
        """What the noise makes of these parameters at these columns of these images; NCW."""
        noise, given, known = (
            part if part is None else (part if active is None else part[active])[..., columns]
            for part in (self.noise_NQ1W, self.given_NC1W, self.known_NC1W)
        )
        assert noise is not None
        return self.law.draw(parameters_NP1W, noise, given, known)[:, :, 0]


def _draw_staggered(
    module: AutoregressiveModule, canvas: Canvas, lag: int, progress: Callable[[int, int], None]
) -> Tensor:
    n, _, height, width = canvas.x_NCHW.shape
    stagger = Stagger(height, width, lag)
    network = module.staggered(stagger, n, canvas.codes)
    x_NCX = canvas.x_NCHW.flatten(2)
    known_NCX = None if canvas.known_NCHW is None else canvas.known_NCHW.flatten(2)
    noises: dict[int, tuple[Tensor, ...]] = {}
    scale = partial(scaled, levels=module.levels, dtype=module.dtype)
    for step in range(stagger.n_steps):
        network.begin(step)
        rows = stagger.rows(step)
        if not rows:
            continue
        if stagger.column(step, rows[-1]) == 0:
            noises[rows[-1]] = canvas.noise(module).unbind(-1)
        noise_NQ1K = torch.stack([noises[row][stagger.column(step, row)] for row in rows], -1)
        here = stagger.pixels(step, width)
        x_NCK = x_NCX[:, :, here]
        given_NC1K = x_NCK[:, :, None].clone()
        known_NC1K = None if known_NCX is None else known_NCX[:, :, None, here]
        for group in range(module.n_groups):
            drawn_NCK = module.law.draw(network.parameters(step), noise_NQ1K, given_NC1K, known_NC1K)[:, :, 0]
            colours = slice(None) if module.n_groups == 1 else slice(group, group + 1)
            x_NCK[:, colours] = drawn_NCK[:, colours]
            network.write(step, scale(x_NCK))
        if stagger.column(step, rows[0]) == width - 1:
            del noises[rows[0]]
            progress(rows[0] + 1, height)
    return x_NCX.unflatten(2, (height, width))


def _columns(part: Tensor | None) -> Iterable[Tensor | None]:
    """Each column of a row by itself; of nothing, nothing without end."""
    return repeat(None) if part is None else part.split(1, -1)


def _draw_naively(module: AutoregressiveModule, canvas: Canvas, progress: Callable[[int, int], None]) -> Tensor:
    _, _, height, width = canvas.x_NCHW.shape
    for r in range(height):
        row = _Row(module, canvas, r)
        for column in range(width):
            here = slice(column, column + 1)
            for group in range(module.n_groups):
                parameters_NP11 = module(canvas.x_NCHW, canvas.codes)[:, :, r : r + 1, here]
                drawn_NC = row._drawn(parameters_NP11, here, None)[:, :, 0]
                colours = slice(None) if module.n_groups == 1 else group
                canvas.x_NCHW[:, colours, r, column] = drawn_NC[:, colours]
        progress(r + 1, height)
    return canvas.x_NCHW
