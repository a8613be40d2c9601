"""The wheel carries all three roots and the nodesets, and nothing in the way of others."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.project import ROOT, SOURCE_ROOTS, tracked_files

BUILD_TIME = 60
"""Seconds; it takes about one."""

WHERE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import tracenode.models, tracenode.drivers, tracenode.server
rooms = tracenode.models, tracenode.drivers, tracenode.server
print(json.dumps([room.__file__ for room in rooms]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=BUILD_TIME)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_has_every_module_of_the_three_roots(wheel: Path) -> None:
    expected = {
        path.relative_to(root).as_posix()
        for root in SOURCE_ROOTS
        for path in tracked_files()
        if path.is_relative_to(root)
    }
    assert expected - names(wheel) == set()


def test_wheel_has_the_nodesets(wheel: Path) -> None:
    folder = ROOT / "nodesets"
    files = [path for path in tracked_files() if path.is_relative_to(folder)]
    expected = {f"tracenode/nodesets/{path.relative_to(folder).as_posix()}" for path in files}
    assert expected - names(wheel) == set()


def test_wheel_claims_no_name_but_its_own(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tracenode"}
    assert "tracenode/__init__.py" not in names(wheel)


def test_unpacked_wheel_is_imported_as_one_namespace(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-I", "-c", WHERE, str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    assert all(Path(found).is_relative_to(tmp_path) for found in json.loads(printed))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())
