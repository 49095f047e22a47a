"""What the tests of this folder run through: every kind of layer, every law of a pixel, small, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture, PixelLaw
from pofx.families.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from pofx.families.autoregressive.module import AutoregressiveModule, StaggerLayers, colour_groups_of
from pofx.families.autoregressive.pixelcnn import GatedLayer, ResidualBlock
from pofx.families.autoregressive.row_lstm import RowLSTM, staggered


@dataclass(frozen=True)
class Kind:
    """A kind of network: (features, colour groups, classes, number, is_last) -> layer; whether it has two stacks; how
    it draws several rows at once, if it does."""

    make_layer: Callable[[int, int, int, int, bool], nn.Module]
    two_stacks: bool = False
    stagger_layers: StaggerLayers | None = None


#: Of the gated layers, in turn; of two layers the second is dilated.
DILATIONS = (1, 2, 4)

NETWORKS = {
    "plain": Kind(lambda features, groups, classes, *_: ResidualBlock(features, 3, groups, classes)),
    "gated": Kind(
        lambda features, groups, classes, number, is_last: GatedLayer(
            features, 3, groups, classes, DILATIONS[number % 3], is_last=is_last
        ),
        two_stacks=True,
    ),
    "row_lstm": Kind(
        lambda features, groups, classes, *_: RowLSTM(features, 3, groups, classes), stagger_layers=staggered
    ),
    "diagonal_bilstm": Kind(lambda features, groups, classes, *_: DiagonalBiLSTM(features, groups, classes)),
}

LAWS: dict[str, Callable[[int], PixelLaw]] = {
    "sigmoid": Bernoulli,
    "softmax_of_3": lambda channels: Categorical(channels, 3),
    "softmax_of_4": lambda channels: Categorical(channels, 4),
    "mixture_of_4": lambda channels: DiscretisedLogisticMixture(channels, 4, 2),
}

CHANNELS = {"gray": 1, "rgb": 3}

#: Widths that split into three colours, also by halves.
WIDTHS = {1: 6, 3: 6}


def make_network(
    network: str,
    law: PixelLaw,
    *,
    n_classes: int = 0,
    n_layers: int = 2,
    width: int | None = None,
    seed: int = 0,
    std: float = 0.4,
    size: tuple[int, int] | None = None,
) -> AutoregressiveModule:
    """A network in float64 all of whose parameters are normal: what starts at zero would hide leaks behind it. With a
    size it knows where each pixel is."""
    kind, n_groups = NETWORKS[network], colour_groups_of(law)
    n_features = WIDTHS[n_groups] if width is None else width
    with torch.random.fork_rng():
        module = AutoregressiveModule(
            law,
            n_classes,
            n_features=n_features,
            n_layers=n_layers,
            make_layer=lambda number: kind.make_layer(n_features, n_groups, n_classes, number, number == n_layers - 1),
            two_stacks=kind.two_stacks,
            stagger_layers=kind.stagger_layers,
            size=size,
        ).double()
        torch.manual_seed(seed)
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=std)
    return module


def random_codes(n: int, n_classes: int, seed: int = 0) -> torch.Tensor | None:
    """Class codes (n,), or None for an unconditional network."""
    if not n_classes:
        return None
    return torch.randint(0, n_classes, (n,), generator=torch.Generator().manual_seed(seed))
