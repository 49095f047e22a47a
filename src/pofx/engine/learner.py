"""One optimiser step of every phase, and all tensors that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pofx.engine.devices import Machine
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import Batch, LossTerms, Phase, TrainingData
from pofx.engine.randomness import mixed_seeds, seed_generators
from pofx.engine.rollback import Record, all_finite, clone_tree
from pofx.engine.schedule import ramped_half_life
from pofx.nn.ema import ExponentialMovingAverage, copy_tensors, module_tensors

GRADIENT_NORM = "gradient norm"


class Learner:
    """The module, its phases' optimisers and its weight average.

    The optimisers are Adam [1], fused into one kernel where the device has it.

    References:
        [1] Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Raises:
        ValueError: if a phase's parameter is not the module's, or a weight is not finite.
    """

    def __init__(self, module: nn.Module, phases: Sequence[Phase], options: TrainingOptions, machine: Machine) -> None:
        _check_parameters(module, phases)
        machine.place(module)
        self.module, self.phases, self._options, self._machine = module, tuple(phases), options, machine
        self._parameters = [[p for p in phase.parameters if p.requires_grad] for phase in phases]
        self._optimisers = [
            _adam(parameters, options.learning_rate, phase.betas)
            for parameters, phase in zip(self._parameters, phases, strict=True)
        ]
        self._average = ExponentialMovingAverage(module) if options.ema_half_life is not None else None
        self._generator = torch.Generator(machine.device)
        # A buffer may hold infinities by design (an attention mask); parameters may not.
        self._watched = [name for name, tensor in module_tensors(module).items() if all_finite({name: tensor})]
        for name, _ in module.named_parameters():
            if name not in self._watched:
                raise ValueError(f"The weights of {name!r} are not finite before the training.")

    def step(
        self, data: TrainingData, indices: np.ndarray, step: int, progress: float, learning_rate: float
    ) -> list[Record]:
        """Make step number ``step`` on the images with these indices; what it gave is not looked at yet."""
        machine = self._machine
        # Fewer images than processes: each takes them all, and the mean over processes is over the noise only.
        shared = machine.processes > 1 and len(indices) >= machine.processes
        own = np.array_split(indices, machine.processes)[machine.rank] if shared else indices
        weight = len(own) / len(indices) if shared else 1.0 / machine.processes
        x, y = data.batch(own)
        x, y = machine.to_device(x), None if y is None else machine.to_device(y)
        records = []
        for number, phase in enumerate(self.phases):
            if step % phase.every:
                continue
            seed, global_seed = mixed_seeds(self._options.seed, "step", step, machine.rank, number)
            self._generator.manual_seed(seed)
            seed_generators(machine.device, global_seed)
            with machine.autocast():
                loss = phase.loss(Batch(x, y, step, progress, self._generator))
            values = self._descend(number, loss, weight, learning_rate, phase.betas_at(progress))
            records.append(Record(phase.name, step, len(indices), ("loss", *loss.terms, GRADIENT_NORM), values))
        # Running statistics differ between processes; those of the first count, as under DistributedDataParallel.
        machine.broadcast_(self.module.buffers())
        if self._average is not None and self._options.ema_half_life is not None:
            self._average.update(ramped_half_life(self._options.ema_half_life, step + 1))
        return records

    def _descend(
        self, number: int, loss: LossTerms, weight: float, learning_rate: float, betas: tuple[float, float]
    ) -> Tensor:
        """Follow the gradient; return total, terms and the gradient's norm, (2 + number of terms,)."""
        parameters, optimiser, machine = self._parameters[number], self._optimisers[number], self._machine
        optimiser.zero_grad(set_to_none=True)
        # inputs: no gradient for the other phases' parameters. bfloat16 has the range of float32: no loss scaling.
        (loss.total if machine.processes == 1 else loss.total * weight).backward(inputs=parameters)
        with torch.no_grad():
            values = torch.stack([value.detach().to(machine.dtype) for value in (loss.total, *loss.terms.values())])
            if machine.processes > 1:
                values *= weight
                for parameter in parameters:
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            machine.sum_([*gradients, values])
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            _clip(gradients, norm, self.phases[number].clip_norm)
            optimiser.param_groups[0].update(lr=learning_rate, betas=betas)
            optimiser.step()
            return torch.cat([values, norm.to(machine.dtype).reshape(1)])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the context the module holds the averaged weights (without averaging: its own), in eval mode."""
        self.module.eval()
        try:
            if self._average is None:
                yield
            else:
                with self._average.swapped_in(self.module):
                    yield
        finally:
            self.module.train()

    def averaged_weights(self) -> dict[str, Tensor]:
        """A copy of the averaged weights, in the module's dtypes."""
        with self.averaged():
            return {name: tensor.detach().clone() for name, tensor in module_tensors(self.module).items()}

    def keep(self, weights: dict[str, Tensor]) -> None:
        """End the training with these weights in the module."""
        copy_tensors(weights, self.module)
        for parameter in self.module.parameters():
            parameter.grad = None
        self.module.eval()

    def is_finite(self) -> bool:
        """Whether the weights are finite, those buffers aside that were not so at the start."""
        tensors = module_tensors(self.module)
        return all_finite({name: tensors[name] for name in self._watched})

    def state(self) -> dict[str, Any]:
        """Weights, average and optimisers: the tensors themselves, not copies."""
        return {
            "weights": {name: tensor.detach() for name, tensor in module_tensors(self.module).items()},
            "average": None if self._average is None else self._average.state_dict(),
            "optimisers": [optimiser.state_dict()["state"] for optimiser in self._optimisers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to ``state``, which stays untouched.

        Raises:
            ValueError: if it belongs to another module.
        """
        copy_tensors(state["weights"], self.module)
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        for optimiser, moments in zip(self._optimisers, state["optimisers"], strict=True):
            # load_state_dict keeps the tensors it is given; the settings stay this device's own (fused or not).
            optimiser.load_state_dict(
                {"state": clone_tree(moments), "param_groups": optimiser.state_dict()["param_groups"]}
            )


def _adam(parameters: list[nn.Parameter], learning_rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    try:
        return torch.optim.Adam(parameters, lr=learning_rate, betas=betas, fused=True)
    except RuntimeError:  # no fused kernel on this device
        return torch.optim.Adam(parameters, lr=learning_rate, betas=betas)


def _clip(gradients: list[Tensor], norm: Tensor, limit: float | None) -> None:
    """Scale the gradients so that their global norm is at most ``limit``."""
    if limit is None:
        return
    # On an accelerator reading the norm would wait for the device; on the CPU it saves a pass over the gradients.
    if norm.device.type == "cpu" and not norm > limit:
        return
    torch._foreach_mul_(gradients, torch.clamp(limit / norm, max=1.0))


def _check_parameters(module: nn.Module, phases: Sequence[Phase]) -> None:
    own = {id(parameter) for parameter in module.parameters()}
    for phase in phases:
        if any(id(parameter) not in own for parameter in phase.parameters):
            raise ValueError(
                f"The phase {phase.name!r} has parameters that are not the module's: they would not be kept."
            )
