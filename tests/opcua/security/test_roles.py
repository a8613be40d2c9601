"""Who may do what: the table of permissions, method by method and service by service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.security.authority import URI
from tests.opcua.security.guarded import ROLES, Guarded
from tests.opcua.surface.plant import outputs, read, request_id, site
from tests.support.waiting import eventually
from tracenode.models.permissions import DEFAULT, GROUPS, LOOK, Permissions
from tracenode.models.roles import Role
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.security.access import ROLE_IDS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.integration]

A, S = AttributeIds, StatusCodes
USERS = [*(name.lower() for name in ROLES), "nobody"]
PLANT = "Traceability"


def value(read: ua.DataValue) -> Any:
    assert read.Value is not None
    return read.Value.Value


def role_of(user: str) -> Role:
    found = {name.lower(): role for name, role in ROLES.items()}.get(user, Role(0))
    return found | Role.AuthenticatedUser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(house: Guarded) -> AsyncIterator[dict[str, Client]]:
    """One client of each user."""
    house.core.identities.gate._failures.clear()
    async with AsyncExitStack() as stack:
        yield {user: await stack.enter_async_context(house.connected(user)) for user in USERS}


def methods(house: Guarded) -> list[tuple[str, ua.NodeId, ua.NodeId]]:
    """Return every bound method as it stands on an object: name, object, method."""
    gateway, space = house.core.gateway, house.core.space
    found: dict[str, tuple[str, ua.NodeId, ua.NodeId]] = {}
    for node_id, declaration in gateway._declared_by.items():
        binding = gateway._bindings.get(declaration)
        if binding is None:
            continue
        parents = [
            link.NodeId
            for link in space[node_id].references
            if not link.IsForward and link.NodeId.NamespaceIndex == 3
        ]
        found.setdefault(binding.name, (binding.name, parents[0], node_id))
    return sorted(found.values())


async def test_every_method_of_the_model_stands_in_a_group(house: Guarded) -> None:
    listed = {method for group in GROUPS for method in group.methods}
    bound = {binding.name for binding in house.core.gateway._bindings.values()}
    assert len(bound) > 50
    assert bound <= listed
    in_groups = [method for group in GROUPS for method in group.methods]
    assert len(in_groups) == len(set(in_groups))


@pytest.mark.parametrize("user", USERS)
async def test_a_method_is_called_by_those_who_may(
    house: Guarded, people: dict[str, Client], user: str
) -> None:
    """Without arguments nothing is booked: who may gets as far as the check of arguments."""
    client, roles = people[user], role_of(user)
    wrong = []
    for name, object_id, method_id in methods(house):
        request = ua.CallMethodRequest(ObjectId=object_id, MethodId=method_id)
        (result,) = await client.uaclient.call([request])
        denied = result.StatusCode.value == S.BadUserAccessDenied
        if denied == bool(roles & DEFAULT.mask(name)):
            wrong.append((name, result.StatusCode.name))
        shown = await client.get_node(method_id).read_attribute(
            A.UserExecutable, raise_on_bad_status=False
        )
        if roles & DEFAULT.mask(LOOK):
            assert value(shown) is not denied, name
            executable = await client.get_node(method_id).read_attribute(A.Executable)
            assert value(executable) is True
        else:
            assert shown.StatusCode == ua_status(S.BadUserAccessDenied)
    assert wrong == []


async def test_the_type_s_method_id_is_no_way_around(people: dict[str, Client]) -> None:
    client = people["observer"]
    type_node = client.get_node(site("St/OP10"))
    type_id = await type_node.read_type_definition()
    assert type_id is not None
    children = await client.get_node(type_id).get_children_descriptions()
    (method,) = [c for c in children if c.BrowseName.Name == "StartItem"]
    request = ua.CallMethodRequest(ObjectId=site("St/OP10"), MethodId=method.NodeId)
    (result,) = await client.uaclient.call([request])
    assert result.StatusCode.value == S.BadUserAccessDenied


async def test_who_may_not_look_sees_the_server_and_nothing_of_the_plant(
    people: dict[str, Client],
) -> None:
    client = people["nobody"]
    assert await client.get_node(ua_id(ObjectIds.Server_ServerStatus_State)).read_value() == 0
    assert await client.get_namespace_array()
    shown = await client.nodes.objects.get_children_descriptions()
    names = {child.BrowseName.Name for child in shown}
    assert "Server" in names
    assert PLANT not in names
    station = client.get_node(site("St/OP10"))
    asked = ua.BrowseParameters(NodesToBrowse=[ua.BrowseDescription(NodeId=station.nodeid)])
    (result,) = await client.uaclient.browse(asked)
    assert result.StatusCode.value == S.BadNodeIdUnknown
    assert not result.References
    for attribute in (A.BrowseName, A.DisplayName, A.Value, A.UserExecutable):
        with pytest.raises(ua.uaerrors.BadUserAccessDenied):
            await client.get_node(site("St/OP10.StationId")).read_attribute(attribute)
    with pytest.raises((ua.uaerrors.BadNoMatch, ua.uaerrors.BadNodeIdUnknown)):
        await client.nodes.objects.get_child([f"3:{PLANT}"])
    with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
        await station.get_child(["2:StationId"])
    with pytest.raises(ua.uaerrors.BadUserAccessDenied):
        await client.get_node(site("St/OP10.StationId")).read_raw_history()


@pytest.mark.parametrize("user", USERS)
async def test_values_and_events_are_watched_by_who_may_look(
    people: dict[str, Client], user: str
) -> None:
    client, may = people[user], bool(role_of(user) & DEFAULT.mask(LOOK))
    subscription = await client.create_subscription(100, Hearing())
    try:
        wanted = [
            (site("St/OP10.StationId"), A.Value),
            (site("St/OP10"), A.EventNotifier),
            (ua_id(ObjectIds.Server), A.EventNotifier),
        ]
        for node_id, attribute in wanted:
            request = ua.MonitoredItemCreateRequest()
            request.ItemToMonitor = ua.ReadValueId(NodeId=node_id, AttributeId=attribute)
            request.MonitoringMode = ua.MonitoringMode.Reporting
            if attribute == A.EventNotifier:
                request.RequestedParameters.Filter = event_filter("Message")
            params = ua.CreateMonitoredItemsParameters()
            params.SubscriptionId = subscription.subscription_id
            params.ItemsToCreate = [request]
            (result,) = await client.uaclient.create_monitored_items(params)
            code = S.Good if may else S.BadUserAccessDenied
            assert result.StatusCode.value == code, (node_id, result.StatusCode.name)
    finally:
        await subscription.delete()


def event_filter(*names: str) -> ua.EventFilter:
    made = ua.EventFilter()
    for name in names:
        clause = ua.SimpleAttributeOperand()
        clause.TypeDefinitionId = ua_id(ObjectIds.BaseEventType)
        clause.BrowsePath = [ua.QualifiedName(name, ua.UInt16(0))]
        clause.AttributeId = ua.UInt32(A.Value)
        made.SelectClauses.append(clause)
    return made


class Hearing:
    """Keeps the events that come."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def event_notification(self, event: Any) -> None:
        self.events.append(event)

    def datachange_notification(self, *_: Any) -> None:
        pass


