"""The device and the processes a training runs on, through lightning-fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pofx.nn.ema import module_tensors

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")

FABRIC_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed", "float64": "64-true"}
ACCELERATOR_CHECK_EVERY = 16


def resolve_device(device: str, dtype: torch.dtype = torch.float32) -> torch.device:
    """The device of this name; ``"auto"`` is the fastest kind there is that computes in this dtype.

    Raises:
        ValueError: if torch does not know the name, there is no such device here, or it does not have the dtype.
    """
    if device == "auto":
        apple = dtype != torch.float64 and torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if apple else "cpu"
    try:
        resolved = torch.device(device)
        module = torch.get_device_module(resolved)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is not a device: take auto, cpu, cuda, cuda:1 or mps") from error
    if not module.is_available() or (resolved.index or 0) >= module.device_count():
        raise ValueError(f"device={device!r} is not there on this machine: take auto or cpu.")
    if resolved.type == "mps" and dtype == torch.float64:
        raise ValueError(f"device={device!r} has no float64: take device='cpu', or fit with precision='float32'.")
    return resolved


@contextmanager
def full_float32() -> Iterator[None]:
    """Within it cuDNN convolves float32 in full, and not in TF32, torch's default, whose 10 bits round to 1e-3.

    Log-probabilities and draws need it: the same sub-pixel comes from convolutions of different shapes, which must
    agree. What the user set is restored.
    """
    cudnn = torch.backends.cudnn
    # Torch 2.9 on has a setting for each kind of operation, and the flag of old cannot be read where they differ.
    kinds = [cudnn.conv, cudnn.rnn] if hasattr(cudnn, "conv") else []
    before = [kind.fp32_precision for kind in kinds]
    try:
        allowed = bool(cudnn.allow_tf32)
    except RuntimeError:
        allowed = False
    if allowed:
        cudnn.allow_tf32 = False
    for kind in kinds:
        kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        if allowed:
            cudnn.allow_tf32 = True
        for kind, precision in zip(kinds, before, strict=True):
            kind.fp32_precision = precision


def open_machine(device: str, precision: str) -> Machine:
    """Get the device ready; under torchrun also join the other processes.

    Raises:
        ValueError: if there is no such device here, or it does not have the precision.
    """
    # 1.5 s on top of torch: paid only by those who train.
    from lightning_fabric import Fabric

    dtype = torch.float64 if precision == "float64" else torch.float32
    resolved = resolve_device(device, dtype)
    arguments: dict[str, Any] = {"accelerator": resolved.type, "precision": FABRIC_PRECISION[precision]}
    if dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1:
        per_node = int(os.environ["LOCAL_WORLD_SIZE"])
        arguments |= {"strategy": "ddp", "devices": per_node}
        arguments |= {"num_nodes": int(os.environ["WORLD_SIZE"]) // per_node}
    else:
        # Fabric's own default would start one process for every accelerator of the machine.
        arguments["devices"] = 1 if resolved.type == "cpu" else [resolved.index or 0]
    try:
        with _quiet_fabric():
            fabric = Fabric(**arguments)
            fabric.launch()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"device={device!r} cannot be used here: {error}") from error
    return Machine(fabric, dtype)


@contextmanager
def _quiet_fabric() -> Iterator[None]:
    """Fabric tells stderr about its precision and its processes; that is not the user's progress line."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class Machine:
    """A device and, under torchrun, the other processes that train the same module.

    Every method that speaks of processes must be called by all of them in the same order.
    """

    def __init__(self, fabric: Fabric, dtype: torch.dtype) -> None:
        self._fabric = fabric
        self.dtype = dtype
        self.device: torch.device = fabric.device
        self.rank: int = fabric.global_rank
        self.processes: int = fabric.world_size
        # Reading a number from an accelerator waits for all work queued there.
        self.check_every = 1 if self.device.type == "cpu" else ACCELERATOR_CHECK_EVERY

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and progress."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the loss is computed."""
        return self._fabric.autocast()

    def place(self, module: nn.Module) -> None:
        """Move the module to the device and the precision; every process gets the weights of the first."""
        module.to(self.device, torch.float64 if self.dtype == torch.float64 else None)
        self.broadcast_(module_tensors(module).values())

    def to_device(self, tensor: Tensor) -> Tensor:
        """The tensor on the device; floating ones in the dtype of the precision."""
        dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self.device, dtype, non_blocking=True)

    @torch.no_grad()
    def broadcast_(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's tensors, in place."""
        if self.processes > 1:
            for tensor in tensors:
                if not tensor.numel():
                    continue
                # Collectives want dense memory; expanded or transposed buffers are not.
                dense = tensor.contiguous()
                dist.broadcast(dense, src=0)
                tensor.copy_(dense)

    def from_first(self, value: T) -> T:
        """The first process's value, on all processes."""
        return value if self.processes == 1 else self._fabric.broadcast(value, src=0)

    @torch.no_grad()
    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Sum the tensors over the processes, in place, in one flat message."""
        if self.processes == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))
