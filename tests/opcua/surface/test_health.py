"""What the server tells of itself: diagnostics, service level, namespaces, changes of the model."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds as O
from asyncua.ua.status_codes import StatusCodes as S
from asyncua.ua.uaerrors import UaError

from tests.opcua.security.guarded import guarded
from tests.opcua.surface.plant import Plant, outputs, read, running, shows, site
from tests.support.waiting import eventually
from tracenode.models.errors import JournalDown
from tracenode.models.events import Load, Master
from tracenode.server.opcua.ids import ua_id, ua_status

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SUMMARY = "Server_ServerDiagnostics_ServerDiagnosticsSummary"


async def standard(client: Client, name: str) -> Any:
    return await client.get_node(ua_id(getattr(O, name))).read_value()


async def test_sessions_and_subscriptions_are_counted(tmp_path: Path) -> None:
    async with guarded(tmp_path) as house, house.connected("securityadmin") as admin:
        assert await standard(admin, "Server_ServerDiagnostics_EnabledFlag") is True
        before = await standard(admin, SUMMARY)
        async with house.connected("operator") as operator:
            subscription = await operator.create_subscription(200, None)
            node = operator.get_node(site("St/OP10.CountOK"))
            await subscription.subscribe_data_change(node)
            now = await standard(admin, SUMMARY)
            assert now.CurrentSessionCount == before.CurrentSessionCount + 1
            assert now.CumulatedSubscriptionCount == before.CumulatedSubscriptionCount + 1
            assert now.PublishingIntervalCount == before.PublishingIntervalCount + 1
            current = await standard(admin, f"{SUMMARY}_CurrentSubscriptionCount")
            assert current == now.CurrentSubscriptionCount == before.CurrentSubscriptionCount + 1
            found = await standard(admin, "Server_ServerDiagnostics_SubscriptionDiagnosticsArray")
            (mine,) = [one for one in found if one.SubscriptionId == subscription.subscription_id]
            assert (mine.PublishingInterval, mine.MonitoredItemCount) == (200.0, 1)
            sessions = "Server_ServerDiagnostics_SessionsDiagnosticsSummary_Session"
            shown = await standard(admin, f"{sessions}DiagnosticsArray")
            (his,) = [one for one in shown if one.SessionId == mine.SessionId]
            assert (his.CurrentSubscriptionsCount, his.CurrentMonitoredItemsCount) == (1, 1)
            secured = await standard(admin, f"{sessions}SecurityDiagnosticsArray")
            (his_security,) = [one for one in secured if one.SessionId == mine.SessionId]
            assert his_security.ClientUserIdOfSession == "operator"
            assert his_security.SecurityMode == ua.MessageSecurityMode.SignAndEncrypt
            assert his_security.ClientCertificate
            denied = await operator.get_node(
                ua_id(getattr(O, f"{sessions}DiagnosticsArray"))
            ).read_data_value(raise_on_bad_status=False)
            assert denied.StatusCode == ua_status(S.BadUserAccessDenied)
        wrong = await house.client("operator", "not the word")
        with pytest.raises(UaError):
            await wrong.connect()
        with suppress(UaError, ConnectionError):
            await wrong.disconnect()
        house.core.identities.gate._failures.clear()
        after = await standard(admin, SUMMARY)
        assert after.CurrentSubscriptionCount == before.CurrentSubscriptionCount
        assert after.SecurityRejectedSessionCount == before.SecurityRejectedSessionCount + 1
        assert after.RejectedSessionCount == before.RejectedSessionCount + 1
        assert after.RejectedRequestsCount > before.RejectedRequestsCount


async def test_diagnostics_are_what_is(plant: Plant, client: Client) -> None:
    await plant.unit()

    async def is_told() -> bool:
        return bool(await read(client, "Traceability.Diagnostics.CommitLatencyMs") > 0)

    await until(is_told)
    assert await read(client, "Traceability.Diagnostics.JournalSize") > 4096
    await shows(client, "Traceability.Diagnostics.QueueDepth", 0)
    assert await read(client, "Traceability.Diagnostics.DroppedCalls") == 0
    children = await client.get_node(site("Traceability.Diagnostics")).get_children()
    names = {(await child.read_browse_name()).Name for child in children}
    assert not names & {"ClockOffset", "Coverage"}, "what is not known is not offered"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    wanted: Callable[[], bool | Awaitable[bool]] = condition
    await eventually(wanted, within=15)


async def test_a_journal_that_is_down_lowers_the_service_level(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:

        async def says(level: int, state: ua.ServerState) -> bool:
            whole = await standard(client, "Server_ServerStatus")
            found = await standard(client, "Server_ServiceLevel")
            part = await standard(client, "Server_ServerStatus_State")
            return bool((found, part, whole.State) == (level, state, state))

        is_down = partial(says, 100, ua.ServerState.Failed)
        is_well = partial(says, 255, ua.ServerState.Running)
        assert await is_well()

        other = sqlite3.connect(database, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalDown):
                await plant.book(Master(kind="material", key="A", data={"kind": "unit"}))
            await until(is_down)
            await shows(client, "Traceability.Log.JournalDown.ActiveState.Id", True)
        finally:
            other.close()
        await until(is_well)
        await shows(client, "Traceability.Log.JournalDown.ActiveState.Id", False)


async def test_every_namespace_of_ours_is_described(plant: Plant, client: Client) -> None:
    uris = await client.get_namespace_array()
    described: dict[str, dict[str, Any]] = {}
    for node in await client.get_node(ua_id(O.Server_Namespaces)).get_children():
        members = {str((await m.read_browse_name()).Name): m for m in await node.get_children()}
        described[await members["NamespaceUri"].read_value()] = members
    assert {uris[2], uris[3]} <= described.keys()
    version = await read(client, "Traceability.ModelVersion")
    for uri in uris[2:4]:
        assert await described[uri]["NamespaceVersion"].read_value() == version != ""
        assert await described[uri]["IsNamespaceSubset"].read_value() is False


async def test_a_slot_and_a_consumer_that_appear_are_told(plant: Plant, client: Client) -> None:
    changed = ua_id(O.GeneralModelChangeEventType)
    slots, consumers = site("St/OP40.Slots"), site("Traceability.Log.Consumers")
    versions = {
        folder: await read(client, f"{folder.Identifier!s}.NodeVersion")
        for folder in (slots, consumers)
    }
    events: list[Any] = []

    class Hear:
        def event_notification(self, event: Any) -> None:
            events.append(event)

    subscription = await client.create_subscription(50, Hear())
    await subscription.subscribe_events(client.get_node(ua_id(O.Server)), changed)
    lot = await plant.lot()
    await plant.book(Load(station="OP40", slot="F1", lot=lot))
    none = ua.Variant(0, ua.VariantType.UInt64)
    await outputs(client, "Traceability.Log", "RegisterConsumer", "NEW", none)

    def changes() -> set[tuple[str, int]]:
        return {
            (str(one.Affected.Identifier), int(one.Verb))
            for event in events
            for one in event.Changes
        }

    await eventually(lambda: len(changes()) == 4, within=15)
    assert changes() == {
        ("St/OP40.Slots.F1", 1),
        ("St/OP40.Slots", 4),
        ("Traceability.Log.Consumers.NEW", 1),
        ("Traceability.Log.Consumers", 4),
    }
    assert await plant.surface.consumers.remove("NEW")
    await eventually(lambda: ("Traceability.Log.Consumers.NEW", 2) in changes(), within=15)
    for folder, version in versions.items():
        assert await read(client, f"{folder.Identifier!s}.NodeVersion") != version
    await subscription.delete()