async def test_role_permissions_tell_what_is_enforced(people: dict[str, Client]) -> None:
    node_id = site("St/OP10.StartItem")
    own = await people["operator"].get_node(node_id).read_attribute(A.UserRolePermissions)
    assert {p.RoleId for p in value(own)} == {
        ROLE_IDS[Role.Operator],
        ROLE_IDS[Role.AuthenticatedUser],
    }
    may = {p.RoleId: p.Permissions for p in value(own)}
    assert may[ROLE_IDS[Role.Operator]] & ua.PermissionType.Call
    assert not may[ROLE_IDS[Role.AuthenticatedUser]] & ua.PermissionType.Call
    every = await people["securityadmin"].get_node(node_id).read_attribute(A.RolePermissions)
    calling = {p.RoleId for p in value(every) if p.Permissions & ua.PermissionType.Call}
    assert calling == {ROLE_IDS[r] for r in (Role.Operator, Role.Engineer, Role.Supervisor)}
    with pytest.raises(ua.uaerrors.BadUserAccessDenied):
        await people["operator"].get_node(node_id).read_attribute(A.RolePermissions)


async def test_what_others_do_is_shown_to_those_who_audit(people: dict[str, Client]) -> None:
    node_id = ua_id(ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary)
    assert await people["securityadmin"].get_node(node_id).read_browse_name()
    with pytest.raises(ua.uaerrors.BadUserAccessDenied):
        await people["operator"].get_node(node_id).read_browse_name()
    diagnostics = people["operator"].get_node(ua_id(ObjectIds.Server_ServerDiagnostics))
    shown = {c.BrowseName.Name for c in await diagnostics.get_children_descriptions()}
    assert "SessionsDiagnosticsSummary" not in shown


