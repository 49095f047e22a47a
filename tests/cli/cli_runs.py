"""What the tests of the command line share."""

from __future__ import annotations

import csv
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import pofx

FAST = ["--max-epochs", "2", "--width", "16", "--depth", "1", "--latent-dim", "3", "--seed", "0", "--no-verbose"]
FAST_PIXELCNN = ["--model", "pixelcnn", "--max-epochs", "2", "--n-layers", "1", "--n-channels", "6"]
FAST_PIXELCNN += ["--seed", "0", "--no-verbose"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_pictures(folder: Path, names: list[str], shape: tuple[int, ...] = (6, 5)) -> None:
    """Random gray or RGB pictures."""
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size=shape, dtype=np.uint8)).save(path)


def same_weights(first: Path, second: Path) -> bool:
    """Whether two model files hold the same network, bit for bit."""
    states = [pofx.load(path).module_.state_dict() for path in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )


def in_terminal(command: list[str], columns: int, **environment: str) -> str:
    """What a program writes to a terminal of this width, without colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=variables | {"TERM": "xterm"} | environment
    )
    os.close(slave)
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # how Linux says that the terminal is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    process.wait()
    text = b"".join(parts).decode(errors="replace").replace("\r\n", "\n")
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def python(code: str) -> list[str]:
    """The command that runs this program."""
    return [sys.executable, "-c", code]
