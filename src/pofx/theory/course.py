"""What happened in a game between a generator and a discriminator, measured on a grid.

Shapes: n cells of the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pofx.theory.gan_optimality import Floats, optimal_discriminator
from pofx.theory.grids import Grid


@dataclass(frozen=True)
class Record:
    """Where the game stands after a step: everything by sums over the grid, nothing from a batch.

    Attributes:
        step: steps of D so far against the standing generator, plus steps of G.
        discriminator: D at the cells, shape (n,).
        p_generator: p_G at the cells, shape (n,).
        value: V(D, G), nats.
        criterion: C(G) = max_D V(D, G), nats; ``value`` is at most this.
        error: E[|D - D*|], x half from the data and half from G.
    """

    step: int
    discriminator: Floats = field(repr=False)
    p_generator: Floats = field(repr=False)
    value: float
    criterion: float
    error: float

    @property
    def jensen_shannon(self) -> float:
        """JSD(p || p_G) in nats: theorem 1 solved for it."""
        return 0.5 * (self.criterion + math.log(4.0))


@dataclass(frozen=True)
class Course:
    """What happened in a game.

    Attributes:
        grid: where everything is measured.
        p_data: p at the cells, shape (n,).
        records: at the start, at equal steps, at the end of each part; at least one.
        fixed_steps: how many steps the generator stood still.
        steps: how many there were to be in all.
        interrupted: whether Ctrl-C ended it before.
    """

    grid: Grid
    p_data: Floats
    records: tuple[Record, ...]
    fixed_steps: int
    steps: int
    interrupted: bool

    @property
    def end_of_fixed(self) -> Record:
        """The last record while the generator stood still."""
        return [record for record in self.records if record.step <= self.fixed_steps][-1]

    def optimal(self, record: Record) -> Floats:
        """D* for the generator of a record, shape (n,)."""
        return optimal_discriminator(self.p_data, record.p_generator)
