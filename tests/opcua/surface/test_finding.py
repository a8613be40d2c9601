"""Items found by method: by parts of their number, their order, lot, station, state and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.plant import Plant, call, outputs
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Consume, Master, Register, Start
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q = "Traceability.Queries"
V = ua.VariantType
NEVER = ua.Variant()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lot(plant: Plant) -> str:
    """The lot of which FIND-0, -2, -4 are made, of FIND-0 to -4, all for order 815; those are
    registered, and FIND-0 was completed at OP30."""
    await plant.book(Master(kind="order", key="815", data={"material": "PUMP"}))
    lot = await plant.lot()
    for number in range(5):
        item = f"FIND-{number}"
        await plant.book(Register(item=item, material="PUMP", order="815"))
        if number % 2 == 0:
            await plant.book(Consume(station="OP10", item=item, lot=lot))
    await plant.book(Start(station="OP30", item="FIND-0"))
    await plant.book(Complete(station="OP30", item="FIND-0", evaluation=Evaluation.OK))
    return lot


async def find(client: Client, *given: Any, known: int = 0, offset: int = 0, most: int = 0) -> Any:
    """`given`: the arguments from Text on; the rest are as if not given."""
    blank = ("", "", "", "", "", -1, NEVER, NEVER)
    asked = (*given, *blank[len(given) :])
    numbers = (ua.Variant(known, V.UInt64), ua.Variant(offset, V.UInt32))
    return await outputs(client, Q, "FindItems", *asked, *numbers, ua.Variant(most, V.UInt32))


def numbers(items: list[Any]) -> list[str]:
    return [item.SerialNumber for item in items]


async def test_items_are_found_by_a_part_of_their_number(client: Client, lot: str) -> None:
    items, total, truncated, known, text, status = await find(client, "find-")
    assert numbers(items) == [f"FIND-{number}" for number in range(5)]
    assert (total, truncated, text, status) == (5, False, "", TraceStatus.Ok)
    assert known > 0
    assert {item.OrderId for item in items} == {"815"}
    assert [item.State for item in items] == [2, 0, 0, 0, 0]


async def test_items_are_found_by_what_they_are_and_where_they_were(
    client: Client, lot: str
) -> None:
    items, *_ = await find(client, "", "PUMP", lot, "815")
    assert numbers(items) == ["FIND-0", "FIND-2", "FIND-4"]
    items, *_ = await find(client, "FIND", "", "", "", "OP30")
    assert numbers(items) == ["FIND-0"]
    items, *_ = await find(client, "FIND", "", "", "", "", 0)
    assert numbers(items) == ["FIND-1", "FIND-2", "FIND-3", "FIND-4"]
    soon = ua.Variant(datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1), V.DateTime)
    items, total, *_ = await find(client, "FIND", "", "", "", "", -1, soon)
    assert (items, total) == ([], 0)


async def test_pages_stay_as_they_were_when_the_first_was_given(
    plant: Plant, client: Client, lot: str
) -> None:
    first, total, truncated, known, *_ = await find(client, "FIND-", most=2)
    assert (numbers(first), total, truncated) == (["FIND-0", "FIND-1"], 5, True)
    await plant.book(Register(item="FIND-00", material="PUMP"))
    rest, total, truncated, *_ = await find(client, "FIND-", known=known, offset=2)
    assert (numbers(rest), total, truncated) == (["FIND-2", "FIND-3", "FIND-4"], 5, False)


async def test_no_page_is_longer_than_the_limit(plant: Plant, client: Client, lot: str) -> None:
    for number in range(210):
        await plant.book(Register(item=f"MANY-{number:03}", material="ROTOR"))
    items, total, truncated, *_ = await find(client, "MANY-", most=1_000)
    assert (len(items), total, truncated) == (200, 210, True)


async def test_what_can_not_be_meant_is_refused(client: Client, lot: str) -> None:
    *_, text, status = await find(client, "", "", "nobody")
    assert status == TraceStatus.UnknownItem
    assert "nobody" in text
    *_, status = await find(client, "", "", "", "", "", 3)
    assert status == TraceStatus.MalformedRequest
    arguments = ("", "", "", "", "", 7, NEVER, NEVER)
    last = (ua.Variant(0, V.UInt64), ua.Variant(0, V.UInt32), ua.Variant(0, V.UInt32))
    result = await call(client, Q, "FindItems", *arguments, *last)
    assert result.StatusCode.value == StatusCodes.BadInvalidArgument
