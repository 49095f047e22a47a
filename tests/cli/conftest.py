"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest
from cli_runs import FAST, write_pictures

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
