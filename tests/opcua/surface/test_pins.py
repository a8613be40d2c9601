"""Items that are listed whatever their state, and answers that are too long for one call."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, master_data, outputs, running, site
from tracenode.models.errors import MalformedRequest
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Start
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.methods import saying
from tracenode.server.opcua.surface.methods.saying import MAX_TEXT, KeptTexts
from tracenode.server.store.state.pins import MAX_PINS, pin
from tracenode.server.store.writing.journal import now

ITEMS = "Traceability.Items"
Q = "Traceability.Queries"


async def listed(client: Client) -> list[str]:
    children = await client.get_node(site(ITEMS)).get_children_descriptions()
    return [str(child.BrowseName.Name) for child in children if child.BrowseName.Name[:3] == "sn:"]


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_a_pinned_item_stays_listed(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await master_data(plant.trace)
        pinned, busy = await plant.unit(), await plant.unit()
        await plant.book(Start(station="OP20", item=busy))
        assert await listed(client) == [busy]
        assert await outputs(client, ITEMS, "PinItem", pinned) == ["", 0]
        assert await outputs(client, ITEMS, "PinItem", pinned) == ["", 0]
        assert await listed(client) == [pinned, busy]
        refused = await outputs(client, ITEMS, "PinItem", "nobody")
        assert refused[1] == TraceStatus.UnknownItem
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await plant.book(Complete(station="OP20", item=busy, evaluation=Evaluation.OK))
        assert await listed(client) == [pinned]
        assert await outputs(client, ITEMS, "UnpinItem", pinned) == ["", 0]
        assert await listed(client) == []


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_only_so_many_are_pinned(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    state = plant.trace.store.state
    for number in range(MAX_PINS):
        await state.write(partial(pin, item=f"sn:X:{number}", now=now()))
    text, status = await outputs(client, ITEMS, "PinItem", item)
    assert status == TraceStatus.MalformedRequest and str(MAX_PINS) in text


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_a_long_answer_comes_in_pages(
    plant: Plant, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = await plant.unit()
    asked = json.dumps({"ItemId": item, "AsKnownAt": plant.trace.head.seq})
    whole, *_ = await outputs(client, Q, "QueryJson", "GetHistory", asked)
    monkeypatch.setattr(saying, "MAX_TEXT", 50)
    said, *_ = await outputs(client, Q, "QueryJson", "GetHistory", asked)
    page = json.loads(said)
    assert page["Truncated"] and page["Total"] == len(whole)
    text = page["Text"]
    while page["Truncated"]:
        more = json.dumps({"ResultId": page["ResultId"], "Offset": page["NextOffset"]})
        said, *_ = await outputs(client, Q, "QueryJson", "FetchPage", more)
        page = json.loads(said)
        text += page["Text"]
    assert text == whole


@pytest.mark.parametrize("given", ["[]", "{", '{"Offset": -1}', '{"Page": 1}', '{"ResultId": "x"}'])
@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_that_is_not_there_is_refused_as_json(client: Client, given: str) -> None:
    said, text, status = await outputs(client, Q, "QueryJson", "FetchPage", given)
    fault = json.loads(said)["error"]
    assert (status, fault["status"]) == (TraceStatus.MalformedRequest,) * 2
    assert fault["message"] == text


def test_kept_texts_are_bounded_and_forgotten() -> None:
    moment = [0.0]
    kept = KeptTexts(lambda: moment[0])
    first = kept.keep("a" * (MAX_TEXT + 1))
    assert kept.page(first, MAX_TEXT)["Text"] == "a"
    assert not kept.page(first, MAX_TEXT)["Truncated"]
    for _ in range(saying.MAX_KEPT // (MAX_TEXT + 1) + 1):
        kept.keep("b" * (MAX_TEXT + 1))
    with pytest.raises(MalformedRequest, match="ask again"):
        kept.page(first, 0)
    last = kept.keep("c")
    moment[0] = saying.KEPT_S + 1
    with pytest.raises(MalformedRequest, match="ask again"):
        kept.page(last, 0)
    with pytest.raises(MalformedRequest, match="ask for less"):
        kept.keep("d" * (saying.MAX_KEPT + 1))
