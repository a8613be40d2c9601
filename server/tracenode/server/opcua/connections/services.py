"""The services of a session: how each request is read, and who answers it (OPC 10000-4 5).

One table, `SERVICES`, by the type of the request. What is not in it is not offered: queries, node
management, writing of history.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import NotEnoughData, ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from tracenode.server.opcua.connections.wire import write_parameters
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import check_operations
from tracenode.server.opcua.subscriptions.messages import republish_response
from tracenode.server.opcua.subscriptions.publishing import PublishRequest
from tracenode.server.opcua.subscriptions.triggering import set_triggering

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.processor import TraceProcessor
    from tracenode.server.opcua.connections.sessions import TraceSession

__all__ = ["MALFORMED", "SERVICES", "Asked", "Service", "check_readable", "decoded", "request_type"]

S = StatusCodes
MALFORMED = (
    NotEnoughData,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    ua.uaerrors.UaError,
)
"""What asyncua's decoder raises for bytes that are no request."""
_ENUMERATIONS = {
    "TimestampsToReturn": S.BadTimestampsToReturnInvalid,
    "MonitoringMode": S.BadMonitoringModeInvalid,
    "BrowseDirection": S.BadBrowseDirectionInvalid,
    "FilterOperator": S.BadEventFilterInvalid,
    "DataChangeTrigger": S.BadMonitoredItemFilterInvalid,
}


