"""Fixtures of the command line's tests."""

from pathlib import Path

import numpy as np
import pytest
from cli_runs import FAST, FAST_PIXELCNN, write_pictures

import pofx
from pofx.cli import main


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of digits, hardly trained."""
    path = tmp_path_factory.mktemp("cli") / "digits.pofx"
    assert main(["fit", "digits", "-o", str(path), *FAST]) == 0
    return path


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes of pictures."""
    folder = tmp_path_factory.mktemp("cli") / "pets"
    write_pictures(folder, [f"{kind}/[red]{index}.png" for kind in ("cat", "dog") for index in range(8)])
    return folder


@pytest.fixture(scope="session")
def pets_model(pets: Path) -> Path:
    """A conditional model of `pets`, hardly trained."""
    path = pets.with_suffix(".pofx")
    assert main(["fit", str(pets), "-o", str(path), "--conditional", *FAST]) == 0
    return path


@pytest.fixture(scope="session")
def pixelcnn_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PixelCNN of 200 digits, hardly trained; the digits stand beside it as ``digits.npz``."""
    folder = tmp_path_factory.mktemp("cli")
    np.savez(folder / "digits.npz", x=pofx.load_source("digits").images[:200])
    path = folder / "pixelcnn.pofx"
    assert main(["fit", str(folder / "digits.npz"), "-o", str(path), *FAST_PIXELCNN]) == 0
    return path


@pytest.fixture(scope="session")
def colour_pixelcnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional PixelCNN of two classes of RGB pictures, hardly trained; they lie beside it in ``birds``."""
    folder = tmp_path_factory.mktemp("cli") / "birds"
    write_pictures(folder, [f"{kind}/{index}.png" for kind in ("owl", "tit") for index in range(6)], (4, 6, 3))
    path = folder.with_suffix(".pofx")
    assert main(["fit", str(folder), "-o", str(path), "--conditional", *FAST_PIXELCNN]) == 0
    return path
