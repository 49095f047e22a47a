"""The network of an autoregressive model: input layer, residual layers, head, pixel law; no loss in here.

Shapes: x_NCHW levels, u_NCHW the same scaled to [-1, 1], h_NFHW features, parameters_NPHW what the pixel law takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pofx.distributions.pixels import DiscretisedLogisticMixture, PixelLaw
from pofx.families.autoregressive.input_layer import InputLayer, InputRows
from pofx.families.autoregressive.masks import MaskedConv2d, colour_groups
from pofx.families.autoregressive.rows import ConvolutionRows, LayerRows, PlacedRows, through_placed
from pofx.families.autoregressive.staggered import Stagger, StaggeredLayers, StaggeredNetwork
from pofx.nn.conditional import ConditionalModule

MakeLayer = Callable[[int], nn.Module]
"""From a layer's number to the layer."""

RunLayers = Callable[[Iterable[nn.Module], Tensor, Any, Tensor], tuple[Tensor, Tensor | None]]
"""From layers, h, above and y_NK to h and above."""

StaggerLayers = Callable[[Iterable[nn.Module], Stagger, Tensor, bool], StaggeredLayers]
"""From layers, the order of the pixels, y_NK, and whether a pixel is one event, to the layers' companion."""


def one_after_the_other(
    layers: Iterable[nn.Module], h_NFHW: Tensor, above: Tensor | None, y_NK: Tensor
) -> tuple[Tensor, Tensor | None]:
    for layer in layers:
        h_NFHW, above = layer(h_NFHW, above, y_NK)
    return h_NFHW, above