async def test_a_booking_carries_its_user(house: Guarded, people: dict[str, Client]) -> None:
    number = request_id()
    _, item, _, _ = await outputs(
        people["operator"], "St/OP10", "RegisterItem", number, "PUMP", "", "U-1"
    )
    head = house.plant.trace.head.sequence
    (record,) = await house.plant.trace.records(head, 1)
    assert (record.user, record.requester) == ("operator", f"{URI}|OP10")
    with pytest.raises(AssertionError):
        await outputs(people["observer"], "St/OP10", "StartItem", request_id(), item, "", "")
    # the request is the station's, whoever logged in: it is answered again, not booked again
    again = await outputs(people["engineer"], "St/OP10", "RegisterItem", number, "PUMP", "", "U-1")
    assert (again[1], again[3]) == (item, 1)


async def test_audit_events_are_heard_by_who_may(house: Guarded, people: dict[str, Client]) -> None:
    await asyncio.sleep(1.5)  # the tests before may have used up the refusals told in a second
    heard = {user: Hearing() for user in ("securityadmin", "operator")}
    names = (
        "EventType",
        "Message",
        "ClientUserId",
        "Status",
        "SourceName",
        "MethodId",
        "SessionId",
    )
    subscriptions = []
    for user, hearing in heard.items():
        subscription = await people[user].create_subscription(50, hearing)
        await subscription.subscribe_events(ua_id(ObjectIds.Server), evfilter=event_filter(*names))
        subscriptions.append(subscription)
    try:
        await outputs(
            people["operator"], "St/OP10", "RegisterItem", request_id(), "PUMP", "", "U-2"
        )
        request = ua.CallMethodRequest(ObjectId=site("St/OP10"), MethodId=site("St/OP10.StartItem"))
        await people["observer"].uaclient.call([request])
        async with house.connected("supervisor"):
            pass
        (denied,) = await people["operator"].uaclient.write_attributes(
            [site("St/OP10.StationId")], [ua.DataValue(ua.Variant("x"))]
        )
        assert denied.value == S.BadNotWritable

        def told(number: int, user: str, status: bool) -> bool:
            return any(
                event.EventType == ua_id(number)
                and event.ClientUserId == user
                and event.Status is status
                for event in heard["securityadmin"].events
            )

        for number, user, status in (
            (ObjectIds.AuditUpdateMethodEventType, "operator", True),
            (ObjectIds.AuditUpdateMethodEventType, "observer", False),
            (ObjectIds.AuditActivateSessionEventType, "supervisor", True),
            (ObjectIds.AuditSessionEventType, "supervisor", True),
            (ObjectIds.AuditWriteUpdateEventType, "operator", False),
        ):
            await eventually(partial(told, number, user, status), within=5)
        await asyncio.sleep(0)
        audit = {ua_id(n) for n in range(2052, 2134)}
        assert heard["operator"].events  # what it booked
        assert not [e for e in heard["operator"].events if e.EventType in audit]
    finally:
        for subscription in subscriptions:
            await subscription.delete()


async def test_the_server_says_that_it_audits(people: dict[str, Client]) -> None:
    assert await people["nobody"].get_node(ua_id(ObjectIds.Server_Auditing)).read_value() is True


async def test_a_change_of_the_table_counts(house: Guarded, people: dict[str, Client]) -> None:
    request = ua.CallMethodRequest(ObjectId=site("St/OP10"), MethodId=site("St/OP10.CheckItem"))

    async def code(user: str) -> int:
        (result,) = await people[user].uaclient.call([request])
        return int(result.StatusCode.value)

    try:
        changes = {"booking": Role.Engineer, "CheckItem": Role.Observer}
        house.core.access.use(Permissions(changes))
        assert await code("observer") == S.BadArgumentsMissing
        assert await code("engineer") == S.BadUserAccessDenied
        assert await code("operator") == S.BadUserAccessDenied
    finally:
        house.core.access.use(DEFAULT)
    assert await code("operator") == S.BadArgumentsMissing
    assert await read(people["observer"], "St/OP10.StationId") == "OP10"


async def test_the_mailbox_is_written_by_who_may_book(
    house: Guarded, people: dict[str, Client]
) -> None:
    node_id = site("St/OP10.Mailbox.Id1")
    written = ua.DataValue(ua.Variant("", ua.VariantType.String))

    async def code(user: str) -> int:
        (result,) = await people[user].uaclient.write_attributes([node_id], [written])
        return int(result.value)

    assert await code("observer") == S.BadUserAccessDenied
    assert await code("nobody") == S.BadUserAccessDenied
    try:
        house.core.access.use(Permissions({"booking": Role.Engineer}))
        assert await code("operator") == S.BadUserAccessDenied
        level = await people["operator"].get_node(node_id).read_attribute(A.UserAccessLevel)
        assert not value(level) & ua.AccessLevel.CurrentWrite.mask
    finally:
        house.core.access.use(DEFAULT)
    assert await code("operator") == S.Good
