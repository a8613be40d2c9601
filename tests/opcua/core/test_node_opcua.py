"""The core as node-opcua sees it: a client that shares no code with the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from tests.opcua.core.sample import UNITS, Sample
from tests.support.node import run_script
from tracenode.models.status import TraceStatus

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(sample: Sample) -> dict[str, Any]:
    printed = await asyncio.to_thread(run_script, "core_client.js", sample.server.endpoint)
    answer = next(line for line in printed.splitlines() if line.startswith("{"))  # it warns too
    found: dict[str, Any] = json.loads(answer)
    return found


async def test_it_pages_through_all_units(seen: dict[str, Any]) -> None:
    assert seen["pages"] == {
        "count": UNITS // 1000,
        "units": UNITS,
        "distinct": UNITS,
        "last": "SN11999",
    }


async def test_it_finds_and_reads_a_virtual_variable(seen: dict[str, Any]) -> None:
    assert seen["path"] == ["ns=3;s=Item/SN11999#State"]
    assert seen["state"] == "Registered"


async def test_it_calls_by_instance_and_by_type(seen: dict[str, Any]) -> None:
    assert seen["declared"] == ["RequestId", "ItemId", "Reason", "Quantity", "Count", "Values"]
    for result in (seen["booked"], seen["byType"]):
        assert result["status"] == "Good"
        assert result["outputs"][1:] == [["A", "B", ""], "", 0]


async def test_it_gets_refusals_as_status_and_text(seen: dict[str, Any]) -> None:
    assert seen["held"]["status"] == "Good"
    assert seen["held"]["outputs"][3] == TraceStatus.ItemOnHold
    assert len(seen["held"]["outputs"][2]) == 254


async def test_it_is_told_which_argument_is_wrong(seen: dict[str, Any]) -> None:
    assert seen["mismatch"]["status"] == "BadInvalidArgument"
    good = ["Good"] * 4
    assert seen["mismatch"]["arguments"] == [*good, "BadTypeMismatch", "Good"]
    assert seen["few"]["status"] == "BadArgumentsMissing"


async def test_a_slow_call_does_not_delay_its_read(seen: dict[str, Any]) -> None:
    assert seen["slow"]["readBeforeAnswer"]
    assert seen["slow"]["readMs"] < 300


async def test_its_times_with_picoseconds_arrive_whole(seen: dict[str, Any]) -> None:
    assert seen["picoseconds"] == {
        "status": "Good",
        "time": "2026-01-02T03:04:05.678Z",
        "value": "SN9",
    }


async def test_it_hears_a_virtual_variable_change(seen: dict[str, Any]) -> None:
    assert seen["watched"] == ["Registered", "Completed"]


@pytest.mark.parametrize("place", ["fromStation", "fromServer"])
async def test_it_hears_events_with_all_fields(seen: dict[str, Any], place: str) -> None:
    assert seen[place] == {
        "id": "record-7",
        "source": "OP10",
        "time": "2026-01-02T03:04:05.000Z",
        "message": "SN1 completed OP10",
        "severity": 100,
        "sequence": 7,
        "item": "SN1",
        "evaluation": 1,
        "nonsense": None,
    }