class AutoregressiveModule(ConditionalModule):
    """p(x_i | x_<i, y) for all sub-pixels at once (`forward`), or row by row (`rows`).

    Args:
        law: of a pixel. Under a law of the whole pixel there is one colour group, else one a channel.
        n_features: F, a multiple of the number of groups.
        make_layer: makes the residual layers; each maps (h, above, y_NK) to (h, above) and has a companion (`rows`).
        two_stacks: whether the layers have a vertical stack.
        run_layers: evaluates several layers, as one after the other would, but perhaps quicker.
        stagger_layers: for drawing several rows at once; None where a pixel needs all of the row above. Each layer says
            how many columns it ``looks_right`` there.
        size: height and width of the images, for `Place`; None: of any size, and no feature knows where it is.
    """

    def __init__(
        self,
        law: PixelLaw,
        n_classes: int,
        *,
        n_features: int,
        n_layers: int,
        make_layer: MakeLayer,
        two_stacks: bool,
        run_layers: RunLayers = one_after_the_other,
        stagger_layers: StaggerLayers | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        assert law.levels is not None
        assert stagger_layers is None or not two_stacks, "a vertical stack sees more of the row above in every layer"
        self.run_layers, self.stagger_layers = run_layers, stagger_layers
        self.law, self.levels, self.n_classes, self.n_features = law, law.levels, n_classes, n_features
        self.n_groups = colour_groups_of(law)
        self.n_outputs_a_pixel = law.n_parameters
        self.input = InputLayer(law.channels, n_features, self.n_groups, two_stacks=two_stacks, size=size)
        self.layers = nn.ModuleList(make_layer(number) for number in range(n_layers))
        features = colour_groups(n_features, self.n_groups)
        self.head = nn.ModuleList(
            [
                MaskedConv2d(features, features, 1, "B"),
                MaskedConv2d(features, colour_groups(law.n_parameters, self.n_groups), 1, "B"),
            ]
        )

    def forward(self, x_NCHW: Tensor, codes: Tensor | None = None) -> Tensor:
        """Parameters of the law of every pixel given the pixels before it, NPHW."""
        h_NFHW, _ = self.hidden(x_NCHW, codes, len(self.layers))
        for layer in self.head:
            h_NFHW = layer(F.relu(h_NFHW))
        return h_NFHW

    def hidden(self, x_NCHW: Tensor, codes: Tensor | None, n_layers: int) -> tuple[Tensor, Tensor | None]:
        """The features after so many layers, and those of the vertical stack if there is one; NFHW."""
        y_NK = self.one_hot(codes, len(x_NCHW))
        h_NFHW, above = self.input(self.scaled(x_NCHW))
        return self.run_layers(self.layers[:n_layers], h_NFHW, above, y_NK)

    def rows(self, n: int, width: int, codes: Tensor | None) -> NetworkRows:
        """The companion that draws n images row by row."""
        return NetworkRows(self, n, width, codes)

    @property
    def lag(self) -> int | None:
        """How many columns a row must be behind the one above to be drawn along with it; None: it waits for its end."""
        if self.stagger_layers is None or not self.layers:
            return None
        looks_right: list[Any] = [layer.looks_right for layer in self.layers]
        return 1 + max([self.input.reach, *looks_right])

    def staggered(self, stagger: Stagger, n: int, codes: Tensor | None) -> StaggeredNetwork:
        """The companion that draws n images several rows at once; of a network that has a `lag`."""
        assert self.stagger_layers is not None
        layers = self.stagger_layers(self.layers, stagger, self.one_hot(codes, n), self.n_groups == 1)
        return StaggeredNetwork(self.input, layers, self.head, stagger, n)  # type: ignore[arg-type]

    def scaled(self, x: Tensor) -> Tensor:
        """Levels 0..K-1 -> [-1, 1]."""
        return scaled(x, self.levels, self.dtype)


class NetworkRows:
    """The companion of the network: the parameters of a row's pixels, given the rows above and the pixels before.

    Levels come as rows NWC (of any dtype), parameters go as NWP or NP.
    """

    def __init__(self, module: AutoregressiveModule, n: int, width: int, codes: Tensor | None) -> None:
        y_NK = module.one_hot(codes, n)
        # The module's own method would look for its dtype among all parameters, at every pixel.
        self.scaled = partial(scaled, levels=module.levels, dtype=module.dtype)
        self.sees_own_colours = module.n_groups > 1
        self.input = InputRows(module.input, n, width)
        self.layers: list[LayerRows] = [layer.rows(n, width, y_NK) for layer in module.layers]  # type: ignore[operator]
        self.placed = [layer for layer in self.layers if isinstance(layer, PlacedRows)]
        self.head = [ConvolutionRows(layer, n, width) for layer in module.head]  # type: ignore[arg-type]

    @property
    def columns_are_parallel(self) -> bool:
        """Whether `columns` evaluates its columns at the same time and not one after the other."""
        return all(layer.columns_are_parallel for layer in self.layers)

    def start(self) -> None:
        """Begin a row."""
        above = self.input.start()
        for layer in self.layers:
            above = layer.start(above)

    def pixel(self, x_NWC: Tensor, column: int) -> Tensor:
        """Parameters of one pixel, NP, of a row whose levels left of it are known; called for column after column, and
        for every colour group of a pixel anew: of the pixel itself only the colours before count."""
        # New since the last call: the pixel to the left and, where colours are events, the pixel's own first ones.
        for new in range(max(0, column - 1), column + self.sees_own_colours):
            self.scaled(x_NWC[:, new], out=self.input.look.slots[new])
        h = self.input.look.evaluate(column)
        if self.placed and len(self.placed) == len(self.layers):
            h = through_placed(self.placed, h, column, torch.empty_like(self.placed[0].places_IN[column]))
        else:
            for layer in self.layers:
                h = layer.pixel(h, column)
        for head in self.head:
            h = head.pixel(h.relu(), column)
        return h

    def columns(self, x_NWC: Tensor, first: int, active: Tensor | None) -> Tensor:
        """Parameters of the columns from ``first`` on, NWP, if the row has these levels there."""
        h = self.input.look.columns(self.scaled(x_NWC), first, active)
        for layer in self.layers:
            h = layer.columns(h, first, active)
        for head in self.head:
            h = head.columns(h.relu(), first, active)
        return h

    def finish(self, x_NWC: Tensor) -> None:
        """End the row, which has these levels."""
        self.input.finish(self.scaled(x_NWC))
        for layer in self.layers:
            layer.finish()

    def select(self, index: Tensor) -> None:
        """Keep the images of these indices, in this order; an index may come more than once."""
        self.input.select(index)
        for layer in self.layers:
            layer.select(index)


def scaled(x: Tensor, levels: int, dtype: torch.dtype, out: Tensor | None = None) -> Tensor:
    """Levels 0..levels-1 -> [-1, 1]; into ``out``, of this dtype, if given."""
    scale = 2 / (levels - 1)
    return x.to(dtype) * scale - 1 if out is None else out.copy_(x).mul_(scale).sub_(1)


def colour_groups_of(law: PixelLaw) -> int:
    """How many events a pixel is: one under a law of the whole pixel, else one a channel."""
    return 1 if isinstance(law, DiscretisedLogisticMixture) else law.channels
