"""Which kind of network suits images of a size."""

from __future__ import annotations

#: Images at least this high and wide get convolutions under ``architecture="auto"``.
CONVOLUTIONAL_SIZE = 16


def chosen_architecture(architecture: str, height: int, width: int) -> str:
    """The network that ``architecture="auto"`` stands for."""
    if architecture != "auto":
        return architecture
    return "convolutional" if min(height, width) >= CONVOLUTIONAL_SIZE else "mlp"
