"""Valid requests of every service, as a client of a line sends them: what the fuzz run changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

__all__ = [
    "MARK",
    "SESSION_MS",
    "STATION",
    "UNIT",
    "Spoken",
    "creating",
    "discovery",
    "probe",
    "spoken",
]

A = AttributeIds
V = ua.VariantType
_YES: Final[Any] = True
STATION: Final = "St/OP10"
UNIT: Final = "sn:PUMP:P000000000"
SESSION_MS: Final = 2_000.0
"""How long a session may be silent."""
MARK: Final = b"here a hostile value is put"
"""Value of a ByteString that `_fuzz_changes.hostile` replaces."""


def site(text: str) -> ua.NodeId:
    identifier: Any = text
    return ua.NodeId(identifier, ua.Int16(3))


def standard(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number))


def probe() -> ua.ReadRequest:
    """Read the server's state: its answer shows that what came before is done with."""
    return _read((standard(ObjectIds.Server_ServerStatus_State), A.Value))


Spoken = tuple[str, Any]
"""A name, and a request that is not encoded yet."""


def discovery() -> list[Spoken]:
    """What may be asked without a session."""
    endpoints = ua.GetEndpointsRequest()
    endpoints.Parameters.EndpointUrl = "opc.tcp://127.0.0.1:4840/tracenode"
    endpoints.Parameters.LocaleIds = ["en", "de"]
    servers = ua.FindServersRequest()
    servers.Parameters.ServerUris = ["urn:tracenode:bench"]
    return [("GetEndpoints", endpoints), ("FindServers", servers)]


def creating() -> list[Spoken]:
    """What makes a session."""
    create = ua.CreateSessionRequest()
    asked = create.Parameters
    asked.ClientDescription.ApplicationUri = "urn:bench:client"
    asked.ClientDescription.ApplicationType = ua.ApplicationType.Client
    asked.SessionName = "fuzz"
    asked.RequestedSessionTimeout = ua.Double(SESSION_MS)
    asked.ClientNonce = bytes(range(32))
    activate = ua.ActivateSessionRequest()
    activate.Parameters.UserIdentityToken = ua.UserNameIdentityToken(
        PolicyId="username", UserName="nobody", Password=b"\x20\0\0\0" + b"x" * 32
    )
    other = ua.ActivateSessionRequest()
    other.Parameters.UserIdentityToken = ua.X509IdentityToken(
        PolicyId="certificate", CertificateData=b"0\x82\x01\x01" + bytes(257)
    )
    anonymous = ua.ActivateSessionRequest()
    anonymous.Parameters.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId="anonymous")
    return [
        ("CreateSession", create),
        ("ActivateSession by name", activate),
        ("ActivateSession by certificate", other),
        ("ActivateSession", anonymous),
    ]


def spoken(subscription: int, item: int) -> list[Spoken]:
    """What a session asks; it has a subscription with a monitored item."""
    return [*discovery(), *creating(), *_nodes(), *_calls(), *_subscriptions(subscription, item)]


# ------------------------------------------------------------------ attributes, view, methods
def _read(*wanted: tuple[ua.NodeId, int], index: str | None = None) -> ua.ReadRequest:
    request = ua.ReadRequest()
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=node, AttributeId=ua.UInt32(attribute), IndexRange=index)
        for node, attribute in wanted
    ]
    return request


def _write(value: ua.Variant) -> ua.WriteRequest:
    request = ua.WriteRequest()
    request.Parameters.NodesToWrite = [
        ua.WriteValue(
            NodeId=site(f"{STATION}.Current.ItemId"),
            AttributeId=ua.UInt32(A.Value),
            Value=ua.DataValue(value),
        )
    ]
    return request


def _browse(node: ua.NodeId, most: int) -> ua.BrowseRequest:
    request = ua.BrowseRequest()
    request.Parameters.RequestedMaxReferencesPerNode = ua.UInt32(most)
    request.Parameters.NodesToBrowse = [
        ua.BrowseDescription(
            NodeId=node,
            BrowseDirection=ua.BrowseDirection.Forward,
            ReferenceTypeId=standard(ObjectIds.HierarchicalReferences),
            IncludeSubtypes=True,
            NodeClassMask=ua.NodeClass(0),
            ResultMask=ua.BrowseResultMask.All,
        )
    ]
    return request


