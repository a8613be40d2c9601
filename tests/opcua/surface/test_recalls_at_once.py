"""Many recalls at once: each is answered or refused, none is forgotten, and others go on."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.genealogy.chain import chain_at
from tests.opcua.surface.plant import call, running
from tracenode.server import trace as rooms
from tracenode.server.opcua.surface import bindings
from tracenode.server.opcua.surface.methods import queries

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="function")]

RECALLS = 8
LENGTH = 600


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, it is the length of the queue that refuses."""
    monkeypatch.setattr(rooms, "PATIENCE_S", 300.0)
    monkeypatch.setattr(bindings, "QUERY_TIME", 400.0)
    monkeypatch.setattr(queries, "QUESTION_TIME", 60.0)


async def recalled(client: Client) -> ua.CallMethodResult:
    many = ua.Variant(LENGTH, ua.VariantType.UInt32)
    asked = ("P", ua.Variant(), ua.Variant(0, ua.VariantType.UInt64), many)
    return await call(client, "Traceability.Queries", "RecallScope", *asked)


async def calls_until(recalls: asyncio.Future[list[ua.CallMethodResult]], client: Client) -> int:
    """Read one item again and again until the recalls are done; return how often it came."""
    count = 0
    while not recalls.done():
        result = await call(client, "Traceability.Queries", "GetItem", "Q")
        assert result.StatusCode.is_good()
        count += 1
    return count


async def asked_at_once(path: Path) -> tuple[list[ua.CallMethodResult], int]:
    async with running(chain_at(path, LENGTH, site="Test")) as plant, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(plant.server.endpoint, timeout=300))
            for _ in range(RECALLS + 1)
        ]
        other = clients.pop()
        recalls = asyncio.gather(*map(recalled, clients))
        count = await calls_until(recalls, other)
        return await recalls, count


async def test_eight_recalls_at_once_are_all_answered(tmp_path: Path) -> None:
    results, others = await asked_at_once(tmp_path / "t.db")
    assert [result.StatusCode.value for result in results] == [StatusCodes.Good] * RECALLS
    assert [result.OutputArguments[4].Value for result in results] == [LENGTH] * RECALLS
    assert others > RECALLS


async def test_what_would_wait_too_long_is_refused_and_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "QUEUE", 2)
    results, others = await asked_at_once(tmp_path / "t.db")
    codes = [result.StatusCode.value for result in results]
    assert set(codes) == {StatusCodes.Good, StatusCodes.BadTooManyOperations}
    assert codes.count(StatusCodes.Good) >= 4
    assert others > RECALLS
