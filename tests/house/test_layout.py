"""What the layout of ARCHITECTURE promises, read from the files."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ROOT, SOURCE_ROOTS, tracked_files

LONGEST = 400
"""Lines of a Python file; past that it is more than one concept."""

# Spelt in parts, so that this file is not its own first finding.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}])/(?:wo" r"rk|ro" r"ot|home/\w+|Users/\w+)/|/tmp/bash" r"_jobs"
)
REGISTRY_HOSTS = re.compile(
    r"pypi\." r"org|pythonhosted\." r"org|registry\.npm" r"js|deb\.deb" r"ian|index" r"-url"
)
ADR_SECTIONS = ["Context", "Decision", "Consequences", "Measured by"]


def test_no_source_root_hides_the_others() -> None:
    hiding = [root / "tracenode" / "__init__.py" for root in SOURCE_ROOTS]
    assert [path for path in hiding if path.exists()] == []


def test_all_three_rooms_come_from_this_checkout() -> None:
    import tracenode.drivers
    import tracenode.models
    import tracenode.server

    rooms = (tracenode.models, tracenode.drivers, tracenode.server)
    found = [Path(str(room.__file__)).parents[2] for room in rooms]
    assert found == list(SOURCE_ROOTS)


def test_no_python_file_is_too_long() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {str(path): n for path, n in lengths.items() if n > LONGEST} == {}


@pytest.mark.parametrize("package", ["store", "genealogy", "answering", "opcua"])
def test_a_package_lists_every_room(package: str) -> None:
    base = ROOT / "server" / "tracenode" / "server" / package
    for folder in (base, *(room for room in base.iterdir() if (room / "__init__.py").exists())):
        listed = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
        inside = {path.stem for path in folder.iterdir() if path.suffix == ".py"}
        inside |= {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
        missing = [name for name in inside - {"__init__"} if f"`{name}`" not in listed]
        assert not missing, folder


def test_models_import_only_pydantic_and_the_standard_library() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "tracenode"}
    wrong = []
    for path in (ROOT / "models").rglob("*.py"):
        for module in imported_modules(path):
            room = ".".join(module.split(".")[:2])
            if module.split(".")[0] not in allowed or (
                room.startswith("tracenode") and room != "tracenode.models"
            ):
                wrong.append(f"{path.name}: {module}")
    assert wrong == []


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS])
def test_no_file_knows_the_machine_it_was_written_on(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_every_decision_record_has_its_sections_and_number() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:3]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        assert re.match(rf"# {path.name[:3]}\. \S", text), path.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ADR_SECTIONS, path.name


def test_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def python_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py"]


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case _:
                pass
