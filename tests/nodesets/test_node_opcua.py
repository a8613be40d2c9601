"""node-opcua, an independent stack, loads the nodeset and makes objects and values of its types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.nodesets.parsed import NODESET, URI, Nodeset
from tests.support.node import run_script
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.integration

LOAD_TIME = 60.0
"""Seconds; it takes about three."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    printed = run_script("load_nodeset.js", str(NODESET), URI, within=LOAD_TIME)
    read: dict[str, Any] = json.loads(printed)
    return read


def test_every_node_is_loaded(found: dict[str, Any], nodeset: Nodeset) -> None:
    assert found["counts"] == nodeset.counts()


def test_every_data_type_is_known(found: dict[str, Any], nodeset: Nodeset) -> None:
    assert found["structures"].keys() | found["enumerations"].keys() == (
        nodeset.named("DataType").keys()
    )
    assert found["enumerations"]["TraceStatusEnum"] == {s.name: s.value for s in TraceStatus}


def test_every_structure_has_its_fields(found: dict[str, Any], nodeset: Nodeset) -> None:
    for name, fields in found["structures"].items():
        declared = [field.attrib["Name"] for field in nodeset.named("DataType")[name].fields]
        assert [field.lower() for field in fields] == [field.lower() for field in declared]


def test_a_station_gets_all_mandatory_members(found: dict[str, Any], nodeset: Nodeset) -> None:
    station = nodeset.named("ObjectType")["TraceStationType"]
    mandatory = {
        node.name
        for node in nodeset.children(station)
        if node.targets("HasModellingRule") == ["i=78"]
    }
    assert set(found["objects"]["TraceStationType"]) == mandatory


def test_an_event_has_own_and_inherited_fields(found: dict[str, Any]) -> None:
    fields = set(found["objects"]["TraceOperationEventType"])
    assert {"message", "eventSequence", "itemId", "evaluation", "failureCode"} <= fields
