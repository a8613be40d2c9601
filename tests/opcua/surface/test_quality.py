"""Placeholders that are identified, and holds on all that was at a station, by method."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from tests.opcua.surface.hearing import hearing
from tests.opcua.surface.plant import Plant, outputs, read, request_id, shows
from tests.support.waiting import eventually
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Abort, Complete, Master, Start
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q, QUALITY = "Traceability.Queries", "Traceability.Quality"
SERVER = ua_id(ObjectIds.Server)
S = TraceStatus
V = ua.VariantType


async def test_what_nobody_registered_is_identified_later(plant: Plant, client: Client) -> None:
    await plant.book(Master(kind="station", key="OP30", data={"unknown_items": "placeholder"}))
    text = f"LATE{next(plant.numbers)}"
    started = await outputs(client, "St/OP30", "StartItem", request_id(), text, "", "")
    assert started[2] == S.Ok, started
    placeholder = f"sn:?:{text}"
    await shows(client, "St/OP30.CurrentItem.ItemId", placeholder)
    assert (await outputs(client, Q, "GetItem", placeholder))[2] == S.Ok
    pump = await plant.unit()
    asked = (request_id(), placeholder, pump)
    async with hearing(client, SERVER, "TraceAssociationEventType") as heard:
        for replayed in (S.Ok, S.OkReplayed):
            merged = await outputs(client, QUALITY, "MergePlaceholder", *asked)
            assert merged[2] == replayed, merged
        await eventually(lambda: heard)
    (identified,) = heard
    assert (identified["ItemId"], identified["ReplacedItemId"]) == (pump, placeholder)
    assert identified["Message"].Text == f"{text} is {pump[8:]}"
    await plant.book(Master(kind="station", key="OP30", data={"unknown_items": "reject"}))
    await plant.book(Abort(station="OP30", item=text, reason="end of the test"))
    for given, status in (
        ((pump, placeholder), S.MalformedRequest),
        ((placeholder, "nobody"), S.UnknownItem),
    ):
        answer = await outputs(client, QUALITY, "MergePlaceholder", request_id(), *given)
        assert answer[2] == status, answer


async def test_all_that_was_at_a_station_is_held(plant: Plant, client: Client) -> None:
    before, pump = await plant.unit(), await plant.unit()
    await _operated(plant, before)
    await asyncio.sleep(0.005)
    since = datetime.now(UTC)
    await _operated(plant, pump)
    asked = (request_id(), "OP40", ua.Variant(since, V.DateTime), ua.Variant(), "torque")
    async with hearing(client, SERVER, "TraceDispositionEventType") as heard:
        hold, text, status = await outputs(client, QUALITY, "PlaceWindowHold", *asked)
        assert (text, status) == ("", S.Ok)
        again = await outputs(client, QUALITY, "PlaceWindowHold", *asked)
        assert again == [hold, "", S.OkReplayed]
        await eventually(lambda: heard)
    (held,) = heard
    assert (held["HoldId"], held["ItemId"], held["ReasonCode"]) == (hold, "", "torque")
    assert await read(client, f"Item/{pump}#OnHold") is True
    assert await read(client, f"Item/{before}#OnHold") is False
    refused = await outputs(client, "St/OP10", "CheckItem", "", pump)
    assert refused[3] == S.ItemOnHold
    released = await outputs(client, QUALITY, "ReleaseHold", request_id(), hold, "fine")
    assert released[2] == S.Ok
    await shows(client, f"Item/{pump}#OnHold", False)
    backward = (ua.Variant(since, V.DateTime), ua.Variant(since - timedelta(1), V.DateTime))
    wrong = (request_id(), "OP40", *backward, "torque")
    assert (await outputs(client, QUALITY, "PlaceWindowHold", *wrong))[2] == S.MalformedRequest


async def _operated(plant: Plant, item: str) -> None:
    await plant.book(Start(station="OP40", item=item))
    await plant.book(Complete(station="OP40", item=item, evaluation=Evaluation.OK))
