"""One plant for all tests that only ask; a copy of its own for each that changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.plant import build


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that nobody writes."""
    return build(tmp_path_factory.mktemp("plant"))


@pytest.fixture
def database(plant: Path, tmp_path: Path) -> Path:
    """A database to write, to damage, to replace."""
    copy = tmp_path / "tracenode.db"
    shutil.copy(plant, copy)
    return copy
