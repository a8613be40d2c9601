"""The locks and the project file say the same, whole and hashed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run
from tests.support.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted(path.stem for path in (ROOT / "locks").glob("*.lock"))


@dataclass(frozen=True)
class Pin:
    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def applies_here(self) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def pins(lock: str) -> list[Pin]:
    text = (ROOT / "locks" / f"{lock}.lock").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [
        Pin(Requirement(line.split("--hash")[0]), tuple(re.findall(r"--hash=(\S+)", line)))
        for line in lines
    ]


def declared(lock: str) -> Iterator[Requirement]:
    """What the project file asks of this lock, included groups too."""
    groups = PROJECT["dependency-groups"]
    entries = PROJECT["project"]["dependencies"] if lock == "runtime" else list(groups[lock])
    for entry in entries:
        if isinstance(entry, dict):
            yield from declared(entry["include-group"])
        else:
            yield Requirement(entry)


def test_every_layer_and_every_group_has_its_lock() -> None:
    installed = [name for names in run.LAYERS.values() for name in names]
    assert sorted(installed) == LOCKS
    assert sorted(["runtime", *PROJECT["dependency-groups"]]) == LOCKS


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_dependency_is_locked_within_its_bounds(lock: str) -> None:
    locked = pins(lock)
    for requirement in declared(lock):
        found = [pin for pin in locked if pin.name == canonicalize_name(requirement.name)]
        assert found, f"{requirement} is not in {lock}.lock"
        for pin in found:
            assert requirement.specifier.contains(pin.version), f"{requirement}: {pin.requirement}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    for pin in pins(lock):
        assert re.fullmatch(r"==[^,*]+", str(pin.requirement.specifier)), pin.requirement
        assert pin.hashes, pin.requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in pin.hashes)


def test_no_two_locks_disagree() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for pin in pins(lock):
            if pin.applies_here:
                versions.setdefault(pin.name, set()).add(pin.version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
