"""Every mark of the conformance page names tests, and the tests are there."""

from __future__ import annotations

import re

from tests.docs.pages import page
from tests.opcua.conformance.facets import BEGINS, ENDS, UNITS, marks
from tests.opcua.conformance.probes import PROBES
from tests.support.project import ROOT
from tracenode.server.opcua.capabilities import PROFILES
from tracenode.server.opcua.connections.services import SERVICES, request_type

PAGE = "docs/conformance.md"


def rows() -> list[list[str]]:
    """Return the cells of the rows that have a mark and a column for tests."""
    text = page(PAGE)
    asked = text[text.index(BEGINS) : text.index(ENDS)]  # those name probes
    found = [
        [cell.strip() for cell in line.strip("|").split(" |")]
        for line in text.replace(asked, "").splitlines()
        if line.startswith("| ")
    ]
    return [cells for cells in found if len(cells) == 4 and cells[1] in {"yes", "part", "no"}]


def test_each_named_test_exists() -> None:
    there = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page(PAGE)))
    assert len(named) > 50
    assert [one for one in named if f"def {one}(" not in there] == []


def test_what_is_said_to_be_there_is_shown() -> None:
    assert [cells[0] for cells in rows() if cells[1] != "no" and "`test_" not in cells[3]] == []


def test_each_service_that_is_answered_has_a_row() -> None:
    told = {word: cells[1] for cells in rows() for word in re.split(r", ", cells[0])}
    offered = {name for name in told if name.isidentifier() and _is_offered(name)}
    answered = {request_type(name) for name in offered}
    assert set(SERVICES) <= answered
    assert {name for name in offered if told[name] == "no"} <= {"HistoryRead"}


def _is_offered(name: str) -> bool:
    try:
        return request_type(name) in SERVICES
    except AttributeError:
        return False


def test_each_probe_has_a_row_and_each_profile_its_probes() -> None:
    """What the marks are is held by tests/opcua/conformance, which asks both servers."""
    text = page(PAGE)
    scripts = (ROOT / "tests" / "node" / "conformance").glob("*.js")
    by_node = {
        f"`{name}` (node-opcua)"
        for path in scripts
        for name in re.findall(r'^    \["(\w+)", ', path.read_text("utf-8"), re.MULTILINE)
    }
    told = marks(text)
    assert len(by_node) > 80
    assert set(told) == by_node | {f"`{name}` (asyncua)" for name in PROBES}
    good = {probe.split("`")[1] for probe, (mine, _) in told.items() if mine == "yes"}
    assert {one for units in UNITS.values() for probes in units.values() for one in probes} <= good
    assert [profile.rpartition("/")[2] for profile in PROFILES] == list(UNITS)
