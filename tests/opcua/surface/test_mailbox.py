"""The mailbox of variables: requests by Write alone, booked once, answered last with the number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.plant import Plant, master_data, running, site
from tests.support.waiting import eventually
from tracenode.drivers.mailbox.layout import Code, Result
from tracenode.models.config import parse_config
from tracenode.models.errors import JournalDown
from tracenode.models.events import Gap, Reject
from tracenode.models.receipts import Receipt, Record
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface import mailbox as room
from tracenode.server.trace import Trace

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

V = ua.VariantType
BOX = "St/OP10.Mailbox"
KINDS: dict[str, ua.VariantType] = {
    "BootId": V.UInt16,
    "RequestCode": V.UInt16,
    "Evaluation": V.Int32,
    "ProcessStep": V.UInt16,
    "RecipeNumber": V.UInt16,
    "CycleCounter": V.UInt16,
    "EventTime": V.DateTime,
    "Quantity": V.Double,
    "MeasurementCount": V.UInt16,
    "MeasurementValues": V.Double,
    "MeasurementEvaluations": V.Int32,
    "RequestSequence": V.UInt16,
}
ANSWER = (
    *("Result", "Status", "StatusText", "NextStep", "Recipe", "AssignedId", "EventSequence"),
    *("TransactionId", "ServerEpoch", "BootIdEcho", "ResponseSequence"),
)


class Controller:
    """A client that knows Read and Write."""

    def __init__(self, client: Client, box: str) -> None:
        self.client, self.box = client, box

    async def write(self, **values: Any) -> list[int]:
        params = ua.WriteParameters()
        for name, value in values.items():
            kind = KINDS.get(name, V.String)
            write = ua.WriteValue()
            write.NodeId, write.AttributeId = site(f"{self.box}.{name}"), AttributeIds.Value
            write.Value = ua.DataValue(ua.Variant(value, kind, is_array=isinstance(value, list)))
            params.NodesToWrite.append(write)
        return [code.value for code in await self.client.uaclient.write(params)]

    async def answer(self) -> dict[str, Any]:
        nodes = [self.client.get_node(site(f"{self.box}.{name}")) for name in ANSWER]
        values = await self.client.read_values(nodes)
        return dict(zip(ANSWER, values, strict=True))

    async def ask(self, number: int, code: int, **values: Any) -> dict[str, Any]:
        """Write a request in one call, its number last, and wait for the answer."""
        written = await self.write(RequestCode=int(code), **values, RequestSequence=number)
        assert not any(written), written
        return await self.answered(number)

    async def answered(self, number: int, boot: int | None = None) -> dict[str, Any]:
        async def there() -> dict[str, Any] | None:
            answer = await self.answer()
            fits = boot is None or answer["BootIdEcho"] == boot
            return answer if answer["ResponseSequence"] == number and fits else None

        condition: Callable[[], dict[str, Any] | Awaitable[dict[str, Any] | None] | None] = there
        found = await eventually(condition)
        assert found is not None
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fresh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    """A plant with a station, and so a mailbox, for each test."""
    text = '[site]\nid = "Test"\n' + "".join(
        f'[[stations]]\nid = "M{number}"\npath = "A"\n' for number in range(40)
    )
    database = tmp_path_factory.mktemp("mailbox") / "plant.db"
    async with running(database, parse_config(text, "test")) as plant:
        await master_data(plant.trace)
        yield plant


@pytest_asyncio.fixture(loop_scope="session")
async def plc(fresh: Plant) -> AsyncIterator[Controller]:
    async with Client(fresh.server.endpoint) as client:
        yield Controller(client, f"St/M{next(fresh.numbers)}.Mailbox")


async def published(trace: Trace, plc: Controller) -> list[Record]:
    """Return what was recorded at the station of a mailbox."""
    station = plc.box.partition(".")[0].removeprefix("St/")
    return [r for r in await trace.records(1, 10_000) if r.event.station == station]


async def test_a_cycle_is_booked_by_writing_variables(fresh: Plant, plc: Controller) -> None:
    made = await plc.ask(1, Code.RegisterItem, Id1="PUMP", Id3="P1", BootId=7)
    assert (made["Result"], made["Status"], made["BootIdEcho"]) == (Result.Go, 0, 7)
    assert made["AssignedId"] == "sn:PUMP:P1"
    assert made["EventSequence"] == fresh.trace.head.sequence
    assert made["TransactionId"] == fresh.trace.head.seq
    await plc.ask(2, Code.CheckIn, Id1="P1", Id2="left over", OperatorId="Kim")
    at = datetime.now(UTC)
    done = await plc.ask(
        3,
        Code.CompleteItem,
        Evaluation=2,
        ReasonCode="LEAK",
        EventTime=at,
        MeasurementCount=2,
        MeasurementNames=["Torque", "Angle"] + [""] * 38,
        MeasurementValues=[4.5, 87.5] + [0.0] * 38,
        MeasurementEvaluations=[1, 2] + [0] * 38,
    )
    assert done["Result"] == Result.Go
    record = (await published(fresh.trace, plc))[-1]
    said = record.event
    assert said.type == "complete" and record.at == at
    assert (said.item, said.evaluation, said.failure_code) == ("sn:PUMP:P1", 2, "LEAK")
    assert [(m.name, m.value, m.evaluation) for m in said.measurements] == [
        ("Torque", 4.5, 1),
        ("Angle", 87.5, 2),
    ]
    assert said.operator == "Kim"
    assert record.requester == f"mailbox:{said.station}/variables"


async def test_a_refusal_says_what_to_do(plc: Controller) -> None:
    stop = await plc.ask(1, Code.CheckIn, Id1="nobody", BootId=1)
    assert (stop["Result"], stop["Status"]) == (Result.Stop, TraceStatus.UnknownItem)
    assert "nobody" in stop["StatusText"] and stop["EventSequence"] == 0
    wrong = await plc.ask(2, 99)
    assert (wrong["Result"], wrong["Status"]) == (Result.Rejected, TraceStatus.MalformedRequest)
    assert "99" in wrong["StatusText"]


async def test_a_lot_is_mounted_on_a_slot_and_comes_off(fresh: Plant, plc: Controller) -> None:
    lot = await fresh.lot()
    amount = {"Quantity": 12.5, "UnitOfMeasure": "H87"}
    loaded = await plc.ask(1, Code.LoadMaterial, Id2=lot, Position="F1", BootId=1, **amount)
    assert (loaded["Result"], loaded["AssignedId"]) == (Result.Go, lot)
    shown = plc.client.get_node(site(plc.box.replace("Mailbox", "Slots.F1.LotId")))

    async def mounted() -> bool:
        held = await shown.read_data_value(raise_on_bad_status=False)
        return held.Value is not None and held.Value.Value == lot

    condition: Callable[[], Awaitable[bool] | bool] = mounted
    await eventually(condition)
    off = await plc.ask(2, Code.UnloadMaterial, Id2="", Quantity=4.0)
    assert (off["Result"], off["AssignedId"]) == (Result.Go, lot)
    empty = await plc.ask(3, Code.UnloadMaterial, Quantity=0.0, UnitOfMeasure="")
    assert (empty["Result"], empty["Status"]) == (Result.Stop, TraceStatus.MaterialEmpty)
    load, unload = [r.event for r in await published(fresh.trace, plc) if r.refusal is None]
    assert load.type == "load" and unload.type == "unload"
    assert (load.slot, str(load.quantity)) == ("F1", "12.5 H87")
    assert (unload.slot, str(unload.remaining)) == ("F1", "4 H87")


@pytest.mark.parametrize(
    ("code", "values", "fault"),
    [
        (Code.LoadMaterial, {"Id2": "L1"}, "position"),
        (Code.CompleteItem, {"Id1": "P1", "Evaluation": 7}, "7"),
        (Code.ConsumeMaterial, {"Quantity": 2.0}, "UnitOfMeasure"),
        (Code.ConsumeMaterial, {"Quantity": float("nan"), "UnitOfMeasure": "KGM"}, "nan"),
        (Code.RecordMeasurements, {"MeasurementCount": 41}, "41"),
        (Code.RecordMeasurements, {"MeasurementCount": 1}, "name"),
        (Code.AbortItem, {"Id1": "P1", "ReasonCode": "x" * 255}, "254"),
    ],
)
async def test_what_cannot_be_read_is_recorded_and_rejected(
    fresh: Plant, plc: Controller, code: Code, values: dict[str, Any], fault: str
) -> None:
    answer = await plc.ask(1, code, BootId=1, **values)
    assert (answer["Result"], answer["EventSequence"]) == (Result.Rejected, 0)
    assert fault in answer["StatusText"]
    record = (await published(fresh.trace, plc))[-1]
    assert isinstance(record.event, Reject)
    assert b'"RequestCode"' in bytes.fromhex(record.event.raw)


async def test_a_request_counts_once(fresh: Plant, plc: Controller) -> None:
    first = await plc.ask(1, Code.RegisterItem, Id1="PUMP", Id3="Q1", BootId=7)
    head = fresh.trace.head.sequence
    again = await plc.ask(1, Code.RegisterItem, Id1="PUMP", Id3="Q1")
    assert again == first
    assert fresh.trace.head.sequence == head
    conflict = await plc.ask(1, Code.RegisterItem, Id1="PUMP", Id3="Q2")
    assert (conflict["Result"], conflict["Status"]) == (
        Result.Rejected,
        TraceStatus.RequestConflict,
    )
    assert fresh.trace.head.sequence == head


async def test_sequences_that_jump_or_run_backwards(fresh: Plant, plc: Controller) -> None:
    await plc.ask(5, Code.RegisterItem, Id1="PUMP", Id3="R1", BootId=7)
    stale = await plc.ask(4, Code.RegisterItem, Id3="R2")
    assert (stale["Result"], stale["Status"]) == (Result.Rejected, TraceStatus.MalformedRequest)
    assert "backwards" in stale["StatusText"]
    assert (await plc.ask(8, Code.RegisterItem, Id3="R3"))["Result"] == Result.Go
    gaps = [r.event for r in await published(fresh.trace, plc) if isinstance(r.event, Gap)]
    assert [(gap.missing, gap.expected, gap.found) for gap in gaps] == [(2, 6, 8)]
    other_boot = await plc.ask(1, Code.RegisterItem, Id3="R4", BootId=8)
    assert other_boot["Result"] == Result.Go


async def test_a_cycle_begun_anew_is_found_by_its_cycle_counter(
    fresh: Plant, plc: Controller
) -> None:
    given = {"Id1": "PUMP", "Id3": "S1", "CycleCounter": 12}
    first = await plc.ask(1, Code.RegisterItem, BootId=7, **given)
    head = fresh.trace.head.sequence
    again = await plc.ask(1, Code.RegisterItem, BootId=8, **given)
    assert (again["Result"], again["AssignedId"]) == (Result.Go, first["AssignedId"])
    assert fresh.trace.head.sequence == head


async def test_a_restarted_server_answers_what_is_written_again(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await master_data(plant.trace)
        first = await Controller(client, BOX).ask(
            9, Code.RegisterItem, Id1="PUMP", Id3="P1", BootId=7
        )
        head = plant.trace.head.sequence
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        plc = Controller(client, BOX)
        empty = await plc.answer()
        assert (empty["ResponseSequence"], empty["AssignedId"]) == (0, "")
        again = await plc.ask(9, Code.RegisterItem, Id1="PUMP", Id3="P1", BootId=7)
        assert {**again, "ServerEpoch": 0} == {**first, "ServerEpoch": 0}
        assert plant.trace.head.sequence == head
        gap = await plc.ask(10, Code.RegisterItem, Id3="P2")
        assert gap["Result"] == Result.Go
        assert plant.trace.head.sequence == head + 1


async def test_a_journal_that_is_down_is_busy(
    fresh: Plant, plc: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails as the writer says it does; the request stands until it works again."""
    book, down = Trace.record, True

    async def failing(self: Trace, *args: Any, **options: Any) -> Receipt:
        if down:
            raise JournalDown("the journal can't be written: disk full")
        return await book(self, *args, **options)

    monkeypatch.setattr(Trace, "record", failing)
    await plc.write(
        RequestCode=int(Code.RegisterItem), Id1="PUMP", Id3="T1", BootId=7, RequestSequence=1
    )

    async def busy() -> bool:
        answer = await plc.answer()
        return bool(answer["Result"] == Result.Busy and answer["ResponseSequence"] == 0)

    condition: Callable[[], bool | Awaitable[bool]] = busy
    await eventually(condition)
    assert "disk full" in (await plc.answer())["StatusText"]
    down = False
    assert (await plc.answered(1))["Result"] == Result.Go


