"""Building the network that a model file speaks of, without trusting the file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from pofx.files.errors import RENEW, ModelFileError

Shapes: TypeAlias = Mapping[str, tuple[tuple[int, ...], torch.dtype]]


def build_module(make: Callable[[], nn.Module], shapes: Shapes, path: str | os.PathLike[str]) -> nn.Module:
    """Build a network on the meta device, where tensors have shapes but no memory, and compare it with ``shapes``.

    A header may claim any number of layers of any size. So ``make`` runs under a guard that stops it as soon as it
    registers a tensor of a shape that the file does not hold, or more tensors than the file could fill.

    Non-persistent buffers and tensors kept as plain attributes are refused: a file cannot bring their values back.

    Raises:
        ModelFileError: if the network cannot be built, or its names, shapes or dtypes are not those of the file.
    """
    try:
        with torch.device("meta"), _guard(shapes, path):
            module = make()
    except ModelFileError:
        raise
    except Exception as error:
        message = f"{path}: no network can be built from its parameters ({type(error).__name__}: {error}). {RENEW}"
        raise ModelFileError(message) from error
    persistent = module.state_dict(keep_vars=True)
    loose = [name for name, value in persistent.items() if not isinstance(value, torch.Tensor)]
    for name, part in module.named_modules():
        prefix = f"{name}." if name else ""
        loose += [prefix + key for key, value in vars(part).items() if isinstance(value, torch.Tensor)]
        loose += [prefix + key for key, _ in part.named_buffers(recurse=False) if prefix + key not in persistent]
    if loose:
        message = "cannot be stored in a file; its class must register it as a parameter or a persistent buffer."
        raise ModelFileError(f"{path}: the value of {loose[0]} {message}")
    built = {name: (tuple(value.shape), value.dtype) for name, value in persistent.items()}
    different = sorted(name for name in built.keys() | shapes.keys() if built.get(name) != shapes.get(name))
    if different:
        listed = "; ".join(f"{name}: {shapes.get(name)} in the file, {built.get(name)} built" for name in different[:3])
        raise ModelFileError(f"{path}: {len(different)} tensors do not fit the network ({listed}). {RENEW}")
    return module


@contextmanager
def _guard(shapes: Shapes, path: str | os.PathLike[str]) -> Iterator[None]:
    """Stop the construction of modules in this thread when it goes beyond what a file with these tensors can fill."""
    known = {shape for shape, _ in shapes.values()}
    # Twice: a parametrisation (weight norm) registers a parameter and then others in its place. Modules without
    # tensors (activations, containers) are counted as well, more generously.
    left = {"tensors": 2 * len(shapes), "modules": 16 * len(shapes) + 256}
    thread = threading.get_ident()

    def count(kind: str) -> None:
        left[kind] -= 1
        if left[kind] < 0:
            raise ModelFileError(f"{path}: its parameters ask for far more {kind} than the file fills. {RENEW}")

    def on_tensor(module: nn.Module, name: str, tensor: torch.Tensor | None) -> None:
        if tensor is None or threading.get_ident() != thread:
            return
        count("tensors")
        if tuple(tensor.shape) not in known:
            owner = type(module).__name__
            raise ModelFileError(
                f"{path}: its parameters ask for {owner}.{name} of shape {tuple(tensor.shape)}, "
                f"which no tensor of the file has. {RENEW}"
            )

    def on_module(module: nn.Module, name: str, child: nn.Module | None) -> None:
        if threading.get_ident() == thread:
            count("modules")

    handles = [
        torch_module.register_module_parameter_registration_hook(on_tensor),
        torch_module.register_module_buffer_registration_hook(on_tensor),
        torch_module.register_module_module_registration_hook(on_module),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