def _nodes() -> list[Spoken]:
    item = site(f"Item/{UNIT}")
    following = ua.BrowseNextRequest()
    following.Parameters.ContinuationPoints = [bytes(16)]
    translate = ua.TranslateBrowsePathsToNodeIdsRequest()
    path = ua.BrowsePath(StartingNode=standard(ObjectIds.ObjectsFolder))
    path.RelativePath.Elements = [
        ua.RelativePathElement(
            ReferenceTypeId=standard(ObjectIds.HierarchicalReferences),
            IncludeSubtypes=_YES,
            TargetName=ua.QualifiedName(name, ua.UInt16(2)),
        )
        for name in ("Traceability", "Queries")
    ]
    translate.Parameters.BrowsePaths = [path]
    register = ua.RegisterNodesRequest()
    register.Parameters.NodesToRegister = [item, site(STATION)]
    unregister = ua.UnregisterNodesRequest()
    unregister.Parameters.NodesToUnregister = [item]
    history = ua.HistoryReadRequest()
    history.Parameters.HistoryReadDetails = ua.ReadRawModifiedDetails(NumValuesPerNode=10)
    history.Parameters.NodesToRead = [ua.HistoryReadValueId(NodeId=item)]
    every = [(item, attribute) for attribute in range(28)]
    array = (standard(ObjectIds.Server_NamespaceArray), int(A.Value))
    add = ua.AddNodesRequest()
    return [
        ("Read", _read((item, A.BrowseName), (site(f"{STATION}.Current.ItemId"), A.Value))),
        ("Read all attributes", _read(*every)),
        ("Read a range", _read(array, index="0:1")),
        ("Write", _write(ua.Variant("x", V.String))),
        ("Write a hostile value", _write(ua.Variant(MARK, V.ByteString))),
        ("Browse", _browse(standard(ObjectIds.ObjectsFolder), 0)),
        ("Browse items", _browse(site("ByMat/PUMP"), 2)),
        ("BrowseNext", following),
        ("TranslateBrowsePaths", translate),
        ("RegisterNodes", register),
        ("UnregisterNodes", unregister),
        ("HistoryRead", history),
        ("AddNodes", add),
    ]


def _call(owner: str, method: str, *given: ua.Variant) -> ua.CallRequest:
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=site(owner), MethodId=site(f"{owner}.{method}"))
    asked.InputArguments = list(given)
    request.Parameters.MethodsToCall = [asked]
    return request


def _text(*words: str) -> list[ua.Variant]:
    return [ua.Variant(word, V.String) for word in words]


def _calls() -> list[Spoken]:
    no_bounds = (ua.Variant(0, V.UInt16), ua.Variant(0, V.UInt32))
    first = ua.Variant(1, V.UInt64)
    hostile = ua.Variant(MARK, V.ByteString)
    queries, log = "Traceability.Queries", "Traceability.Log"
    return [
        ("Call CheckItem", _call(STATION, "CheckItem", *_text("", UNIT))),
        ("Call StartItem", _call(STATION, "StartItem", *_text("fuzz", UNIT, "", ""))),
        ("Call RegisterItem", _call(STATION, "RegisterItem", *_text("r", "PUMP", "", "F1"))),
        ("Call TraceIngredients", _call(queries, "TraceIngredients", *_text(UNIT), *no_bounds)),
        ("Call QueryJson", _call(queries, "QueryJson", *_text('{"question":"item"}', "", ""))),
        ("Call ReadRecords", _call(log, "ReadRecords", first, ua.Variant(10, V.UInt32))),
        ("Call with a hostile value", _call(STATION, "CheckItem", *_text(""), hostile)),
    ]