async def test_only_the_request_can_be_written(plc: Controller) -> None:
    codes = await plc.write(**dict.fromkeys(["StatusText", "AssignedId"], "x"))
    assert set(codes) == {int(StatusCodes.BadNotWritable)}
    assert await plc.write(Id1="P1", RequestCode=1) == [0, 0]


async def test_the_first_who_writes_owns_the_mailbox(fresh: Plant, plc: Controller) -> None:
    busy = int(StatusCodes.BadInvalidState)
    async with Client(fresh.server.endpoint) as client:
        other = Controller(client, plc.box)
        assert await plc.write(BootId=7, Id1="PUMP", Id3="U1") == [0, 0, 0]
        assert await other.write(Id3="X9", RequestSequence=1) == [busy, busy]
        await plc.ask(1, Code.RegisterItem)
        assert await other.write(Id3="X9") == [busy]
        assert await plc.write(RequestSequence=0) == [0]
        # What the owner before left is no part of the next one's request.
        answer = await other.ask(1, Code.RegisterItem, Id3="X9", BootId=3)
        assert answer["Result"] in (Result.Stop, Result.Rejected)
        assert (await other.ask(2, Code.RegisterItem, Id1="PUMP"))["AssignedId"] == "sn:PUMP:X9"
        assert await plc.write(Id3="U2") == [busy]
    # It is free when its owner's session ends, whatever it wrote last.
    assert (await plc.ask(1, Code.RegisterItem, Id1="PUMP", Id3="U2", BootId=8))["Result"] == 1


async def test_a_mailbox_that_is_left_alone_is_free_after_a_while(
    fresh: Plant, plc: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plc.write(Id1="PUMP")
    async with Client(fresh.server.endpoint) as client:
        assert await Controller(client, plc.box).write(Id1="X") == [
            int(StatusCodes.BadInvalidState)
        ]
        monkeypatch.setattr(room, "LEASE_S", 0.0)
        assert await Controller(client, plc.box).write(Id1="X") == [0]
        monkeypatch.undo()
        assert await plc.write(Id1="Y") == [int(StatusCodes.BadInvalidState)]


async def test_stations_may_go_without(tmp_path: Path) -> None:
    text = """
    [site]
    id = "Test"
    [[stations]]
    id = "OP10"
    path = "A"
    variable_mailbox = false
    """
    config = parse_config(text, "test")
    async with running(tmp_path / "p.db", config) as plant, Client(plant.server.endpoint) as client:
        station = await client.get_node(site("St/OP10")).get_children_descriptions()
        names = {child.BrowseName.Name for child in station}
        assert "Mailbox" not in names and "CurrentItem" in names
