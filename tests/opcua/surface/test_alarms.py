"""Alarms as a client hears and answers them: who is lost, lags or has expired, and the journal."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds as O
from asyncua.ua.status_codes import StatusCodes as S

from tests.opcua.security.guarded import guarded
from tests.opcua.surface.alarmed import Heard, acting, conditions, refresh
from tests.opcua.surface.plant import CONFIG, OFFICE, Plant, outputs, read, running, shows, site
from tests.support.node import run_script
from tests.support.waiting import eventually
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import parse_config
from tracenode.models.events import Load, Master, Receive, Unload
from tracenode.models.quantities import Quantity
from tracenode.models.readings import DeviceState
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.store.state.file import SCHEMA, VERSION, state_path

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SCANNER = site("Dev/Scanner_OP10.DeviceLost")
PRESS = site("Dev/Press_OP20.DeviceLost")
INTEGRITY = site("Traceability.Log.JournalIntegrity")
DISK = site("Traceability.Diagnostics.DiskSpace")


def is_in(plant: Plant, state: DeviceState, error: str = "", device: str = "Scanner_OP10") -> None:
    plant.surface.device_state(DeviceStatus(device, state, datetime.now(UTC), error))


async def lost(plant: Plant, heard: Heard, error: str = "cable") -> dict[str, Any]:
    is_in(plant, DeviceState.BackOff, error)
    return await heard.until(SCANNER, lambda event: event["ActiveState/Id"])


async def test_a_lost_device_is_acknowledged_and_confirmed(plant: Plant, client: Client) -> None:
    async with conditions(client) as heard:
        event = await lost(plant, heard, "no route")
        assert event["ConditionName"] == "DeviceLost" and event["SourceName"] == "Scanner_OP10"
        assert event["SourceNode"] == site("Dev/Scanner_OP10")
        assert event["EventType"] == ua_id(O.OffNormalAlarmType)
        assert event["ConditionClassId"] == ua_id(O.SystemConditionClassType)
        assert event["Severity"] == 700 and "no route" in event["Message"].Text
        assert event["BranchId"].is_null() and event["ActiveState"].Text == "Active"
        assert (event["Retain"], event["AckedState/Id"], event["ConfirmedState/Id"]) == (
            True,
            False,
            True,
        )
        assert await acting(client, SCANNER, "Confirm", event["EventId"]) == ua_status(
            S.BadConditionBranchAlreadyConfirmed
        )
        assert (await acting(client, SCANNER, "Acknowledge", event["EventId"], "I go")).is_good()
        acked = await heard.until(SCANNER, lambda event: event["AckedState/Id"])
        assert acked["Comment"].Text == "I go" and acked["EventId"] != event["EventId"]
        assert acked["Retain"] and not acked["ConfirmedState/Id"]
        for seen in (event["EventId"], acked["EventId"]):
            again = await acting(client, SCANNER, "Acknowledge", seen)
            assert again == ua_status(S.BadConditionBranchAlreadyAcked)
        is_in(plant, DeviceState.Up)
        back = await heard.until(SCANNER, lambda event: not event["ActiveState/Id"])
        assert back["Retain"]
        assert (await acting(client, SCANNER, "Confirm", back["EventId"])).is_good()
        done = await heard.until(SCANNER, lambda event: event["ConfirmedState/Id"])
        await eventually(lambda: not heard.last(SCANNER)["Retain"])
        assert len(heard.of(SCANNER)) == 4, "each step is told once"
        assert not await read(client, "Dev/Scanner_OP10.DeviceLost.ActiveState.Id")
        assert (
            await read(client, "Dev/Scanner_OP10.DeviceLost.EventId")
            == heard.last(SCANNER)["EventId"]
        )
        assert done["Severity"] == 700


async def test_a_condition_stands_under_its_source(plant: Plant, client: Client) -> None:
    device = client.get_node(site("Dev/Scanner_OP10"))
    (linked,) = await device.get_referenced_nodes(refs=O.HasCondition)
    assert linked.nodeid == SCANNER
    assert SCANNER in [node.nodeid for node in await device.get_children(refs=O.HasComponent)]
    for name, kind in (
        ("AckedState.Id", bool),
        ("Retain", bool),
        ("ConditionName", str),
        ("Severity", int),
        ("Comment", ua.LocalizedText),
        ("InputNode", ua.NodeId),
        ("ConfirmedState.TransitionTime", datetime),
    ):
        assert isinstance(await read(client, f"Dev/Scanner_OP10.DeviceLost.{name}"), kind), name


async def test_what_was_not_seen_is_not_acknowledged(plant: Plant, client: Client) -> None:
    async with conditions(client, site("Dev/Scanner_OP10")) as heard:
        event = await lost(plant, heard)
        for seen in (b"", b"\x00" * 16, event["EventId"] + b"\x00"):
            refused = await acting(client, SCANNER, "Acknowledge", seen)
            assert refused == ua_status(S.BadEventIdUnknown)
        too_long = await acting(client, SCANNER, "AddComment", event["EventId"], "x" * 255)
        assert too_long == ua_status(S.BadOutOfRange)
        other = await acting(client, site("Dev/Scanner_OP10"), "Acknowledge", event["EventId"])
        assert other == ua_status(S.BadMethodInvalid)
        is_in(plant, DeviceState.Up)
        await heard.until(SCANNER, lambda event: not event["ActiveState/Id"])
        is_in(plant, DeviceState.BackOff)
        await eventually(lambda: len(heard.of(SCANNER)) == 3)
        again = heard.last(SCANNER)
        refused = await acting(client, SCANNER, "Acknowledge", event["EventId"])
        assert refused == ua_status(S.BadEventIdUnknown), "an alarm of before is another one"
        assert (await acting(client, SCANNER, "Acknowledge", again["EventId"])).is_good()
    await settle(plant, client)


async def settle(plant: Plant, client: Client) -> None:
    """Bring the scanner's condition back to where all is well."""
    is_in(plant, DeviceState.Up)
    node = "Dev/Scanner_OP10.DeviceLost"

    await shows(client, f"{node}.ActiveState.Id", False)
    for method in ("Acknowledge", "Confirm"):
        await acting(client, SCANNER, method, await read(client, f"{node}.EventId"))
    assert not await read(client, f"{node}.Retain")