_OF_STRANGERS = {
    ua_id(getattr(ObjectIds, f"{name}Request_Encoding_DefaultBinary")): getattr(
        ua, f"{name}Parameters"
    )
    for name in ("GetEndpoints", "FindServers", "CreateSession", "ActivateSession")
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its header and parameters, whose it is, and how it is answered."""

    session: TraceSession
    processor: TraceProcessor
    header: Any
    sequence: Any
    params: Any


@dataclass(frozen=True, slots=True)
class Service:
    """How a request is read and answered; an answer of None is sent later, or was sent.

    `beside`: it may take long, so it runs beside the other requests of its connection.
    """

    read: Callable[[Any], Any]
    answer: Callable[[Asked], Awaitable[Any]]
    beside: bool = False


def request_type(name: str) -> ua.NodeId:
    """Return the type of a service's request on the wire."""
    return ua_id(getattr(ObjectIds, f"{name}Request_Encoding_DefaultBinary"))


def check_readable(type_id: ua.NodeId, body: Any) -> None:
    """Check that the parameters of a request that needs no session can be read; asyncua reads them
    again.

    Raises:
        ServiceError: as `decoded`.
    """
    parameters = _OF_STRANGERS.get(type_id)
    if parameters is not None:
        _decoded(partial(struct_from_binary, parameters), body.copy())


def decoded(service: Service, body: Any) -> Any:
    """Read the parameters of a request.

    Raises:
        ServiceError: BadDecodingError, or what the specification has for a wrong enumeration.
    """
    return _decoded(service.read, body)


def _decoded(read: Callable[[Any], Any], body: Any) -> Any:
    try:
        return read(body)
    except (ServiceError, UaStatusCodeError):
        raise
    except MALFORMED as e:
        # an enumeration names itself: "7 is not a valid TimestampsToReturn"
        code = _ENUMERATIONS.get(str(e).rpartition(" ")[2], S.BadDecodingError)
        raise ServiceError(code) from e


# ---------------------------------------------------------------------- attributes and view
async def _read(asked: Asked) -> Any:
    response = ua.ReadResponse()
    response.Results = await asked.session.read(asked.params)
    return response


async def _write(asked: Asked) -> Any:
    response = ua.WriteResponse()
    response.Results = await asked.session.write(asked.params)
    return response


async def _history_read(asked: Asked) -> Any:
    check_operations(
        asked.params.NodesToRead, asked.processor.iserver.limits.nodes_per_history_read
    )
    response = ua.HistoryReadResponse()
    response.Results = await asked.session.history_read(asked.params)
    return response


async def _browse(asked: Asked) -> Any:
    response = ua.BrowseResponse()
    response.Results = await asked.session.browse(asked.params)
    return response


async def _browse_next(asked: Asked) -> Any:
    response = ua.BrowseNextResponse()
    response.Parameters.Results = await asked.session.browse_next(asked.params)
    return response


async def _translate(asked: Asked) -> Any:
    response = ua.TranslateBrowsePathsToNodeIdsResponse()
    paths = asked.params.BrowsePaths
    response.Results = await asked.session.translate_browsepaths_to_nodeids(paths)
    return response


async def _register(asked: Asked) -> Any:
    nodes = asked.params.NodesToRegister
    check_operations(nodes, asked.processor.iserver.limits.nodes_per_register)
    response = ua.RegisterNodesResponse()
    response.Parameters.RegisteredNodeIds = nodes  # they are quick enough as they are
    return response


async def _unregister(asked: Asked) -> Any:
    check_operations(
        asked.params.NodesToUnregister, asked.processor.iserver.limits.nodes_per_register
    )
    return ua.UnregisterNodesResponse()


async def _call(asked: Asked) -> Any:
    response = ua.CallResponse()
    response.Results = await asked.session.call(asked.params.MethodsToCall)
    return response


async def _cancel(asked: Asked) -> Any:
    response = ua.CancelResponse()
    count = asked.session.publishing.cancel(int(asked.params.RequestHandle))
    response.Parameters.CancelCount = ua.UInt32(count)
    return response


# ---------------------------------------------------------------------- subscriptions
async def _create_subscription(asked: Asked) -> Any:
    response = ua.CreateSubscriptionResponse()
    response.Parameters = asked.processor.iserver.subscriptions.create(asked.session, asked.params)
    return response


async def _modify_subscription(asked: Asked) -> Any:
    response = ua.ModifySubscriptionResponse()
    response.Parameters = asked.processor.iserver.subscriptions.modify(asked.session, asked.params)
    return response


async def _set_publishing_mode(asked: Asked) -> Any:
    response = ua.SetPublishingModeResponse()
    service = asked.processor.iserver.subscriptions
    response.Parameters.Results = service.set_publishing_mode(asked.session, asked.params)
    return response


async def _delete_subscriptions(asked: Asked) -> Any:
    response = ua.DeleteSubscriptionsResponse()
    service = asked.processor.iserver.subscriptions
    response.Results = service.delete(asked.session, asked.params.SubscriptionIds)
    return response


async def _transfer(asked: Asked) -> Any:
    response = ua.TransferSubscriptionsResponse()
    service = asked.processor.iserver.subscriptions
    response.Parameters.Results = service.transfer(asked.session, asked.params)
    return response


async def _publish(asked: Asked) -> None:
    processor, header, sequence = asked.processor, asked.header, asked.sequence
    hint = int(header.TimeoutHint)
    now = asyncio.get_running_loop().time()
    request = PublishRequest(
        handle=int(header.RequestHandle),
        results=[],
        answer=lambda data: processor.send_encoded(header, sequence, data),
        fault=lambda code: processor.send_fault(header, sequence, code),
        connection=processor,
        ends=now + hint / 1000 if hint else None,
        room=processor.channel.answer_room,
        is_read=processor.writable.is_set,
    )
    acknowledged = asked.params.SubscriptionAcknowledgements or ()
    processor.iserver.subscriptions.publish(asked.session, acknowledged, request)


async def _republish(asked: Asked) -> None:
    message = asked.processor.iserver.subscriptions.republish(asked.session, asked.params)
    data = republish_response(int(asked.header.RequestHandle), message)
    asked.processor.send_encoded(asked.header, asked.sequence, data)


# ---------------------------------------------------------------------- monitored items
async def _create_items(asked: Asked) -> Any:
    service, params = asked.processor.iserver.subscriptions, asked.params
    subscription = service.of(asked.session, params.SubscriptionId)
    response = ua.CreateMonitoredItemsResponse()
    response.Results = service.items.create(
        asked.session, subscription, params.ItemsToCreate, params.TimestampsToReturn
    )
    return response


async def _modify_items(asked: Asked) -> Any:
    service, params = asked.processor.iserver.subscriptions, asked.params
    subscription = service.of(asked.session, params.SubscriptionId)
    response = ua.ModifyMonitoredItemsResponse()
    response.Results = service.items.modify(
        subscription, params.ItemsToModify, params.TimestampsToReturn
    )
    return response


async def _set_monitoring_mode(asked: Asked) -> Any:
    service, params = asked.processor.iserver.subscriptions, asked.params
    subscription = service.of(asked.session, params.SubscriptionId)
    response = ua.SetMonitoringModeResponse()
    response.Parameters.Results = service.items.set_mode(
        subscription, params.MonitoredItemIds, params.MonitoringMode
    )
    return response


async def _set_triggering(asked: Asked) -> Any:
    iserver, params = asked.processor.iserver, asked.params
    added, removed = set_triggering(
        iserver.subscriptions.of(asked.session, params.SubscriptionId),
        params.TriggeringItemId,
        params.LinksToAdd or [],
        params.LinksToRemove or [],
        iserver.limits.links_per_item,
    )
    response = ua.SetTriggeringResponse()
    response.Parameters.AddResults, response.Parameters.RemoveResults = added, removed
    return response


async def _delete_items(asked: Asked) -> Any:
    service, params = asked.processor.iserver.subscriptions, asked.params
    subscription = service.of(asked.session, params.SubscriptionId)
    response = ua.DeleteMonitoredItemsResponse()
    response.Results = service.items.delete(subscription, params.MonitoredItemIds)
    return response


def _of(kind: type[Any]) -> Callable[[Any], Any]:
    return lambda body: struct_from_binary(kind, body)


SERVICES: dict[ua.NodeId, Service] = {
    request_type(name): service
    for name, service in {
        "Read": Service(_of(ua.ReadParameters), _read),
        "Write": Service(write_parameters, _write),
        "HistoryRead": Service(_of(ua.HistoryReadParameters), _history_read, beside=True),
        "Browse": Service(_of(ua.BrowseParameters), _browse, beside=True),
        "BrowseNext": Service(_of(ua.BrowseNextParameters), _browse_next, beside=True),
        "TranslateBrowsePathsToNodeIds": Service(
            _of(ua.TranslateBrowsePathsToNodeIdsParameters), _translate, beside=True
        ),
        "RegisterNodes": Service(_of(ua.RegisterNodesParameters), _register),
        "UnregisterNodes": Service(_of(ua.UnregisterNodesParameters), _unregister),
        "Call": Service(_of(ua.CallParameters), _call, beside=True),
        "Cancel": Service(_of(ua.CancelParameters), _cancel),
        "CreateSubscription": Service(_of(ua.CreateSubscriptionParameters), _create_subscription),
        "ModifySubscription": Service(_of(ua.ModifySubscriptionParameters), _modify_subscription),
        "SetPublishingMode": Service(_of(ua.SetPublishingModeParameters), _set_publishing_mode),
        "Publish": Service(_of(ua.PublishParameters), _publish),
        "Republish": Service(_of(ua.RepublishParameters), _republish),
        "TransferSubscriptions": Service(_of(ua.TransferSubscriptionsParameters), _transfer),
        "DeleteSubscriptions": Service(
            _of(ua.DeleteSubscriptionsParameters), _delete_subscriptions
        ),
        "CreateMonitoredItems": Service(_of(ua.CreateMonitoredItemsParameters), _create_items),
        "ModifyMonitoredItems": Service(_of(ua.ModifyMonitoredItemsParameters), _modify_items),
        "SetMonitoringMode": Service(_of(ua.SetMonitoringModeParameters), _set_monitoring_mode),
        "SetTriggering": Service(_of(ua.SetTriggeringParameters), _set_triggering),
        "DeleteMonitoredItems": Service(_of(ua.DeleteMonitoredItemsParameters), _delete_items),
    }.items()
}
