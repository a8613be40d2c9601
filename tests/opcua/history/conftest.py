"""A plant with a past: a unit, what was undone of it, and thousands of records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
import pytest_asyncio
from asyncua.client.client import Client

from tests.opcua.surface.plant import OFFICE, Plant, master_data, running
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Correct, Register, Start, TraceEvent, Void
from tracenode.models.receipts import Receipt

T0 = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
MANY = 5_200


def batched(events: Iterator[TraceEvent], size: int) -> Iterator[list[TraceEvent]]:
    while some := list(islice(events, size)):
        yield some


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


@dataclass
class Past:
    """The plant, a unit that was worked on from T0 on, and the records that undid something."""

    plant: Plant
    unit: str
    void: Receipt
    correction: Receipt
    before: int
    """Records before the many."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    database = tmp_path_factory.mktemp("history") / "plant.db"
    async with running(database) as plant:
        await master_data(plant.trace)
        yield await worked(plant)


async def worked(plant: Plant) -> Past:
    """Unit H1: OP10 from 10 to 20 (OK), OP20 from 30 to 40 (NotOK, then corrected to OK), OP30 from
    50, which was voided. Then MANY units are registered at OP40."""

    async def book(event: TraceEvent, user: str = "") -> Receipt:
        return await plant.book(event, replace(OFFICE, user=user))

    unit = (await book(Register(station="OP10", item="H1", material="PUMP", event_time=at(0)))).item
    await book(Start(station="OP10", item=unit, order="4711", event_time=at(10)))
    ok = Evaluation.OK
    await book(Complete(station="OP10", item=unit, evaluation=ok, event_time=at(20)))
    await book(Start(station="OP20", item=unit, event_time=at(30)))
    not_ok = Complete(station="OP20", item=unit, evaluation=Evaluation.NotOK, event_time=at(40))
    wrong = await book(not_ok)
    correction = await book(
        Correct(
            record=wrong.record,
            reason="misread",
            replacement=not_ok.model_copy(update={"evaluation": ok}),
        ),
        "Ada",
    )
    mistaken = await book(Start(station="OP30", item=unit, event_time=at(50)))
    void = await book(Void(record=mistaken.record, reason="mixed up"), "Bob")
    refused = await plant.trace.record(Start(station="OP10", item="NOBODY"), OFFICE)
    assert refused.refused
    before = plant.trace.head.sequence
    many = (
        Register(station="OP40", item=f"M{number:05}", material="ROTOR") for number in range(MANY)
    )
    for some in batched(many, 500):
        await asyncio.gather(*map(book, some))
    return Past(plant, unit, void, correction, before)


@pytest_asyncio.fixture(loop_scope="session")
async def client(past: Past) -> AsyncIterator[Client]:
    connected = Client(past.plant.server.endpoint, timeout=20)
    async with connected:
        await connected.load_data_type_definitions()
        yield connected
