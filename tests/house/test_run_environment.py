"""What run.py decides before it installs anything."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import run
from tests.house.small_project import copy_project, environment_variables
from tests.support.project import ROOT

PRELUDE = """
import runpy, sys
{change}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def environment(tmp_path: Path) -> run.Environment:
    copy_project(tmp_path)
    return run.Environment(tmp_path, tmp_path / ".venv")


def test_script_is_read_by_a_python_too_old_to_run_it() -> None:
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 7))


def test_key_follows_locks_and_metadata_and_nothing_else(environment: run.Environment) -> None:
    pyproject = environment.root / "pyproject.toml"
    keys = [environment.key("runtime"), environment.key("test")]

    pyproject.write_text(pyproject.read_text() + "[tool.ruff]\nline-length = 100\n")
    assert [environment.key("runtime"), environment.key("test")] == keys

    pyproject.write_text(pyproject.read_text().replace('"0.1"', '"0.2"'))
    assert environment.key("runtime") != keys[0]
    assert environment.key("test") == keys[1]

    environment.lock_file("test").write_text("# changed\n")
    assert environment.key("test") != keys[1]


@pytest.mark.parametrize("stamp", [None, "", "{", "{}"])
def test_nothing_is_installed_where_the_stamp_does_not_say_so(
    environment: run.Environment, stamp: str | None
) -> None:
    environment.scripts.mkdir(parents=True)
    environment.python.touch()
    if stamp is not None:
        environment.stamp.write_text(stamp)
    assert environment.installed() == {}


def test_nothing_is_installed_where_python_is_gone(environment: run.Environment) -> None:
    environment.folder.mkdir()
    environment.write_stamp({"runtime": environment.key("runtime")})
    assert environment.installed() == {}
    environment.scripts.mkdir()
    environment.python.touch()
    assert set(environment.installed()) == {"runtime"}


def test_folder_of_somebody_else_is_left_as_it_is(environment: run.Environment) -> None:
    kept = environment.folder / "mine.txt"
    environment.folder.mkdir()
    kept.write_text("mine")
    with pytest.raises(run.SetupError, match="TRACENODE_VENV"):
        environment.ensure()
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("sys.modules['ensurepip'] = None", "apt install python3-venv"),
        ("sys.version_info = (3, 9, 2, 'final', 0)", "Python 3.11 or newer, and this is 3.9"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    tmp_path: Path, change: str, expected: str
) -> None:
    command = [sys.executable, "-c", PRELUDE.format(change=change), str(copy_project(tmp_path))]
    ended = subprocess.run(
        command,
        env=environment_variables(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == run.SETUP_FAILED
    assert expected in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


def test_every_linter_is_asked_about_what_is_there(environment: run.Environment) -> None:
    commands = run.checks(environment)
    assert set(commands) == {"mypy", "pyright", "ruff check", "ruff format", "import-linter"}
    assert commands["ruff check"][-2:] == ["benchmarks", "run.py"]

    build = environment.root / "nodesets" / "build.py"
    build.parent.mkdir()
    build.touch()
    assert run.checks(environment)["nodeset"][-1] == "--check"


def test_stamp_is_replaced_whole(environment: run.Environment) -> None:
    environment.folder.mkdir()
    environment.write_stamp({"runtime": "a"})
    environment.write_stamp({"runtime": "b", "test": "c"})
    assert json.loads(environment.stamp.read_text()) == {"runtime": "b", "test": "c"}
    assert list(environment.folder.iterdir()) == [environment.stamp]
