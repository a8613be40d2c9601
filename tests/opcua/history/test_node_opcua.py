"""The past as node-opcua reads it: a client that shares no code with the server."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.opcua.history.conftest import MANY, Past, at
from tests.support.node import run_script
from tracenode.models.items import ItemState

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

STATES = [
    (0, ItemState.Registered),
    (10, ItemState.InProcess),
    (20, ItemState.Completed),
    (30, ItemState.InProcess),
    (40, ItemState.Completed),
]


def zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def good(*values: tuple[float, Any]) -> list[list[Any]]:
    return [[zulu(at(minutes)), value, "Good"] for minutes, value in values]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(past: Past) -> dict[str, Any]:
    printed = await asyncio.to_thread(
        run_script,
        "history_client.js",
        past.plant.server.endpoint,
        f"ns=3;s=Item/{past.unit}",
        "ns=3;s=St/OP10",
        zulu(at(-1)),
        "2030-01-01T00:00:00.000Z",
    )
    found: dict[str, Any] = json.loads(
        next(line for line in printed.splitlines() if line.startswith("{"))
    )
    return found


async def test_node_opcua_reads_values_in_both_directions(seen: dict[str, Any]) -> None:
    assert seen["states"] == {"status": "Good", "more": False, "values": good(*STATES)}
    assert seen["backwards"] == {
        "status": "Good",
        "more": True,
        "values": good(*STATES[:2:-1]),
    }
    first, *between, last = seen["bounds"]["values"]
    assert (first[2], last[2]) == ("BadBoundNotFound", "BadBoundNotFound")
    assert between == good(*STATES)
    assert seen["current"]["values"][:2] == good((10, "sn:PUMP:H1"), (20, ""))


async def test_node_opcua_reads_what_was_voided(seen: dict[str, Any]) -> None:
    modified = seen["modified"]
    assert modified["values"] == good((50, "OP30"))
    assert modified["infos"] == [["Bob", "Delete"]]


async def test_node_opcua_reads_every_event_once(seen: dict[str, Any], past: Past) -> None:
    events = seen["events"]
    assert events["pages"] == 6
    assert seen["few"] >= MANY / 500
    records = await past.plant.trace.records(1, 100)
    ids = [record.record.replace("-", "") for record in records]
    told = [one[0] for one in events["found"] if one[2]][:100]
    assert told == ids
    sequences = [one[2] for one in events["found"] if one[2]]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > MANY


async def test_node_opcua_is_told_what_is_not_offered(seen: dict[str, Any]) -> None:
    assert seen["average"] == "BadAggregateNotSupported"
    assert seen["update"] == "BadServiceUnsupported"