async def test_a_disabled_condition_tells_nothing(plant: Plant, client: Client) -> None:
    async with conditions(client) as heard:
        assert (await acting(client, SCANNER, "Disable")).is_good()
        off = await heard.until(SCANNER, lambda event: not event["EnabledState/Id"])
        assert not off["Retain"]
        twice = await acting(client, SCANNER, "Disable")
        assert twice == ua_status(S.BadConditionAlreadyDisabled)
        is_in(plant, DeviceState.BackOff, "unplugged")
        await shows(client, "Dev/Scanner_OP10.DeviceLost.ActiveState.Id", True)
        refused = await acting(client, SCANNER, "Acknowledge", off["EventId"])
        assert refused == ua_status(S.BadConditionDisabled)
        assert (await refresh(client, heard.number)).is_good()
        assert (await acting(client, SCANNER, "Enable")).is_good()
        on = await heard.until(SCANNER, lambda event: event["EnabledState/Id"])
        assert on["ActiveState/Id"] and on["Retain"] and "unplugged" in on["Message"].Text
        assert len(heard.of(SCANNER)) == 2
        again = await acting(client, SCANNER, "Enable")
        assert again == ua_status(S.BadConditionAlreadyEnabled)
    await settle(plant, client)


async def test_a_refresh_tells_what_is_retained_to_who_asks(plant: Plant, client: Client) -> None:
    start, end = ua_id(O.RefreshStartEventType), ua_id(O.RefreshEndEventType)
    async with conditions(client) as before:
        event = await lost(plant, before)
    async with (
        conditions(client) as one,
        conditions(client) as other,
        conditions(client, site("Dev/Press_OP20")) as elsewhere,
    ):
        assert (await refresh(client, one.number)).is_good()
        await eventually(lambda: any(told["EventType"] == end for told in one.events))
        kinds = [told["EventType"] for told in one.events]
        assert kinds[0] == start and kinds[-1] == end
        (held,) = one.of(SCANNER)
        assert held["EventId"] == event["EventId"]
        assert not other.events
        assert (await refresh(client, other.number, other.item)).is_good()
        await eventually(lambda: bool(other.of(SCANNER)))
        assert (await refresh(client, elsewhere.number)).is_good()
        await eventually(lambda: len(elsewhere.events) == 2)
        assert [told["EventType"] for told in elsewhere.events] == [start, end]
        wrong = await refresh(client, 4_000_000_000)
        assert wrong == ua_status(S.BadSubscriptionIdInvalid)
        wrong = await refresh(client, one.number, 4_000_000_000)
        assert wrong == ua_status(S.BadMonitoredItemIdInvalid)
        stranger = Client(plant.server.endpoint)
        async with stranger:
            taken = await refresh(stranger, one.number)
            assert taken == ua_status(S.BadSubscriptionIdInvalid)
    await settle(plant, client)