# ------------------------------------------------------------------ subscriptions
def _item(node: ua.NodeId, attribute: int, wanted: Any) -> ua.MonitoredItemCreateRequest:
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor = ua.ReadValueId(NodeId=node, AttributeId=ua.UInt32(attribute))
    item.MonitoringMode = ua.MonitoringMode.Reporting
    asked = item.RequestedParameters
    asked.ClientHandle, asked.QueueSize = ua.UInt32(7), ua.UInt32(10)
    asked.DiscardOldest = True
    asked.Filter = wanted
    return item


def _event_filter() -> ua.EventFilter:
    wanted = ua.EventFilter()
    clauses = [
        ua.SimpleAttributeOperand(
            TypeDefinitionId=standard(ObjectIds.BaseEventType),
            BrowsePath=[ua.QualifiedName(name)],
            AttributeId=ua.UInt32(A.Value),
        )
        for name in ("EventId", "Message", "Severity")
    ]
    wanted.SelectClauses = clauses
    compared = ua.ContentFilterElement(FilterOperator=ua.FilterOperator.GreaterThan)
    compared.FilterOperands = [clauses[2], ua.LiteralOperand(Value=ua.Variant(5, V.UInt16))]
    negated = ua.ContentFilterElement(FilterOperator=ua.FilterOperator.Not)
    negated.FilterOperands = [ua.ElementOperand(Index=ua.UInt32(1))]
    wanted.WhereClause.Elements = [negated, compared]
    return wanted


def _subscriptions(number: int, item: int) -> list[Spoken]:
    own, watched = ua.UInt32(number), ua.UInt32(item)
    create = ua.CreateSubscriptionRequest()
    create.Parameters.RequestedPublishingInterval = ua.Double(100.0)
    create.Parameters.RequestedLifetimeCount = ua.UInt32(30)
    create.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(10)
    modify = ua.ModifySubscriptionRequest()
    modify.Parameters.SubscriptionId = own
    modify.Parameters.RequestedPublishingInterval = ua.Double(200.0)
    mode = ua.SetPublishingModeRequest()
    mode.Parameters.SubscriptionIds = [own]
    mode.Parameters.PublishingEnabled = True
    delete = ua.DeleteSubscriptionsRequest()
    delete.Parameters.SubscriptionIds = [ua.UInt32(number + 1)]
    transfer = ua.TransferSubscriptionsRequest()
    transfer.Parameters.SubscriptionIds = [own]
    publish = ua.PublishRequest()
    publish.Parameters.SubscriptionAcknowledgements = [ua.SubscriptionAcknowledgement(own)]
    republish = ua.RepublishRequest()
    republish.Parameters.SubscriptionId = own
    items = ua.CreateMonitoredItemsRequest()
    items.Parameters.SubscriptionId = own
    items.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    change = ua.DataChangeFilter(
        ua.DataChangeTrigger.StatusValue, ua.UInt32(ua.DeadbandType.Absolute), ua.Double(0.5)
    )
    items.Parameters.ItemsToCreate = [
        _item(site(f"{STATION}.Current.ItemId"), A.Value, None),
        _item(standard(ObjectIds.Server_ServiceLevel), A.Value, change),
        _item(standard(ObjectIds.Server), A.EventNotifier, _event_filter()),
    ]
    revised = ua.ModifyMonitoredItemsRequest()
    revised.Parameters.SubscriptionId = own
    revised.Parameters.ItemsToModify = [ua.MonitoredItemModifyRequest(watched)]
    modes = ua.SetMonitoringModeRequest()
    modes.Parameters.SubscriptionId, modes.Parameters.MonitoredItemIds = own, [watched]
    trigger = ua.SetTriggeringRequest()
    trigger.Parameters.SubscriptionId, trigger.Parameters.TriggeringItemId = own, watched
    trigger.Parameters.LinksToAdd = [watched]
    gone = ua.DeleteMonitoredItemsRequest()
    gone.Parameters.SubscriptionId, gone.Parameters.MonitoredItemIds = own, [ua.UInt32(item + 1)]
    cancel = ua.CancelRequest()
    requests: Sequence[Any] = (
        *(create, modify, mode, delete, transfer, publish, republish),
        *(items, revised, modes, trigger, gone, cancel, ua.CloseSessionRequest()),
    )
    return [(type(request).__name__.removesuffix("Request"), request) for request in requests]
