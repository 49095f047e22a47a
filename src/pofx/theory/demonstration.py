"""The adversarial game played where everything is known: D learns D*, then G learns the law of the data.

First the generator stands still at a law with known density, and D climbs V(D, G) on fresh samples of both laws: this
is what proposition 1 of Goodfellow et al. 2014 (arXiv 1406.2661) speaks of, and D comes to D* = p / (p + p_G). Then G
learns too. Theorem 1 says where that game has its only minimum, p_G = p, C = -log 4; it does not say that steps in turn
by networks of finite size get there (proposition 2 needs convexity in p_G and a D that is optimal in between). With D
near D*, the minimax step of G descends C(G) itself, more and more slowly where D is sure; the non-saturating step does
not descend C, and may leave a mode of the data for good.

Shapes: B samples of a step; n cells of the grid; d dimensions of x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, ndtr
from torch import Tensor, nn

from pofx.data.toy import NormalMixture, bimodal, gaussian_ring
from pofx.distributions.numerics import in_double
from pofx.engine.counting import CountedWork
from pofx.engine.devices import resolve_device
from pofx.engine.interrupt import InterruptFlag
from pofx.engine.randomness import draw_seed, mixed_seeds, own_generators, seed_generators
from pofx.families.adversarial.value_function import LOSSES, discriminator_loss
from pofx.measures.alike import checked_count
from pofx.theory.course import Course, Record
from pofx.theory.gan_optimality import Floats, discriminator_error, generator_criterion, value
from pofx.theory.grids import Grid, push_forward

#: What G descends in the game: E[log(1 - D(G(z)))], its part of V, or -E[log D(G(z))].
GeneratorObjective = Literal["minimax", "non_saturating"]

#: Samples of a step while the generator stands still, and in the game.
BATCH_SIZE, GAME_BATCH_SIZE = 1024, 512
#: Of Adam, for D and for G; each falls along a half cosine over its part.
LEARNING_RATE, GENERATOR_LEARNING_RATE = 3e-3, 3e-4
BETAS = (0.5, 0.99)
#: In the game D takes so many steps for each of G, so that it stays near its optimum.
DISCRIMINATOR_STEPS = 5
HIDDEN = 64
#: z of a one-dimensional generator is followed along the line from -8 to 8, in so many intervals.
Z_EDGES = np.linspace(-8.0, 8.0, 4097)


class Generator(nn.Module):
    """G(z) = s z + f(z), z ~ N(0, I): with f zero at the start its law is N(0, s^2 I), whose density is known."""

    def __init__(self, d: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.bend = perceptron(d, d)
        last = self.bend[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, z_Bd: Tensor) -> Tensor:
        """z_Bd -> x_Bd."""
        return self.scale * z_Bd + self.bend(z_Bd)


def perceptron(n_in: int, n_out: int) -> nn.Sequential:
    """Two hidden layers; smooth, as the densities are."""
    return nn.Sequential(
        nn.Linear(n_in, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, n_out)
    )


def play_on_a_line(
    *,
    fixed_steps: int = 1000,
    game_steps: int = 1000,
    objective: GeneratorObjective = "minimax",
    n_records: int = 60,
    law: NormalMixture | None = None,
    scale: float = 1.2,
    random_state: int | None = 0,
    device: str = "cpu",
    verbose: bool = False,
) -> Course:
    """Both parts in one dimension: against N(0, scale^2) that stands still, and then against a G that learns.

    p_G of a G that has learned is `push_forward` of z ~ N(0, 1): exact up to the width of an interval of z.

    Args:
        fixed_steps: of D against the standing generator, at least 0.
        game_steps: of G, each after `DISCRIMINATOR_STEPS` of D, at least 0.
        objective: what G descends in the game.
        n_records: how many to keep, about; at least 2.
        law: of the data, in one dimension and within [-5, 5]; two normals side by side if not given (`bimodal`).
        scale: of the generator at the start.
        random_state: the seed of everything; None for fresh randomness.
        device: where the networks are.
        verbose: show the progress on stderr.

    Returns:
        The course, up to where Ctrl-C came.

    Raises:
        ValueError: a number that is too small, a law that the grid does not hold, an unknown device.
    """
    law = bimodal() if law is None else law
    grid = Grid(-5.0, 5.0, 400)
    game = _Game(grid, law, scale, random_state, device, objective)
    return game.play(fixed_steps, game_steps, n_records, verbose)


def play_on_a_ring(
    *,
    fixed_steps: int = 2000,
    n_records: int = 40,
    random_state: int | None = 0,
    device: str = "cpu",
    verbose: bool = False,
) -> Course:
    """The first part in two dimensions: eight normals (deviation 0.25) on a circle of radius 2 against N(0, 1.5^2 I).

    Parameters, result and errors as for `play_on_a_line`.
    """
    law = gaussian_ring(8, radius=2.0, scale=0.25)
    return _Game(Grid(-6.0, 6.0, 120, d=2), law, 1.5, random_state, device).play(fixed_steps, 0, n_records, verbose)


class _Game:
    def __init__(
        self,
        grid: Grid,
        law: NormalMixture,
        scale: float,
        random_state: int | None,
        device: str,
        objective: GeneratorObjective = "minimax",
    ) -> None:
        if objective not in get_args(GeneratorObjective):
            raise ValueError(f"objective must be 'minimax' or 'non_saturating', not {objective!r}")
        self._generator_loss = LOSSES[objective][1]
        if not scale > 0:
            raise ValueError(f"scale must be positive, not {scale}")
        self._grid, self._law = grid, law
        self._device = resolve_device(device)
        self._p_data = grid.density(law)
        start = NormalMixture(np.zeros((1, grid.d)), np.asarray(scale))
        self._p_start = grid.density(start)
        seed = draw_seed(random_state)
        self._random = np.random.default_rng(mixed_seeds(seed, "samples of the game"))
        with own_generators(self._device):
            seed_generators(self._device, mixed_seeds(seed, "networks of the game")[0])
            self._discriminator = perceptron(grid.d, 1).to(self._device)
            self._generator = Generator(grid.d, scale).to(self._device)

    def play(self, fixed_steps: int, game_steps: int, n_records: int, verbose: bool) -> Course:
        fixed_steps, game_steps = (
            checked_count(fixed_steps, "fixed_steps", 0),
            checked_count(game_steps, "game_steps", 0),
        )
        n_records = checked_count(n_records, "n_records", 2)
        total = fixed_steps + game_steps
        wanted = {round(place) for place in np.linspace(0, total, n_records)} | {fixed_steps}
        records = [self._record(0)]
        step = 0
        with InterruptFlag() as interrupt, CountedWork("game", "steps", shown=verbose) as counted:
            for climb, n_steps in ((self._fixed_part, fixed_steps), (self._game_part, game_steps)):
                advance = climb(n_steps)
                for _ in range(n_steps):
                    if interrupt.is_set:
                        break
                    advance()
                    step += 1
                    if step in wanted:
                        records.append(self._record(step))
                    counted(step, total)
            if records[-1].step < step:
                records.append(self._record(step))
        return Course(self._grid, self._p_data, tuple(records), fixed_steps, total, step < total)

    def _fixed_part(self, n_steps: int) -> Callable[[], None]:
        return self._climber(n_steps, BATCH_SIZE)

    def _game_part(self, n_steps: int) -> Callable[[], None]:
        climb = self._climber(n_steps * DISCRIMINATOR_STEPS, GAME_BATCH_SIZE)
        descend = _stepper(self._generator, GENERATOR_LEARNING_RATE, n_steps)

        def turn() -> None:
            for _ in range(DISCRIMINATOR_STEPS):
                climb()
            # Losses take logits of real samples too; these have no use for them.
            d_B = self._logits(self._generator(self._latents(GAME_BATCH_SIZE)))
            descend(self._generator_loss(d_B, d_B))

        return turn

    def _climber(self, n_steps: int, batch_size: int) -> Callable[[], None]:
        """One step of D up V(D, G), on fresh samples of both laws."""
        descend = _stepper(self._discriminator, LEARNING_RATE, n_steps)

        def climb() -> None:
            with torch.no_grad():
                generated_Bd = self._generator(self._latents(batch_size))
            real_Bd = self._tensor(self._law.sample(batch_size, self._random))
            descend(discriminator_loss(self._logits(real_Bd), self._logits(generated_Bd)))

        return climb

    def _logits(self, x_Bd: Tensor) -> Tensor:
        return self._discriminator(x_Bd)[:, 0]

    def _latents(self, batch_size: int) -> Tensor:
        return self._tensor(self._random.standard_normal((batch_size, self._grid.d)))

    def _tensor(self, array: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(self._device)

    @torch.no_grad()
    def _record(self, step: int) -> Record:
        d_n = in_double(self._logits(self._tensor(self._grid.points))).cpu().numpy()
        p, q, v = self._p_data, self._density_of_generator(), self._grid.cell_volume
        return Record(
            step,
            expit(d_n),
            q,
            float(value(d_n, p, q, logits=True, cell_volume=v)),
            float(generator_criterion(p, q, cell_volume=v)),
            float(discriminator_error(d_n, p, q, logits=True, cell_volume=v)),
        )

    def _density_of_generator(self) -> Floats:
        last = self._generator.bend[-1]
        assert isinstance(last, nn.Linear)
        if not (last.weight.any() or last.bias.any()):
            return self._p_start
        x_m = in_double(self._generator(self._tensor(Z_EDGES[:, None]))).cpu().numpy()[:, 0]
        masses = np.diff(ndtr(Z_EDGES))
        return push_forward(x_m, masses / masses.sum(), self._grid)


def _stepper(module: nn.Module, learning_rate: float, n_steps: int) -> Callable[[Tensor], None]:
    """Adam steps down a loss, of a size that falls to zero along a half cosine over ``n_steps``."""
    parameters = list(module.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, betas=BETAS)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, n_steps))

    def step(loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        schedule.step()

    return step