async def test_what_was_dealt_with_stays_so_over_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with (
        running(database) as plant,
        Client(plant.server.endpoint) as client,
        conditions(client) as heard,
    ):
        seen = await lost(plant, heard)
        is_in(plant, DeviceState.BackOff, "fire", "Press_OP20")
        unseen = await heard.until(PRESS, lambda event: event["ActiveState/Id"])
        assert (await acting(client, SCANNER, "Acknowledge", seen["EventId"], "mine")).is_good()
    async with (
        running(database) as plant,
        Client(plant.server.endpoint) as client,
        conditions(client) as heard,
    ):
        assert (await refresh(client, heard.number)).is_good()
        mine = await heard.until(SCANNER, lambda _: True)
        assert mine["ActiveState/Id"] and mine["AckedState/Id"]
        assert mine["Comment"].Text == "mine" and not mine["ConfirmedState/Id"]
        is_in(plant, DeviceState.Connecting)
        is_in(plant, DeviceState.BackOff)
        assert (await acting(client, PRESS, "Acknowledge", unseen["EventId"])).is_good()
        await heard.until(PRESS, lambda event: event["AckedState/Id"])
        assert all(event["AckedState/Id"] for event in heard.of(SCANNER)), "no alarm anew"
        is_in(plant, DeviceState.Up)
        await heard.until(SCANNER, lambda event: not event["ActiveState/Id"])


async def test_who_acknowledges_is_known_and_must_be_allowed_to(tmp_path: Path) -> None:
    async with (
        guarded(tmp_path) as house,
        house.connected("operator") as operator,
        house.connected("observer") as observer,
        house.connected("securityadmin") as admin,
        conditions(operator) as heard,
        conditions(admin) as audit,
    ):
        event = await lost(house.plant, heard)
        denied = await acting(observer, SCANNER, "Acknowledge", event["EventId"])
        assert denied == ua_status(S.BadUserAccessDenied)
        done = await acting(operator, SCANNER, "Acknowledge", event["EventId"], "seen")
        assert done.is_good()
        acked = await heard.until(SCANNER, lambda event: event["AckedState/Id"])
        assert acked["ClientUserId"] == "operator"
        kind = ua_id(O.AuditConditionAcknowledgeEventType)
        await eventually(lambda: sum(one["EventType"] == kind for one in audit.events) == 2)
        told = [one for one in audit.events if one["EventType"] == kind]
        assert [one["ClientUserId"] for one in told] == ["observer", "operator"]
        assert told[-1]["SourceNode"] == SCANNER and told[-1]["Comment"].Text == "seen"
        assert told[-1]["SourceName"] == "Method/Acknowledge"


async def test_a_consumer_that_lags_raises_an_alarm_and_takes_it_along(tmp_path: Path) -> None:
    config = parse_config(f"{CONFIG}\n[consumers]\nlag_records = 2\n", "test.toml")
    lag = site("Traceability.Log.Consumers.MES.ConsumerLag")
    async with (
        running(tmp_path / "plant.db", config) as plant,
        Client(plant.server.endpoint) as client,
        conditions(client) as heard,
    ):
        log, number = "Traceability.Log", ua.VariantType.UInt64
        await outputs(client, log, "RegisterConsumer", "MES", ua.Variant(0, number))
        for key in ("A", "B", "C"):
            await plant.book(Master(kind="material", key=key, data={"kind": "unit"}))
        event = await heard.until(lag, lambda event: event["ActiveState/Id"])
        assert event["SourceNode"] == site(log) and "MES" in event["Message"].Text
        head = plant.trace.head.sequence
        await outputs(client, log, "Acknowledge", "MES", ua.Variant(head, number))
        back = await heard.until(lag, lambda event: not event["ActiveState/Id"])
        assert back["Retain"] and not back["AckedState/Id"]
        assert await plant.surface.consumers.remove("MES")
        await heard.until(lag, lambda event: not event["Retain"])

        await eventually(lambda: plant.server.space.get(lag) is None)
        names = [str(node_id.Identifier) for node_id in plant.server.virtual.real]
        assert not [name for name in names if "Consumers.MES" in name]


