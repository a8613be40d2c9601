"""Subscriptions and parts of arrays as node-opcua sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from tests.opcua.core.sample import Sample
from tests.support.node import run_script

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(sample: Sample) -> dict[str, Any]:
    printed = await asyncio.to_thread(run_script, "services_client.js", sample.server.endpoint)
    answer = next(line for line in printed.splitlines() if line.startswith("{"))  # it warns too
    found: dict[str, Any] = json.loads(answer)
    return found


async def test_it_writes_and_reads_parts(seen: dict[str, Any]) -> None:
    assert seen["ranged"] == {"status": "Good", "whole": [1, 9, 3], "part": [9, 3]}


async def test_it_sees_which_value_overflowed(seen: dict[str, Any]) -> None:
    assert seen["overflow"] == [["b", True], ["c", False]]


async def test_its_triggered_item_reports(seen: dict[str, Any]) -> None:
    assert seen["trigger"] == {"before": 0, "last": [7, 7, 7]}


async def test_it_is_told_of_a_transfer(seen: dict[str, Any]) -> None:
    assert seen["transfer"] == {"status": "Good", "told": "GoodSubscriptionTransferred"}