async def test_expired_material_on_a_slot_is_an_alarm(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "plant.db") as plant,
        Client(plant.server.endpoint) as client,
        conditions(client, site("St/OP10")) as heard,
    ):
        await plant.book(Master(kind="material", key="GLUE", data={"kind": "lot"}))
        expires = datetime.now(UTC) + timedelta(seconds=2)
        glue = Receive(
            item="G1",
            material="GLUE",
            quantity=Quantity.model_validate("10 H87"),
            expires_at=expires,
        )
        lot = (await plant.trace.record(glue, OFFICE)).item
        slot = "left feeder, " + "lane " * 8
        await plant.book(Load(station="OP10", slot=slot, lot=lot))
        await eventually(
            lambda: any(event["ConditionName"] == "MaterialExpired" for event in heard.events),
            within=15,
        )
        (event,) = [e for e in heard.events if e["ConditionName"] == "MaterialExpired"]
        assert lot in event["Message"].Text and event["SourceNode"] == site("St/OP10")
        assert event["ConditionClassId"] == ua_id(O.ProcessConditionClassType)
        await plant.book(Unload(station="OP10", slot=slot))
        await heard.until(event["ConditionId"], lambda event: not event["ActiveState/Id"])


async def test_a_full_disk_and_an_altered_journal_are_alarms(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    config = parse_config(f"{CONFIG}\n[alarms]\ndisk_low_mb = 100_000_000\n", "test.toml")
    async with (
        running(database, config) as plant,
        Client(plant.server.endpoint) as client,
        conditions(client) as heard,
    ):
        for key in ("A", "B", "C"):
            await plant.book(Master(kind="material", key=key, data={"kind": "unit"}))
        low = await heard.until(DISK, lambda event: event["ActiveState/Id"])
        assert "MB are free" in low["Message"].Text
        alter(database, 1)
        bad = await heard.until(INTEGRITY, lambda event: event["ActiveState/Id"])
        assert bad["Severity"] == 900 and "record 2" in bad["Message"].Text
        alter(database, -1)
        whole = await heard.until(INTEGRITY, lambda event: not event["ActiveState/Id"])
        assert whole["Retain"] and not whole["AckedState/Id"]


def alter(database: Path, by: int) -> None:
    """Move the time of the second entry of a journal, past all that guards it."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        found = "SELECT sql FROM sqlite_master WHERE name = 'journal_no_update'"
        (guard,) = connection.execute(found).fetchone()
        connection.execute("DROP TRIGGER journal_no_update")
        changed = connection.execute("UPDATE journal SET at = at + ? WHERE seq = 2", (by,))
        assert changed.rowcount == 1
        connection.execute(guard)
        connection.execute("COMMIT")
    finally:
        connection.close()


async def test_node_opcua_hears_acknowledges_confirms_and_refreshes(tmp_path: Path) -> None:
    async with running(tmp_path / "plant.db") as plant:
        await plant.surface._alarms.device(
            DeviceStatus("Scanner_OP10", DeviceState.BackOff, datetime.now(UTC), "cable")
        )
        script = asyncio.to_thread(run_script, "alarms_client.js", plant.server.endpoint)
        found = json.loads(next(line for line in (await script).splitlines() if line[:1] == "{"))
    assert found["refresh"] == "Good" and found["unknown"] == "BadEventIdUnknown"
    assert found["acknowledge"] == found["confirm"] == found["comment"] == "Good"
    assert found["again"] == "BadConditionBranchAlreadyAcked"
    steps = found["steps"]
    assert [(one["active"], one["acked"], one["confirmed"], one["retain"]) for one in steps] == [
        (True, False, True, True),
        (True, True, False, True),
        (True, True, False, True),
        (True, True, True, True),
    ]
    assert [one["comment"] for one in steps[1:]] == ["on my way", "plug was out", "done"]
    assert {one["condition"] for one in steps} == {SCANNER.to_string()}
    assert found["order"] == ["start", "condition", "end"]


async def test_a_state_file_of_before_is_taken_over(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        none = ua.Variant(0, ua.VariantType.UInt64)
        await outputs(client, "Traceability.Log", "RegisterConsumer", "MES", none)
    with sqlite3.connect(state_path(database)) as connection:
        connection.execute("DROP TABLE condition")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        async with conditions(client) as heard:
            await lost(plant, heard)
        assert await read(client, "Traceability.Log.ConsumerCount") == 1

    def found() -> tuple[int, int]:
        with sqlite3.connect(state_path(database)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM condition").fetchone()
        return version, count

    assert found() == (VERSION, 1)
    assert "condition" in SCHEMA
